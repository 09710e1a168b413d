"""Drawn data by its address: synthetic[:NAME][:COUNT[:HEIGHTxWIDTH]], COUNT as 160 or 160/40/60."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import SPLITS, Entry
from foveate.data.known import names_others
from foveate.data.layout import Layout
from foveate.data.synthetic.drawing import Drawing, Size, drawings
from foveate.errors import DataError, UserError, choose
from foveate.specs.sizes import parse_size

PREFIX, USUAL = "synthetic", "streets"
FEWEST = 3
"""Images of a validation and a test part, at least, if only the training images are counted."""


@dataclass(frozen=True)
class Address:
    """What an address asks for: the drawing, the images of train, val and test, and their size."""

    drawing: Drawing
    counts: tuple[int, int, int]
    size: Size

    @property
    def train(self) -> int:
        """The number of training images."""
        return self.counts[0]


def is_synthetic(source: object) -> bool:
    """Whether a source means drawn data rather than a folder."""
    return isinstance(source, str) and source.partition(":")[0] == PREFIX


def parse(source: str) -> Address:
    """Read "synthetic", "synthetic:COUNT", "synthetic:NAME", "synthetic:NAME:COUNT:HxW" and the like.

    COUNT is the number of training images, with a third as many (3 at least) to validate and to test; or all
    three numbers, TRAIN/VAL/TEST.

    Raises `DataError` for a name, a number or a size that cannot be read.

    >>> address = parse("synthetic:search:40:64x64")
    >>> address.drawing.name, address.train, address.size
    ('search', 40, (64, 64))
    >>> parse("synthetic:search:40").counts, parse("synthetic:search:40/5/20").counts
    ((40, 13, 13), (40, 5, 20))
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
    if any(more) or (count and not re.fullmatch(r"[1-9]\d*(/[1-9]\d*/[1-9]\d*)?", count)):
        raise DataError(
            f"'{source}': the number of scenes must be a whole number, as in {PREFIX}:64 or "
            f"{PREFIX}:{name}:64:96x128, or those of train, val and test, as in {PREFIX}:64/16/24"
        )
    train, *others = map(int, (count or str(drawn.train)).split("/"))
    held_out = max(FEWEST, train // 3)
    val, test = others or (held_out, held_out)
    return Address(drawn, (train, val, test), parse_size(size, source) if size else drawn.size)


def read(source: str, classes: Sequence[str] | None = None) -> Layout:
    """Layout of drawn data, with other scenes in each part."""
    address = parse(source)
    drawn = address.drawing
    if names_others(classes, drawn.classes):
        raise DataError(
            f"'{source}': the classes are fixed ({', '.join(drawn.classes)}); leave --classes out"
        )
    ends = tuple(itertools.accumulate(address.counts))
    bounds = zip(SPLITS, (0, *ends), ends, strict=False)
    parts = {split: tuple(_entry(drawn, i) for i in range(begin, end)) for split, begin, end in bounds}
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
