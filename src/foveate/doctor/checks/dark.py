"""Find 16-bit images that use little of their range, such as 12-bit images stored with 16 bits."""

from collections.abc import Iterator

from foveate.doctor.exam import ImageFacts
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey

DARK = 64
"""16-bit images are dark if none of them has a value, scaled to 0 .. 255, of this or more."""


@check("dark", 105)
def dark(survey: Survey) -> Iterator[Finding]:
    if not little_used(survey):
        return
    deep = [exam for exam in survey.exams if exam.image and is_deep(exam.image)]
    top = max(exam.image.brightest for exam in deep)
    yield Finding(
        "warning",
        "dark",
        f"{counted(len(deep), '16-bit image')} that use{'s' * (len(deep) == 1)} little of the range",
        tuple(Case(survey.folder.image(exam.entry)) for exam in deep),
        f"Reading scales 65535 to 255, and the brightest value in these images becomes {top}: few shades are "
        "left to learn from.",
        "Save them as 8-bit, or multiply all values by the same factor: 16 for 12-bit images.",
    )


def little_used(survey: Survey) -> bool:
    """Whether there are 16-bit images and none of them has a value of `DARK` or more."""
    tops = [exam.image.brightest for exam in survey.exams if exam.image and is_deep(exam.image)]
    return bool(tops) and max(tops) < DARK


def is_deep(image: ImageFacts) -> bool:
    """Whether an image has one channel of more than 8 bits."""
    return image.mode.startswith("I")
