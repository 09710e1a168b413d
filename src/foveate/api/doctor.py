"""`foveate.doctor`: what is wrong with a dataset, what to do about it, and how to train on it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveate.doctor.survey import Survey
    from foveate.report.doctor import Diagnosis


def doctor(
    data: str | Path, limit: int | None = None, progress: Callable[[int, int], None] | None = None
) -> "Diagnosis":
    """Look at every image and mask of a dataset; say what is wrong with them and how to train on them.

    `foveate doctor` in Python. Works on folders that training refuses, too, and never changes them.

    Args:
        data: a folder of images with masks or of class folders, an address of shards, or hf:NAME.
        limit: look at no more than this many images, evenly spread.
        progress: called with the number of images looked at, and that of all, after each.

    Raises `DataError` where there is nothing to look at.

    Example:
        diagnosis = foveate.doctor("photos")
        print(diagnosis)                    # the text of `foveate doctor`
        diagnosis.clean, diagnosis.findings, diagnosis.advice
        diagnosis.save("photos.html")       # or .json
        diagnosis.fix("photos-mended")      # a copy, with what needs no decision mended
    """
    from foveate.doctor.visit import visit

    return diagnose(visit(data, limit, progress), data)


def diagnose(survey: "Survey", data: str | Path) -> "Diagnosis":
    """Judge what was seen of a dataset, and work out how to train on it."""
    from foveate.doctor.facts import gather
    from foveate.doctor.finding import judge
    from foveate.experiments.advice import advise
    from foveate.report.doctor import Diagnosis

    facts = gather(survey)
    return Diagnosis(str(data), survey, facts, judge(survey), advise(survey, facts))
