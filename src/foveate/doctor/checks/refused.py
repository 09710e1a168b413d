"""What the reader of the layout refuses before it looks at any image."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, Mend, check
from foveate.doctor.survey import Survey


@check("refused", 5)
def refused(survey: Survey) -> Iterator[Finding]:
    folder = survey.folder
    if folder.refused:
        surplus = folder.entries and len(folder.surplus) == len(folder.refused)
        yield Finding(
            "error",
            "refused",
            f"The folder cannot be read as {folder.layout}",
            tuple(Case(folder.root, said) for said in folder.refused),
            "Training would stop with this message.",
            "Do what the message says, then ask again.",
            Mend("these rows are left out of the table") if surplus else None,
        )
