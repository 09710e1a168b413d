"""More values in masks than there are classes: objects numbered one by one, most often."""

from collections.abc import Iterator

from foveate.data.doctor.checks.jpeg import is_jpeg
from foveate.data.doctor.finding import Case, Finding, check, counted
from foveate.data.doctor.reading import RAMPS
from foveate.data.doctor.survey import Survey
from foveate.data.masks import MAX_UNNAMED


@check("many", 75)
def many(survey: Survey) -> Iterator[Finding]:
    """Masks of more values than class ids have; smoothed ones and JPEGs have a finding of their own."""
    masks = [
        (exam, mask)
        for exam, mask in survey.masked
        if not mask.colored and not is_jpeg(mask.format) and mask.ramps < RAMPS
    ]
    values = {value for _, mask in masks for value in mask.values.tolist()} - survey.stray
    if survey.folder.read is not None or survey.convention != "ids" or len(values) <= MAX_UNNAMED:
        return
    if survey.codec is None:
        yield Finding(
            "error",
            "many",
            f"The masks hold {counted(len(values), 'different value')}, too many for class ids",
            tuple(Case(exam.entry.mask, counted(len(mask.values), "value")) for exam, mask in masks),
            "Training refuses them. Masks that number the objects one by one (instances) look so.",
            "Save each class under one number: 0 for the background, 1 for any object, say. Where these are "
            "class ids, name all classes with --classes.",
        )
