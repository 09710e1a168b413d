"""The registry of dataset layouts, what a reader of one hands over, and where in a folder its parts lie."""

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foveate.data.catalogue import DatasetInfo
from foveate.data.dataset import Color, Entry, Read, Task
from foveate.data.images import SUFFIXES

LOOKED_AT = 20
"""So many of the folders in a folder are looked into for datasets, or for parts of one."""

_DEEPEST = 16
"""So many folders in one another are followed; a link may lead back."""

_FIRST = 1000
"""So many of a folder's files tell what it holds; there may be a million."""


@dataclass(frozen=True)
class Layout:
    """What a reader found in a folder, before it is split.

    parts: entries by the split the folder puts them in (train, val, test), or all of them under "all".
    reader: decodes one entry; it must pickle, for it travels to worker processes. colors may be empty.
    counts: pixels per class of each stem. notes: sentences for the user.
    """

    task: Task
    classes: tuple[str, ...]
    parts: Mapping[str, Sequence[Entry]]
    reader: Read
    colors: tuple[Color, ...] = ()
    counts: Mapping[str, Int64[np.ndarray, " classes"]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayoutReader:
    """A registered layout: `recognise(root)` says whether a folder has it, `read(root, classes)` reads it.

    info: what is known of the dataset, where the layout is that of one dataset rather than of many.
    """

    name: str
    order: int
    summary: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path, Sequence[str] | None], Layout]
    info: DatasetInfo | None = None


_READERS: dict[str, LayoutReader] = {}


def reader(name: str, order: int, summary: str, info: DatasetInfo | None = None) -> Callable[[type], type]:
    """Class decorator: register a layout by its static `recognise` and `read`; low orders are asked first."""

    def register(layout: type) -> type:
        if name in _READERS:
            raise ValueError(f"the layout '{name}' is registered twice")
        _READERS[name] = LayoutReader(name, order, summary, layout.recognise, layout.read, info)
        return layout

    return register


def layout_readers() -> tuple[LayoutReader, ...]:
    """All layouts, in the order in which they are tried; every module of `foveate.data.readers` is one.

    >>> layout_readers()[-1].name
    'class_folders'
    """
    import foveate.data.readers as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(sorted(_READERS.values(), key=lambda layout: layout.order))


def folders_in(root: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones and those that macOS leaves in archives; none in
    a folder that may not be looked into.
    """
    return sorted(Path(entry.path) for entry in _listed(root) if entry.is_dir())


def nested(root: Path) -> list[Path]:
    """The folder and those inside it, as long as each holds nothing but the next; the innermost first."""
    folders = [root]
    while len(folders) < _DEEPEST:
        inner = list(islice(_listed(folders[-1]), 2))
        if len(inner) != 1 or not inner[0].is_dir():
            break
        folders.append(Path(inner[0].path))
    return folders[::-1]


def holds_images(folder: Path) -> bool:
    """Whether there is an image among the first files of a folder."""
    return any(Path(entry.name).suffix.lower() in SUFFIXES for entry in islice(_listed(folder), _FIRST))


def pieces(root: Path) -> list[Path]:
    """The folders in `root`, each followed by those that it leads to past words and licences: where a dataset
    lies whose archives were unpacked into a folder each. Of more folders than such datasets have, none.
    """
    folders = folders_in(root)
    return [path for folder in folders for path in _led_to(folder)] if len(folders) <= LOOKED_AT else []


def piece(root: Path, name: str) -> Path:
    """The innermost folder of this name that `root / name` leads to, or else one of the `pieces` of `root`.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "images_zip" / "images").mkdir(parents=True)
    >>> piece(root, "images").relative_to(root).as_posix(), piece(root, "masks").is_dir()
    ('images_zip/images', False)
    """
    own = root / name
    among = _led_to(own) if own.is_dir() else pieces(root)
    return next((path for path in reversed(among) if path.name == name), own)


def _led_to(folder: Path) -> list[Path]:
    """The folder and those inside it, as long as each holds one folder and no images; the outermost first."""
    folders = [folder]
    while len(folders) < _DEEPEST and not holds_images(folders[-1]):
        first = islice(_listed(folders[-1]), _FIRST)
        inner = list(islice((Path(entry.path) for entry in first if entry.is_dir()), 2))
        if len(inner) != 1:
            break
        folders += inner
    return folders


def _listed(folder: Path) -> Iterator[os.DirEntry]:
    """What lies in a folder, without what is hidden; nothing where it may not be looked into."""
    with suppress(PermissionError), os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith((".", "__MACOSX")))
