"""`foveate.doctor`: find the faults of a dataset, and recommend fixes and training settings."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.specs.bindings import written_names
from foveate.specs.data import ANY_FOLDER, FolderChoice

if TYPE_CHECKING:
    from foveate.doctor.survey import Survey
    from foveate.report.doctor import Diagnosis


def doctor(
    data: str | Path,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    group: str | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Mapping[str, Any] | Sequence[str] | None = None,
) -> "Diagnosis":
    """Check all images and masks of a dataset, and recommend fixes and training settings.

    `foveate doctor` in Python. It also works on folders that training refuses, and never changes them.

    Args:
        data: a folder of images with masks or of class folders, an address of shards, or hf:NAME.
        limit: check at most this many images, evenly spread.
        progress: called as `progress(done, images)` after each image.
        group: the images that belong together, as in `DataSpec`.
        folder: layout, masks and ignore_outside, as in `DataSpec`.
        classes: of the masks, in the order of their values or bound to them, as in `DataSpec`.

    Raises `DataError` if there are no images.

    Example:
        diagnosis = foveate.doctor("photos")
        print(diagnosis)                    # the text of `foveate doctor`
        diagnosis.clean, diagnosis.findings, diagnosis.advice
        diagnosis.save("photos.html")       # or .json
        diagnosis.fix("photos-mended")      # a copy with the faults fixed that need no decision
    """
    from foveate.doctor.visit import visit

    words = None if classes is None else written_names(classes)
    return diagnose(visit(data, limit, progress, group=group, folder=folder, classes=words), data)


def diagnose(survey: "Survey", data: str | Path) -> "Diagnosis":
    """Return the findings of a survey of a dataset, and advice on training."""
    from foveate.doctor.facts import gather
    from foveate.doctor.finding import judge
    from foveate.experiments.advice import advise
    from foveate.report.doctor import Diagnosis

    facts = gather(survey)
    return Diagnosis(str(data), survey, facts, judge(survey), advise(survey, facts))
