"""Find masks that differ in size from their images."""

from collections.abc import Iterator

import numpy as np

from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey

SAME_SHAPE = 0.02
"""A mask is a scaled version of its image if their aspect ratios differ by at most this share."""


@check("sizes", 30)
def sizes(survey: Survey) -> Iterator[Finding]:
    differing = [exam for exam in survey.exams if _differs(exam)]
    scaled = [exam for exam in differing if _scaled(exam)]
    other = [exam for exam in differing if not _scaled(exam)]
    why = "It is unknown which pixel of the mask belongs to which pixel of the image; training refuses."
    if scaled:
        yield Finding(
            "error",
            "sizes",
            f"{counted(len(scaled), 'mask')} in another size than the image",
            _cases(scaled),
            why,
            "Export the masks at the size of the images, without smoothing.",
            Mend("enlarged or reduced to the image's size, by nearest pixel", mask=resize),
        )
    if other:
        yield Finding(
            "error",
            "sizes",
            f"{counted(len(other), 'mask')} of another shape than the image",
            _cases(other),
            why,
            "Such a mask belongs to another image, or was cropped or turned; export it again.",
            Mend("left out, with their images", leave_out=True),
        )


def lies_as_stored(exam: Exam) -> bool:
    """Whether a mask has the size of its image before the EXIF tag turns the image by 90 degrees."""
    both = exam.image is not None and exam.mask is not None
    return both and exam.image.orientation >= 5 and exam.mask.size == exam.image.size[::-1] != exam.image.size


def resize(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask to a height and width by nearest pixel."""
    rows, columns = (
        ((np.arange(side) + 0.5) * own / side).astype(int) for side, own in zip(size, mask.shape, strict=True)
    )
    return mask[rows][:, columns]


def _differs(exam: Exam) -> bool:
    both = exam.image is not None and exam.mask is not None
    return both and exam.image.size != exam.mask.size and not lies_as_stored(exam)


def _scaled(exam: Exam) -> bool:
    (height, width), (mask_height, mask_width) = exam.image.size, exam.mask.size
    return abs(height * mask_width / (width * mask_height) - 1) <= SAME_SHAPE


def _cases(exams: list[Exam]) -> tuple[Case, ...]:
    return tuple(
        Case(
            exam.entry.mask,
            "mask {} x {}, image {} x {} (height x width)".format(*exam.mask.size, *exam.image.size),
        )
        for exam in exams
    )
