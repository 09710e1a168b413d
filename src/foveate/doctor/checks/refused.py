"""Report the errors of the layout's reader."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, Mend, check
from foveate.doctor.survey import Survey


@check("refused", 5)
def refused(survey: Survey) -> Iterator[Finding]:
    folder = survey.folder
    if folder.reader_errors:
        mendable = folder.entries and len(folder.droppable_rows) == len(folder.reader_errors)
        yield Finding(
            "error",
            "refused",
            f"The folder cannot be read as {folder.layout}",
            tuple(Case(folder.root, message) for message in folder.reader_errors),
            "Training would stop with this message.",
            "Do what the message says, then ask again.",
            Mend("these rows are left out of the table") if mendable else None,
        )
