"""Mends of masks that several checks share."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from foveate.data.pixels.palette import Color
from foveate.doctor.decoding import nearest_named
from foveate.doctor.finding import Mend

_AROUND = [(down, right) for down in range(3) for right in range(3) if (down, right) != (1, 1)]
"""Offsets of a pixel's eight neighbours in an array that is padded by one."""

_ROUNDS = 8
"""Rounds of filling, enough for soft edges. Pixels that remain take the nearest of all colours."""


def threshold() -> Mend:
    """Return the mend that sets values below 128 to 0 and the others to 255."""
    return Mend("cut at the middle: below 128 is 0, the rest 255", mask=_cut)


def neighbors_color(colors: Sequence[tuple[str, Color]], named: str) -> Mend:
    """Return the mend that replaces every unnamed colour by the most similar named colour beside it.

    named: the file with the table of colours, for the description.
    """
    table = np.array([color for _, color in colors], dtype=np.int64)
    words = f"every other colour becomes the one of {named} beside it that is most like it"
    return Mend(words, mask=partial(_fill, table=table))


def _cut(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def _fill(mask: np.ndarray, size: tuple[int, int], table: np.ndarray) -> np.ndarray:
    """Fill unnamed areas from their borders inwards: each pixel takes the class of the neighbour whose colour
    is nearest to its own. A blend of two classes thus becomes one of the two.
    """
    nearest, ids = nearest_named(mask, table)
    colors = np.stack([mask >> 16, mask >> 8 & 255, mask & 255], axis=-1)
    for _ in range(_ROUNDS):
        rows, columns = np.nonzero(ids < 0)
        if not len(rows):
            break
        padded = np.pad(ids, 1, constant_values=-1)
        around = np.stack([padded[rows + down, columns + right] for down, right in _AROUND])
        far = ((colors[rows, columns] - table[around]) ** 2).sum(-1)
        chosen = np.where(around < 0, np.iinfo(np.int64).max, far).argmin(0)
        ids[rows, columns] = around[chosen, np.arange(len(rows))]
    return table[np.where(ids < 0, nearest, ids)].astype(np.uint8)
