"""Masks of another size than their images."""

from collections.abc import Iterator

import numpy as np

from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey

SAME_SHAPE = 0.02
"""Relative difference of the ratios of height and width, up to which one is the other in another size."""


@check("sizes", 30)
def sizes(survey: Survey) -> Iterator[Finding]:
    differing = [exam for exam in survey.exams if _differs(exam)]
    scaled = [exam for exam in differing if _scaled(exam)]
    other = [exam for exam in differing if not _scaled(exam)]
    why = "It cannot be known which pixel of the mask belongs to which of the image; training refuses."
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
            "Such a mask is that of another image, or was cropped or turned; export it again.",
            Mend("left out, with their images", leave_out=True),
        )


def lies_as_stored(exam: Exam) -> bool:
    """Whether a mask lies as its image's file does before the EXIF tag turns it by a quarter."""
    both = exam.image is not None and exam.mask is not None
    return both and exam.image.orientation >= 5 and exam.mask.size == exam.image.size[::-1] != exam.image.size


def resize(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask at another height and width, by nearest pixel."""
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
