"""Drawn data by its address: synthetic[:NAME][:COUNT[:HEIGHTxWIDTH]]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry
from foveate.data.layout import Layout
from foveate.data.synthetic.drawing import Drawing, Size, drawings
from foveate.errors import DataError, UserError, choose
from foveate.specs.sizes import parse_size

PREFIX, USUAL = "synthetic", "streets"
FEWEST = 3
"""Images of a validation and a test part, at least."""


@dataclass(frozen=True)
class Address:
    """What an address asks for."""

    drawing: Drawing
    train: int
    size: Size


def is_synthetic(source: object) -> bool:
    """Whether a source means drawn data rather than a folder."""
    return isinstance(source, str) and source.partition(":")[0] == PREFIX


def parse(source: str) -> Address:
    """Read "synthetic", "synthetic:COUNT", "synthetic:NAME", "synthetic:NAME:COUNT:HxW" and the like.

    Raises `DataError` for a name, a number or a size that cannot be read.

    >>> address = parse("synthetic:search:40:64x64")
    >>> address.drawing.name, address.train, address.size
    ('search', 40, (64, 64))
    """
    words = source.split(":")[1:]
    named = bool(words) and words[0][:1].isalpha()
    name = words.pop(0) if named else USUAL
    known = drawings()
    try:
        drawn = known[choose(name, known, "drawing")]
    except UserError as error:
        raise DataError(f"'{source}': {error}") from None
    count, size, *more = [*words, "", ""]
    if any(more) or (count and not (count.isdecimal() and int(count) > 0)):
        raise DataError(
            f"'{source}': the number of scenes must be a whole number, as in {PREFIX}:64 or "
            f"{PREFIX}:{name}:64:96x128"
        )
    return Address(drawn, int(count or drawn.train), parse_size(size, source) if size else drawn.size)


def read(source: str, classes: Sequence[str] | None = None) -> Layout:
    """Layout of drawn data: COUNT training images, a third as many (3 at least) to validate and to test."""
    address = parse(source)
    drawn = address.drawing
    if classes is not None and tuple(classes) != drawn.classes:
        raise DataError(
            f"'{source}': the classes are fixed ({', '.join(drawn.classes)}); leave --classes out"
        )
    held_out = max(FEWEST, address.train // 3)
    bounds = {
        "train": (0, address.train),
        "val": (address.train, address.train + held_out),
        "test": (address.train + held_out, address.train + 2 * held_out),
    }
    parts = {split: tuple(_entry(drawn, index) for index in range(*ends)) for split, ends in bounds.items()}
    reader = partial(_read, name=drawn.name, size=address.size)
    return Layout(drawn.task, drawn.classes, parts, reader, drawn.colors)


def summaries() -> dict[str, str]:
    """By address, a line on what is drawn.

    >>> "synthetic:search" in summaries()
    True
    """
    return {
        PREFIX if name == USUAL else f"{PREFIX}:{name}": drawn.summary for name, drawn in drawings().items()
    }


def _entry(drawn: Drawing, index: int) -> Entry:
    label = index % len(drawn.classes) if drawn.task == "classification" else None
    return Entry(f"scene{index:06d}", label=label)


def _read(
    entry: Entry, name: str, size: Size
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | int]:
    return drawings()[name].draw(int(entry.stem.removeprefix("scene")), size)
