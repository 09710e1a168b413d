"""The registry of dataset layouts, and what a reader of one hands over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foveate.data.dataset import Entry, Read, Task
from foveate.data.info import DatasetInfo
from foveate.data.pixels.palette import Color
from foveate.errors import choose
from foveate.shelves import import_shelf


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

    info: what is known of the dataset, where the layout is that of one dataset rather than of many. tars:
    whether it reads tars as they are.
    """

    name: str
    order: int
    summary: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path, Sequence[str] | None], Layout]
    info: DatasetInfo | None = None
    tars: bool = False


_READERS: dict[str, LayoutReader] = {}


def reader(
    name: str, order: int, summary: str, info: DatasetInfo | None = None, tars: bool = False
) -> Callable[[type], type]:
    """Class decorator: register a layout by its static `recognise` and `read`; low orders are asked first."""

    def register(layout: type) -> type:
        if name in _READERS:
            raise ValueError(f"the layout '{name}' is registered twice")
        _READERS[name] = LayoutReader(name, order, summary, layout.recognise, layout.read, info, tars)
        return layout

    return register


def layout_readers() -> tuple[LayoutReader, ...]:
    """All layouts, in the order in which they are tried: the modules of `readers` and `published`.

    >>> layout_readers()[-1].name
    'class_folders'
    """
    import_shelf(f"{__package__}.readers")
    import_shelf(f"{__package__}.published")
    return tuple(sorted(_READERS.values(), key=lambda layout: layout.order))


def catalogue() -> dict[str, DatasetInfo]:
    """All datasets that are known by name, in alphabetical order."""
    infos = [layout.info for layout in layout_readers() if layout.info]
    return {info.name: info for info in sorted(infos, key=lambda info: info.name)}


def dataset_info(name: str) -> DatasetInfo:
    """The facts of one dataset; `UserError` with the nearest name where there is none of this name."""
    infos = catalogue()
    return infos[choose(name, infos, "dataset")]
