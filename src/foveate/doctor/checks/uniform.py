"""Find masks of a single value (empty, full, or wholly ignored) and images of a single shade."""

from collections.abc import Iterator

from foveate.data.pixels.masks import IGNORE
from foveate.doctor.checks.dark import is_deep, little_used
from foveate.doctor.exam import Exam
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey
from foveate.doctor.twins import BLANK

FEW = 0.1
"""If more than this share of the masks has one value, that is normal in this dataset: a note, no warning."""


@check("uniform", 100)
def uniform(survey: Survey) -> Iterator[Finding]:
    by_class: dict[int, list[Exam]] = {}
    for exam, mask in survey.masked:
        if len(mask.values) == 1 and (number := survey.numbers.get(int(mask.values[0]))) is not None:
            by_class.setdefault(number, []).append(exam)
    for number, exams in sorted(by_class.items()):
        many = len(exams) > FEW * len(survey.masked)
        if number == IGNORE:
            title, why = "ignored from edge to edge", "Nothing in these images is learnt or scored."
        elif survey.binary and number == 0:
            title = "empty"
            why = "Right for images without an object, which are useful; wrong if the object was not drawn."
        elif survey.binary:
            title, why = (
                "full",
                "Objects that fill the whole image are rare; failed exports are common.",
            )
        else:
            title = f"of one class only, '{survey.classes[number]}'"
            why = "Images with a single class are rare in data of several; failed exports are common."
        yield Finding(
            "note" if many else "warning",
            "uniform",
            f"{counted(len(exams), 'mask')} {'is' if len(exams) == 1 else 'are'} {title}",
            tuple(Case(survey.folder.mask(exam.entry)) for exam in exams),
            why,
            "Look at the images; draw what is missing, or leave the masks that are right.",
        )


@check("blank", 110)
def blank(survey: Survey) -> Iterator[Finding]:
    """Find images of a single shade; 16-bit images that the check `dark` reports are left out."""
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
            "They have one shade from edge to edge, or nearly so: the exposure or the export failed.",
            "Look at them; remove those that show nothing, with their masks.",
        )
