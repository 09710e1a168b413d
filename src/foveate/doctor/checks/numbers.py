"""Find masks whose numbers may be a program's, not the data's: of few bits, or of a palette of greys."""

from collections.abc import Iterator
from functools import partial

from foveate.data.pixels.doubts import refuse_depths, refuse_grey_palettes, refuse_two_scales
from foveate.data.pixels.tally import Tally
from foveate.doctor.finding import Case, Finding, check
from foveate.doctor.survey import Survey
from foveate.errors import DataError


@check("numbers", 86)
def numbers(survey: Survey) -> Iterator[Finding]:
    """Ask what training would ask about white of several numbers, and about palettes of greys."""
    if survey.convention != "ids" or survey.folder.read is not None or survey.folder.classes:
        return
    tallies = [
        Tally(
            exam.entry.mask or exam.entry.stem,
            mask.size,
            mask.values,
            mask.counts,
            mask.palette,
            bits=mask.bits,
        )
        for exam, mask in survey.masked
        if not mask.colored
    ]
    for refuse in (partial(refuse_two_scales, classes=None), refuse_depths, refuse_grey_palettes):
        try:
            refuse(tallies)
        except DataError as error:
            yield Finding(
                "error",
                "numbers",
                "The numbers of masks may not be those of the classes",
                (Case(survey.folder.root, str(error)),),
                "Training refuses to guess.",
                "Say what each value stands for, by your names, as the message shows.",
            )
