"""Find masks with more values than class ids, most often masks that number the objects (instances)."""

from collections.abc import Iterator

from foveate.data.pixels.masks import IGNORE
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("many", 75)
def many(survey: Survey) -> Iterator[Finding]:
    if not survey.numbered:
        return
    values = {value for _, mask in survey.masked for value in mask.values.tolist()}
    yield Finding(
        "error",
        "many",
        f"The masks hold {counted(len(values), 'different value')}, too many for class ids",
        tuple(Case(exam.entry.mask, counted(len(mask.values), "value")) for exam, mask in survey.masked),
        "Training refuses them. Most often, such masks number the objects one by one (instances).",
        "Save each class under one number: 0 for the background, 1 for any object, say."
        + ("" if max(values) > IGNORE else " If these are class ids, name all classes with --classes."),
    )
