"""Masks of a single value: empty, full, or wholly ignored; and images that show nothing."""

from collections.abc import Iterator

from foveate.data.doctor.exam import Exam, ImageFacts
from foveate.data.doctor.finding import Case, Finding, check, counted
from foveate.data.doctor.survey import Survey
from foveate.data.doctor.twins import BLANK
from foveate.data.masks import IGNORE

FEW = 0.1
"""Where more than this share of the masks is of one value, it is part of how the data was made."""


@check("uniform", 100)
def uniform(survey: Survey) -> Iterator[Finding]:
    found: dict[int, list[Exam]] = {}
    for exam, mask in survey.masked:
        if len(mask.values) == 1 and (number := survey.numbers.get(int(mask.values[0]))) is not None:
            found.setdefault(number, []).append(exam)
    for number, exams in sorted(found.items()):
        many = len(exams) > FEW * len(survey.masked)
        if number == IGNORE:
            title, why = "ignored from edge to edge", "Nothing in these images is learnt or scored."
        elif survey.binary and number == 0:
            title = "empty"
            why = "Right for images without an object, which are worth having; wrong where it was forgotten."
        elif survey.binary:
            title, why = (
                "full",
                "An object that fills its image to the last pixel is rare; exports that failed are not.",
            )
        else:
            title = f"of one class only, '{survey.classes[number]}'"
            why = "An image with a single class is rare where there are several; exports that failed are not."
        yield Finding(
            "note" if many else "warning",
            "uniform",
            f"{counted(len(exams), 'mask')} {'is' if len(exams) == 1 else 'are'} {title}",
            tuple(Case(survey.folder.mask(exam.entry)) for exam in exams),
            why,
            "Look at the images; draw what is missing, or leave it where it is right.",
        )


DARK = 64
"""16-bit images that stay below this of 255 use a quarter of their range, as those of 12 bits do."""


@check("blank", 110)
def blank(survey: Survey) -> Iterator[Finding]:
    """Images that hardly show anything, the deep ones among them since their values are scaled down."""
    deep = [exam for exam in survey.exams if exam.image and _little_used(exam.image)]
    if deep:
        top = max(exam.image.brightest for exam in deep)
        yield Finding(
            "warning",
            "dark",
            f"{counted(len(deep), '16-bit image')} of which little of the range is used",
            tuple(Case(survey.folder.image(exam.entry)) for exam in deep),
            f"65535 becomes 255 when they are read, so that the brightest of these is {top}: few shades are "
            "left to learn from.",
            "Save them as 8-bit, or scale their values up: those of 12 bits by 16.",
        )
    blank = [exam for exam in survey.exams if exam.image and exam.image.contrast < BLANK]
    exams = [exam for exam in blank if exam not in deep]
    if exams:
        yield Finding(
            "warning",
            "blank",
            f"{counted(len(exams), 'image')} {'shows' if len(exams) == 1 else 'show'} nothing",
            tuple(Case(survey.folder.image(exam.entry)) for exam in exams),
            "They are of one shade from edge to edge, or nearly so: an exposure or an export that failed.",
            "Look at them; remove those that show nothing, with their masks.",
        )


def _little_used(image: ImageFacts) -> bool:
    return image.mode.startswith("I") and image.brightest < DARK
