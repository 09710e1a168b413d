"""The registry of layout readers, and the `Layout` that a reader returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foveate.data.dataset import BandSet, Entry, Read, Task
from foveate.data.info import DatasetInfo
from foveate.data.pixels.palette import Color
from foveate.errors import choose
from foveate.shelves import import_shelf


@dataclass(frozen=True)
class Layout:
    """The contents of a dataset folder before it is split.

    parts: entries by the folder's own split (train, val, test), or all entries under "all". reader: decodes
    one entry; must be picklable for worker processes. colors: RGB of each class, may be empty. counts: pixels
    per class of the masks, by stem, if known. notes, cautions: sentences for the user, see
    `Dataset`. columns: the cells of each column of the dataset's table, by stem. below: the folder below
    which every file is accounted for, None for other sources. files: files that were read beside those of the
    entries and that look like images, such as fields of view. bands: of the images, None for RGB pictures.
    table: what the stored values of the masks stand for, as bindings (see `foveate.specs.bindings`); empty if
    the data name their classes.
    """

    task: Task
    classes: tuple[str, ...]
    parts: Mapping[str, Sequence[Entry]]
    reader: Read
    colors: tuple[Color, ...] = ()
    counts: Mapping[str, Int64[np.ndarray, " classes"]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    below: Path | None = None
    files: tuple[Path, ...] = ()
    bands: BandSet | None = None
    table: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayoutReader:
    """A registered layout: `recognise(root)` tests whether a folder has it, `read(root, classes)` reads it.

    order: layouts with lower numbers are tried first. summary: one line on the folders and files. info: the
    facts of the dataset, for the layout of one published dataset. tars: whether it reads tars without
    unpacking them. read_named: reads a folder of which the user says that it has this layout.
    """

    name: str
    order: int
    summary: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path, Sequence[str] | None], Layout]
    info: DatasetInfo | None = None
    tars: bool = False
    read_named: Callable[[Path, Sequence[str] | None], Layout] | None = None


_READERS: dict[str, LayoutReader] = {}


def reader(
    name: str, order: int, summary: str, info: DatasetInfo | None = None, tars: bool = False
) -> Callable[[type], type]:
    """Return a class decorator that registers a layout by its static methods `recognise` and `read`.

    `read_named` may read what the user calls so without the doubts of `read`. The arguments are the fields of
    `LayoutReader`.
    """

    def register(layout: type) -> type:
        if name in _READERS:
            raise ValueError(f"the layout '{name}' is registered twice")
        named = getattr(layout, "read_named", layout.read)
        _READERS[name] = LayoutReader(name, order, summary, layout.recognise, layout.read, info, tars, named)
        return layout

    return register


def layout_readers() -> tuple[LayoutReader, ...]:
    """Return all layouts of the modules in `readers` and `published`, in the order in which they are tried.

    >>> layout_readers()[-1].name
    'class_folders'
    """
    import_shelf(f"{__package__}.readers")
    import_shelf(f"{__package__}.published")
    return tuple(sorted(_READERS.values(), key=lambda layout: layout.order))


def catalogue() -> dict[str, DatasetInfo]:
    """Return the facts of all public datasets by name, in alphabetical order."""
    infos = [layout.info for layout in layout_readers() if layout.info]
    return {info.name: info for info in sorted(infos, key=lambda info: info.name)}


def dataset_info(name: str) -> DatasetInfo:
    """Return the facts of one public dataset; raise `UserError` with the nearest name if there is none."""
    infos = catalogue()
    return infos[choose(name, infos, "dataset")]
