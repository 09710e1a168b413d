"""Turn any layout into one class against the rest, for a user who names a single class.

Class 0 is the rest and class 1 the named class. Ignored pixels stay ignored.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry, KnowsClasses, Pixels, Read
from foveate.data.layout import Layout
from foveate.data.pixels.masks import IGNORE
from foveate.errors import DataError, choose

REST = "rest"
"""Name of the class that joins all others."""

_UNNAMED = (("background", "foreground"), ("0", "1"))
"""Names of two classes if the data gives none. The user's name then replaces the second."""


def is_against_rest(classes: Sequence[str]) -> bool:
    """Whether `classes` are those of one class against the rest.

    >>> is_against_rest(("rest", "fire")), is_against_rest(("background", "fire"))
    (True, False)
    """
    return len(classes) == 2 and classes[0] == REST


def against_rest(layout: Layout, name: str) -> Layout:
    """Return the layout with the classes rest and `name`.

    Raises `UserError` if `name` is not a class of the layout, unless it has two classes without names.
    """
    if name == REST:
        raise DataError(
            f"--classes {REST}: this is the name of all other classes together; name another class"
        )
    unnamed = layout.classes in _UNNAMED and name not in layout.classes
    number = 1 if unnamed else layout.classes.index(choose(name, layout.classes, "class of this dataset"))
    others = [other for i, other in enumerate(layout.classes) if i != number]
    shown = ", ".join(others[:6]) + ", ..." * (len(others) > 6)
    notes = (*layout.notes, f"the rest is {shown}")
    if layout.task == "classification":
        parts = {
            part: tuple(replace(entry, label=int(entry.label == number)) for entry in entries)
            for part, entries in layout.parts.items()
        }
        return replace(layout, classes=(REST, name), colors=(), parts=parts, notes=notes)
    kind = KnownAgainstRest if isinstance(layout.reader, KnowsClasses) else AgainstRest
    return replace(
        layout,
        classes=(REST, name),
        colors=(),
        reader=kind(layout.reader, number),
        counts={
            stem: np.array([counts.sum() - counts[number], counts[number]])
            for stem, counts in layout.counts.items()
        },
        notes=notes,
    )


@dataclass(frozen=True)
class AgainstRest:
    """Reads an entry with `reader` and maps the class `number` to 1 and all others to 0."""

    reader: Read
    number: int

    def __call__(self, entry: Entry) -> tuple[Pixels, UInt8[np.ndarray, "h w"]]:
        image, mask = self.reader(entry)
        ids = np.zeros(256, dtype=np.uint8)
        ids[self.number], ids[IGNORE] = 1, IGNORE
        return image, ids[mask]


class KnownAgainstRest(AgainstRest):
    """`AgainstRest` for a reader that knows the classes of an entry from annotations."""

    reader: KnowsClasses

    def classes_of(self, entry: Entry) -> Collection[int]:
        """Return the class ids of an entry, 0 and 1."""
        return {int(number == self.number) for number in self.reader.classes_of(entry)}
