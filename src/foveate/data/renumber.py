"""Give the classes of a layout other ids, and leave classes out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64, UInt8

from foveate.data.dataset import Entry, KnowsClasses, Pixels, Read
from foveate.data.layout import Layout
from foveate.data.pixels.masks import IGNORE


def renumber(layout: Layout, classes: Sequence[str], numbers: Sequence[int]) -> Layout:
    """Return a layout with other classes. Several old classes may have one new id.

    classes: the new names. numbers: the new id of each old class, or `IGNORE`: its pixels are ignored, and
    images labelled so are left out.

    >>> old = Layout("classification", ("a", "b"), {"all": [Entry("x", label=0), Entry("y", label=1)]}, print)
    >>> renumber(old, ("b", "c"), (IGNORE, 0)).parts["all"][0].stem
    'y'
    """
    classes, numbers = tuple(classes), tuple(numbers)
    if layout.task == "classification":
        parts = {
            part: tuple(
                replace(entry, label=numbers[entry.label])
                for entry in entries
                if numbers[entry.label] != IGNORE
            )
            for part, entries in layout.parts.items()
        }
        return replace(layout, classes=classes, colors=(), parts=parts)
    kind = KnownRenumbered if isinstance(layout.reader, KnowsClasses) else Renumbered
    counts = {stem: _joined(row, numbers, len(classes)) for stem, row in layout.counts.items()}
    return replace(layout, classes=classes, colors=(), reader=kind(layout.reader, numbers), counts=counts)


@dataclass(frozen=True)
class Renumbered:
    """Reads an entry with `reader` and gives each class id of its mask the new id in `numbers`."""

    reader: Read
    numbers: tuple[int, ...]

    def __call__(self, entry: Entry) -> tuple[Pixels, UInt8[np.ndarray, "h w"]]:
        image, mask = self.reader(entry)
        ids = np.full(256, IGNORE, dtype=np.uint8)
        ids[: len(self.numbers)] = self.numbers
        return image, ids[mask]


class KnownRenumbered(Renumbered):
    """`Renumbered` for a reader that knows the classes of an entry from annotations."""

    reader: KnowsClasses

    def classes_of(self, entry: Entry) -> Collection[int]:
        """Return the new class ids of an entry."""
        return {self.numbers[number] for number in self.reader.classes_of(entry)} - {IGNORE}


def _joined(
    counts: Int64[np.ndarray, " old"], numbers: Sequence[int], classes: int
) -> Int64[np.ndarray, " new"]:
    return np.bincount(numbers, weights=counts, minlength=256)[:classes].astype(np.int64)
