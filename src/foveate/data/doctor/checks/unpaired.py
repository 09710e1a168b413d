"""Images without masks, masks without images, and files of which it is not clear which is meant."""

from collections.abc import Iterator

from foveate.data.doctor.finding import Case, Finding, Mend, check, counted
from foveate.data.doctor.survey import Survey
from foveate.data.readers.csv_table import unread_tables

_ONE = {"image": "an image", "mask": "a mask"}


@check("unpaired", 20)
def unpaired(survey: Survey) -> Iterator[Finding]:
    for what, other in (("image", "mask"), ("mask", "image")):
        hint = unread_tables(survey.folder.root) if what == "image" else ""
        cases = tuple(Case(path) for path, kind in survey.folder.lonely if kind == what)
        if cases:
            yield Finding(
                "error",
                "unpaired",
                f"{counted(len(cases), what)} without {_ONE[other] if len(cases) == 1 else other + 's'}",
                cases,
                f"An image and its mask are found by their names; {_ONE[what]} alone teaches nothing.",
                f"Add the missing {other}s, mend the names, or remove these {what}s."
                + (f" Or, {hint}." if hint else ""),
                Mend("left out", leave_out=True),
            )
    if survey.folder.clashes:
        yield Finding(
            "error",
            "unpaired",
            f"{counted(len(survey.folder.clashes), 'file')} that could be meant instead of another",
            tuple(Case(path, said) for path, said in survey.folder.clashes),
            "Which of two files of one name is meant cannot be guessed.",
            "Keep one of the two.",
            Mend("left out; the first of the two is kept", leave_out=True),
        )
