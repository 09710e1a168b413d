"""Find masks that were saved as JPEG."""

from collections.abc import Iterator

from foveate.data.pixels.images import LOSSY
from foveate.data.readers.coloured import colors_file
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.mends import neighbors_color, threshold
from foveate.doctor.reading import kind
from foveate.doctor.survey import Survey

FILLED = 0.02
"""Share of a mask's pixels inside areas of unnamed colours above which these areas are classes that the table
lacks. JPEG changes colours near edges only.
"""


def is_jpeg(file_format: str) -> bool:
    """Whether a file format is lossy, such as JPEG."""
    return file_format in LOSSY


@check("jpeg", 50)
def jpeg(survey: Survey) -> Iterator[Finding]:
    jpegs = [(exam, mask) for exam, mask in survey.masked if is_jpeg(mask.format)]
    if not jpegs:
        return
    black_white = all(kind(mask) in ("smoothed", "0/255", "one value") for _, mask in jpegs)
    mend = threshold() if black_white else None
    if survey.folder.colors:
        filled = any(mask.unnamed > FILLED for _, mask in jpegs)
        named = colors_file(survey.folder.root).name
        mend = None if filled else neighbors_color(survey.folder.colors, named)
    yield Finding(
        "error",
        "jpeg",
        f"{counted(len(jpegs), 'mask')} saved as JPEG",
        tuple(Case(exam.entry.mask, f"{len(mask.values)} different values") for exam, mask in jpegs),
        "JPEG changes the values near every edge; each changed value would be a class that nobody drew.",
        "Export the masks again as PNG from the original annotations.",
        mend,
    )
