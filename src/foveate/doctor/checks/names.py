"""Find classes whose names differ in case, blanks, hyphens or their Unicode form alone."""

from collections.abc import Iterator

from foveate.data.names import alike
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("names", 156)
def names(survey: Survey) -> Iterator[Finding]:
    """Find names that are one class to a reader and several to training."""
    folder = survey.folder
    groups = alike(folder.classes or survey.classes)
    if not groups:
        return
    yield Finding(
        "warning",
        "names",
        f"{counted(len(groups), 'class', 'classes')} with names in several spellings: "
        + "; ".join(" and ".join(map(repr, group)) for group in groups[:3]),
        tuple(Case(folder.root, " and ".join(map(repr, group))) for group in groups),
        "They differ in case, blanks or hyphens alone, and are learnt as different classes.",
        "If they are one class, write them in one way where the classes are named.",
    )
