"""16-bit images that use little of their range, as those of 12 bits do."""

from collections.abc import Iterator

from foveate.doctor.exam import ImageFacts
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey

DARK = 64
"""Where no 16-bit image reaches this of 255, they use a quarter of their range."""


@check("dark", 105)
def dark(survey: Survey) -> Iterator[Finding]:
    if not little_used(survey):
        return
    deep = [exam for exam in survey.exams if exam.image and is_deep(exam.image)]
    top = max(exam.image.brightest for exam in deep)
    yield Finding(
        "warning",
        "dark",
        f"{counted(len(deep), '16-bit image')} of which little of the range is used",
        tuple(Case(survey.folder.image(exam.entry)) for exam in deep),
        f"65535 becomes 255 when they are read, so that the brightest of these is {top}: few shades are left "
        "to learn from.",
        "Save them as 8-bit, or scale the values of all alike: those of 12 bits by 16.",
    )


def little_used(survey: Survey) -> bool:
    """Whether there are deep images, and none of them is bright anywhere."""
    tops = [exam.image.brightest for exam in survey.exams if exam.image and is_deep(exam.image)]
    return bool(tops) and max(tops) < DARK


def is_deep(image: ImageFacts) -> bool:
    """Whether an image has one channel of more than 8 bits."""
    return image.mode.startswith("I")
