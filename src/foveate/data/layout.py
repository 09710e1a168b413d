"""The registry of dataset layouts, what a reader of one hands over, and where in a folder its parts lie."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foveate.data.archives import is_archive
from foveate.data.catalogue import DatasetInfo
from foveate.data.dataset import Color, Entry, Read, Task
from foveate.data.images import is_image_file

LOOKED_AT = 20
"""So many of the folders in a folder are looked into for datasets, or for parts of one."""


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
    """The folders in a folder, sorted, without hidden ones and those that macOS leaves in archives."""
    return sorted(path for path in root.iterdir() if _seen(path) and path.is_dir())


def nested(root: Path) -> list[Path]:
    """The folder and those inside it, as long as each holds one folder and no images; the innermost first."""
    folders = [root]
    while True:
        told = (path for path in folders[-1].iterdir() if _seen(path) and _counts(path))
        inner = list(islice(told, 2))
        if len(inner) != 1 or not inner[0].is_dir():
            return folders[::-1]
        folders.append(inner[0])


def pieces(root: Path) -> list[Path]:
    """The folders of `root`, each followed by those `nested` in it: where a dataset lies whose archives were
    unpacked into a folder each. Of more folders than such datasets have, nothing but themselves.
    """
    folders = folders_in(root)
    if len(folders) > LOOKED_AT:
        return folders
    return [path for folder in folders for path in reversed(nested(folder))]


def piece(root: Path, name: str) -> Path:
    """The innermost folder of this name among the `pieces` of `root`; first of all in that of the name.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "images_zip" / "images").mkdir(parents=True)
    >>> piece(root, "images").relative_to(root).as_posix(), piece(root, "masks").is_dir()
    ('images_zip/images', False)
    """
    named = [path for path in pieces(root) if path.name == name]
    own = [path for path in named if path.is_relative_to(root / name)]
    return (own or named or [root / name])[-1]


def _seen(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))


def _counts(path: Path) -> bool:
    return path.is_dir() or is_image_file(path) or is_archive(path)
