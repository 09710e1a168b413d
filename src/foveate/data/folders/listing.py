"""What lies in a folder, told from few of its names: there may be a million."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from foveate.data.pixels.images import SUFFIXES, image_files

SEARCH_LIMIT = 20
"""So many of the folders in a folder are looked into for datasets, or for parts of one."""

_DEEPEST = 16
"""So many folders in one another are followed; a link may lead back."""

_FIRST = 1000
"""So many of a folder's files tell what it holds; there may be a million."""


def folders_in(root: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones and those that macOS leaves in archives; none in
    a folder that may not be looked into.
    """
    return sorted(Path(entry.path) for entry in _listed(root) if entry.is_dir())


def wrapper_chain(root: Path) -> list[Path]:
    """The folder and those inside it, as long as each holds nothing but the next; the innermost first."""
    folders = [root]
    while len(folders) < _DEEPEST:
        inner = list(islice(_listed(folders[-1]), 2))
        if len(inner) != 1 or not inner[0].is_dir():
            break
        folders.append(Path(inner[0].path))
    return folders[::-1]


def single_folder_chain(folder: Path) -> list[Path]:
    """The folder and those inside it, as long as each holds one folder and no images; the outermost first."""
    folders = [folder]
    while len(folders) < _DEEPEST and not holds_images(folders[-1]):
        first = islice(_listed(folders[-1]), _FIRST)
        inner = list(islice((Path(entry.path) for entry in first if entry.is_dir()), 2))
        if len(inner) != 1:
            break
        folders += inner
    return folders


def holds_images(folder: Path) -> bool:
    """Whether there is an image among the first files of a folder."""
    return bool(first_images(folder))


def first_images(folder: Path) -> list[str]:
    """The names of the images among the first files of a folder, in no order."""
    names = (entry.name for entry in islice(_listed(folder), _FIRST))
    return [name for name in names if Path(name).suffix.lower() in SUFFIXES]


def folders_below(root: Path) -> list[Path]:
    """The folders in `root`, each followed by those that it leads to past words and licences: where a dataset
    lies whose archives were unpacked into a folder each. Of more folders than such datasets have, none.
    """
    folders = folders_in(root)
    return (
        [path for folder in folders for path in single_folder_chain(folder)]
        if len(folders) <= SEARCH_LIMIT
        else []
    )


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
    among = single_folder_chain(own) if own.is_dir() else folders_below(root)
    return next((path for path in reversed(among) if path.name == name), own)


def _listed(folder: Path) -> Iterator[os.DirEntry]:
    """What lies in a folder, without what is hidden; nothing where it may not be looked into."""
    with suppress(PermissionError), os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith((".", "__MACOSX")))


def list_images(folder: Path) -> list[Path]:
    """All image files under a folder, sorted; hidden files and what is in hidden folders (as
    .ipynb_checkpoints) are passed over.
    """
    paths = image_files(folder.rglob("*"))
    return [path for path in paths if not any(p.startswith(".") for p in path.relative_to(folder).parts)]
