"""Data in which there is nothing to look at."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, check
from foveate.doctor.survey import Survey


@check("empty", 6)
def empty(survey: Survey) -> Iterator[Finding]:
    folder = survey.folder
    if not folder.entries and not folder.reader_errors and not folder.unpaired:
        yield Finding(
            "error",
            "empty",
            "There is no image to look at",
            (Case(folder.root),),
            f"The folder was taken for {folder.layout}: {folder.summary}.",
            "Put images and masks where that says, or give the folder that holds them.",
        )
