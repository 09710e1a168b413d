"""Find the files that the cells of a table name."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.listing import folders_in
from foveate.data.folders.pair_folders import IMAGE_FOLDERS, find_folder
from foveate.data.names import one_form
from foveate.data.pixels.images import RARE, SUFFIXES
from foveate.errors import DataError
from foveate.files import escapes_folder


def image_places(root: Path) -> list[Path]:
    """Return the folders in `root`, each before its own folder of images, as in images_001/images/."""
    return [
        path for folder in folders_in(root) for path in (folder, find_folder(folder, IMAGE_FOLDERS)) if path
    ]


def find_file(
    root: Path,
    folders: Sequence[str],
    name: str,
    what: str,
    where: str,
    places: Sequence[Path] | None = None,
) -> Path:
    """Return the file that a cell names, in `root`, in the first of `folders` there, or in any folder there.

    The name may lack the suffix. what, where: "image" or "mask", and "file:line", for messages. places: the
    folders that are searched last; by default those in `root`. Raises `DataError` if the file does not exist,
    lies outside `root`, or lies in several folders.
    """
    if escapes_folder(name):
        raise DataError(f"{where}: the {what} '{name}' leads out of {root}; name it relative to that folder")
    names = [name, *(f"{name}{suffix}" for suffix in [*sorted(SUFFIXES - RARE), *sorted(RARE)])]
    if path := _first_file(root, names):
        return path
    inner = find_folder(root, folders)  # last, as it lists all of `root`, which may hold all images
    if inner and (path := _first_file(inner, names)):
        return path
    last = image_places(root) if places is None else places
    parts = [path for folder in last if (path := _first_file(folder, names))]
    if len(parts) > 1:
        raise DataError(
            f"{where}: the {what} '{name}' lies in {parts[0].parent.name}/ and in {parts[1].parent.name}/; "
            "name it with its folder"
        )
    if parts:
        return parts[0]
    raise DataError(
        f"{where}: the {what} '{name}' does not exist (looked in {inner or root}); add it, or remove the row"
    )


def plain_name(root: Path, name: str) -> str:
    """Return a cell's path relative to the table's folder: Windows backslashes become slashes, and absolute
    paths into the folder become relative.

    >>> plain_name(Path("/data"), "images\\\\a.png"), plain_name(Path("/data"), "/data/images/a.png")
    ('images/a.png', 'images/a.png')
    """
    if "\\" in name and not (root / name).exists():
        name = name.replace("\\", "/")
    if Path(name).is_absolute():
        for folder in (root.absolute(), root.resolve()):
            if Path(name).is_relative_to(folder):
                return Path(name).relative_to(folder).as_posix()
    return name


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    forms = dict.fromkeys(form for name in names for form in (name, one_form(name), _decomposed(name)))
    return next((folder / name for name in forms if (folder / name).is_file()), None)


def _decomposed(name: str) -> str:
    """Return a name as macOS writes it."""
    return unicodedata.normalize("NFD", name)
