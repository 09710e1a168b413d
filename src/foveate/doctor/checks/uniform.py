"""Masks of a single value: empty, full, or wholly ignored; and images that show nothing."""

from collections.abc import Iterator

from foveate.data.pixels.masks import IGNORE
from foveate.doctor.checks.dark import is_deep, little_used
from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey
from foveate.doctor.twins import BLANK

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


@check("blank", 110)
def blank(survey: Survey) -> Iterator[Finding]:
    """Images of one colour; those of which it is said that they are dark for their depth are left out."""
    dark = little_used(survey)
    exams = [
        exam
        for exam in survey.exams
        if exam.image and exam.image.contrast < BLANK and not (dark and is_deep(exam.image))
    ]
    if exams:
        yield Finding(
            "warning",
            "blank",
            f"{counted(len(exams), 'image')} {'shows' if len(exams) == 1 else 'show'} nothing",
            tuple(Case(survey.folder.image(exam.entry)) for exam in exams),
            "They are of one shade from edge to edge, or nearly so: an exposure or an export that failed.",
            "Look at them; remove those that show nothing, with their masks.",
        )
