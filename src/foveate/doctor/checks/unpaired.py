"""Find images without masks, masks without images, and files that share a name."""

from collections.abc import Iterator

from foveate.data.folders.foreign import masks_of_others
from foveate.data.folders.image_tables import unread_tables
from foveate.data.folders.pair_folders import UNAMBIGUOUS_MASK_FOLDERS, strip_mask_suffix
from foveate.doctor.finding import Case, Finding, Mend, check, counted
from foveate.doctor.survey import Survey

_ONE = {"image": "an image", "mask": "a mask"}


@check("unpaired", 20)
def unpaired(survey: Survey) -> Iterator[Finding]:
    for what, other in (("image", "mask"), ("mask", "image")):
        hints = _hints(survey) if what == "image" else []
        cases = tuple(Case(path) for path, kind in survey.folder.unpaired if kind == what)
        if cases:
            yield Finding(
                "error",
                "unpaired",
                f"{counted(len(cases), what)} without {_ONE[other] if len(cases) == 1 else other + 's'}",
                cases,
                f"An image and its mask have the same name, letter by letter: to {_name(cases, what)}.",
                f"Add the missing {other}s, mend the names, or remove these {what}s."
                + "".join(f" Or, {hint}." for hint in hints)
                + _origin(survey) * (what == "mask"),
                Mend("left out", leave_out=True) if survey.folder.entries else None,
            )
    if survey.folder.clashes:
        yield Finding(
            "error",
            "unpaired",
            f"{counted(len(survey.folder.clashes), 'file')} of the same name as another",
            tuple(Case(path, message) for path, message in survey.folder.clashes),
            "It is unclear which of the two files to use.",
            "Keep one of the two.",
            Mend("left out; the first of the two is kept", leave_out=True),
        )


def _name(cases: tuple[Case, ...], what: str) -> str:
    """Say which file name would complete the first pair."""
    file = cases[0].file
    if what == "image":
        return f"{file.name} belongs {file.stem}.png or {file.stem}_mask.png"
    return f"the mask {file.name} belongs an image {strip_mask_suffix(file.stem)} with any ending"


def _origin(survey: Survey) -> str:
    """Say what the names of the masks without images tell about the program that wrote them."""
    images = [entry.stem for _, entry in survey.folder.entries]
    images += [path.stem for path, kind in survey.folder.unpaired if kind == "image"]
    hint = masks_of_others([path.stem for path, kind in survey.folder.unpaired if kind == "mask"], images)
    return f" {hint[0].upper()}{hint[1:]}." if hint else ""


def _hints(survey: Survey) -> list[str]:
    """Name unread folders and tables that may hold the masks of the images."""
    folders = [f"{survey.folder.name(path)}/" for path in survey.folder.unread[0]]
    called = (
        f"if {' or '.join(folders[:3])} holds the masks, call it masks/ (masks are looked for in folders "
        f"called {', '.join(UNAMBIGUOUS_MASK_FOLDERS)} and the like)"
    )
    table = unread_tables(survey.folder.root)
    return [called] * bool(folders) + [table] * bool(table)
