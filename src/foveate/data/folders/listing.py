"""List folders and images. As folders may hold a million files, most functions look at the first few only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import islice
from pathlib import Path

from foveate.data.pixels.images import SUFFIXES, has_image_suffix, require_unicode

SEARCH_LIMIT = 20
"""Number of subfolders that are searched for datasets or for parts of one."""

_MAX_DEPTH = 16
"""Largest depth of folders that is followed, as a link may form a loop."""

_NOT_DATA = ("__MACOSX", "__pycache__")
"""What programs add to folders."""

_FIRST = 1000
"""Number of a folder's files that are looked at."""


_REMEMBERED: ContextVar[dict[Path, tuple[list[str], list[str]]] | None] = ContextVar("listed", default=None)


@contextmanager
def remembering_folders() -> Iterator[None]:
    """List each folder once within the block, however many layouts look into it."""
    token = _REMEMBERED.set({})
    try:
        yield
    finally:
        _REMEMBERED.reset(token)


def folders_in(root: Path) -> list[Path]:
    """Return the subfolders, sorted, without hidden ones and those that macOS adds to archives.

    Empty if the folder may not be read.
    """
    return [root / name for name in _names(root)[0]]


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the subfolders, and of the files, of a folder, each sorted."""
    remembered = _REMEMBERED.get()
    if remembered is not None and folder in remembered:
        return remembered[folder]
    names: tuple[list[str], list[str]] = ([], [])
    for entry in _listed(folder):
        if is_folder(entry) or is_file(entry):
            names[not is_folder(entry)].append(entry.name)
    for each in names:
        each.sort()
    if remembered is not None:
        remembered[folder] = names
    return names


def wrapper_chain(root: Path) -> list[Path]:
    """Follow folders that hold a single folder and nothing else; return `root` and these, innermost first."""
    folders = [root]
    while len(folders) < _MAX_DEPTH:
        inner = list(islice(_listed(folders[-1]), 2))
        if len(inner) != 1 or not is_folder(inner[0]):
            break
        folders.append(Path(inner[0].path))
    return folders[::-1]


def single_folder_chain(folder: Path) -> list[Path]:
    """Follow folders that hold a single folder and no images (a licence, say, may lie beside it).

    Returns `folder` and the folders that follow, outermost first.
    """
    folders = [folder]
    while len(folders) < _MAX_DEPTH and not holds_images(folders[-1]):
        first = islice(_listed(folders[-1]), _FIRST)
        inner = list(islice((Path(entry.path) for entry in first if is_folder(entry)), 2))
        if len(inner) != 1:
            break
        folders += inner
    return folders


def holds_images(folder: Path) -> bool:
    """Whether the first files of a folder include an image."""
    return bool(first_images(folder))


def first_images(folder: Path) -> list[str]:
    """Return the names of the images among the first files of a folder, unsorted."""
    names = (entry.name for entry in islice(_listed(folder), _FIRST))
    return [name for name in names if Path(name).suffix.lower() in SUFFIXES]


def first_files(folder: Path) -> list[str]:
    """Return the names of the first files and folders of a folder, unsorted."""
    return [entry.name for entry in islice(_listed(folder), _FIRST)]


def files_with_suffix(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a folder with a suffix in lower case, sorted; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return [folder / name for name in _names(folder)[1] if name.lower().endswith(suffix)]


def first_with_suffix(folder: Path, suffix: str) -> list[Path]:
    """Return those of the first files of a folder that have a suffix in lower case, sorted."""
    if not folder.is_dir():
        return []
    first = islice(_listed(folder), _FIRST)
    return sorted(Path(entry.path) for entry in first if entry.name.lower().endswith(suffix))


def folders_below(root: Path) -> list[Path]:
    """Return the `single_folder_chain` of each folder in `root`, one after the other.

    A dataset lies in these folders if each of its archives was unpacked into a folder of its own. Empty if
    `root` holds more than `SEARCH_LIMIT` folders.
    """
    folders = folders_in(root)
    if len(folders) > SEARCH_LIMIT:
        return []
    return [path for folder in folders for path in single_folder_chain(folder)]


def locate_folder(root: Path, name: str) -> Path:
    """Return the innermost folder called `name` in the `single_folder_chain` of `root / name`.

    Where `root / name` does not exist, search the `folders_below` of `root`. Where none matches, return
    `root / name`.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "images_zip" / "images").mkdir(parents=True)
    >>> locate_folder(root, "images").relative_to(root).as_posix(), locate_folder(root, "masks").is_dir()
    ('images_zip/images', False)
    """
    own = root / name
    candidates = single_folder_chain(own) if own.is_dir() else folders_below(root)
    return next((path for path in reversed(candidates) if path.name == name), own)


def _listed(folder: Path) -> Iterator[os.DirEntry]:
    """Yield the entries of a folder without hidden ones; none if the folder may not be read."""
    with suppress(PermissionError), os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith((".", *_NOT_DATA)))


def files_below(root: Path) -> Iterator[os.DirEntry]:
    """Yield what is below a folder and no folder, unsorted, without hidden files and folders.

    Links to folders are followed, but not into a folder that they lie in, and `_MAX_DEPTH` deep at most.
    Links that lead nowhere are among the files.
    """
    pending = [(root, (_identity(root),))]
    while pending:
        folder, above = pending.pop()
        for entry in _listed(folder):
            if not is_folder(entry):
                yield entry
            elif (inner := _identity(entry.path)) not in above and len(above) < _MAX_DEPTH:
                pending.append((Path(entry.path), (*above, inner)))


def is_folder(entry: os.DirEntry) -> bool:
    """Whether an entry is a folder or a link to one; False for a link to itself."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry) -> bool:
    """Whether an entry is a file or a link to one; False for a link to nothing or to itself."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _identity(folder: str | Path) -> tuple[int, int]:
    stat = os.stat(folder)
    return stat.st_dev, stat.st_ino


def list_images(folder: Path) -> list[Path]:
    """Return all image files under a folder, sorted; follow links, skip hidden files and folders."""
    named = (entry for entry in files_below(folder) if has_image_suffix(entry.name))
    paths = sorted((entry.path for entry in named if is_file(entry)), key=lambda path: path.split(os.sep))
    return require_unicode(list(map(Path, paths)))
