"""Find data without any image."""

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
            "The data holds no image",
            (Case(folder.root),),
            f"The folder was recognised as {folder.layout}: {folder.summary}.",
            "Put images and masks into these folders, or give the folder that holds them.",
        )
