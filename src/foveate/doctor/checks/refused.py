"""What the reader of the layout refuses before it looks at any image."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, Mend, check
from foveate.doctor.survey import Survey


@check("refused", 5)
def refused(survey: Survey) -> Iterator[Finding]:
    folder = survey.folder
    if folder.reader_errors:
        droppable_rows = folder.entries and len(folder.droppable_rows) == len(folder.reader_errors)
        yield Finding(
            "error",
            "refused",
            f"The folder cannot be read as {folder.layout}",
            tuple(Case(folder.root, said) for said in folder.reader_errors),
            "Training would stop with this message.",
            "Do what the message says, then ask again.",
            Mend("these rows are left out of the table") if droppable_rows else None,
        )
