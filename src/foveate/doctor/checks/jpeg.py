"""Masks that were saved as JPEG."""

from collections.abc import Iterator

from foveate.data.pixels.images import LOSSY
from foveate.data.readers.coloured import colors_file
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.mends import neighbors_color, threshold
from foveate.doctor.reading import kind
from foveate.doctor.survey import Survey

FILLED = 0.02
"""JPEG spoils colours around every edge; where more than this share lies inside areas without a name, these
are meant.
"""


def is_jpeg(form: str) -> bool:
    """Whether a file format is JPEG, or one that changes values alike."""
    return form in LOSSY


@check("jpeg", 50)
def jpeg(survey: Survey) -> Iterator[Finding]:
    found = [(exam, mask) for exam, mask in survey.masked if is_jpeg(mask.format)]
    if not found:
        return
    black_white = all(kind(mask) in ("smoothed", "0/255", "one value") for _, mask in found)
    mend = threshold() if black_white else None
    if survey.folder.colors:
        filled = any(mask.unnamed > FILLED for _, mask in found)
        named = colors_file(survey.folder.root).name
        mend = None if filled else neighbors_color(survey.folder.colors, named)
    yield Finding(
        "error",
        "jpeg",
        f"{counted(len(found), 'mask')} saved as JPEG",
        tuple(Case(exam.entry.mask, f"{len(mask.values)} different values") for exam, mask in found),
        "JPEG changes the values near every edge, so that there are classes which nobody drew.",
        "Export the masks again as PNG from the original annotations.",
        mend,
    )
