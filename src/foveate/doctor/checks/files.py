"""Find files that may belong to the dataset and are not read, and images that are one file by links."""

from collections.abc import Iterator

from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("files", 26)
def files(survey: Survey) -> Iterator[Finding]:
    """Report what is not read; a warning if it is more than a stray file or two."""
    account = survey.folder.account
    told = set(survey.folder.unread[0])  # the check "unread" reports these folders
    missed = [heap for heap in account.missed if not told.intersection(heap.files[0].parents)]
    if not missed or survey.folder.reader_errors:
        return
    number = sum(len(heap.files) for heap in missed)
    yield Finding(
        "warning" if account.many else "note",
        "files",
        f"{counted(number, 'file')} that may belong to the data, not read, beside {account.used:,} that are",
        tuple(
            Case(heap.files[0], f"{'the first of ' * (len(heap.files) > 1)}{heap.words}") for heap in missed
        ),
        "What is not read is neither trained on nor scored.",
        "Do what each line says, or move the files elsewhere.",
    )


@check("links", 27)
def links(survey: Survey) -> Iterator[Finding]:
    """Report images that are one file, by links."""
    if twice := survey.folder.account.twice:
        name, verb = survey.folder.name, "are" if len(twice) > 1 else "is"
        yield Finding(
            "warning",
            "links",
            f"{counted(len(twice), 'image')} that {verb} the file of another, by links",
            tuple(Case(second, f"is {name(first)}") for first, second in twice),
            "One picture counts twice, and may be trained on under one name and scored under the other.",
            "Keep one of the two names.",
        )
