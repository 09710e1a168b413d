"""Changes of masks that more than one check asks for."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from foveate.data.dataset import Color
from foveate.data.doctor.finding import Mend

SAME_COLOR = 24.0
"""Distance in RGB up to which a colour is a named one that JPEG has changed a little."""

_AROUND = [(down, right) for down in range(3) for right in range(3) if (down, right) != (1, 1)]
"""Where a pixel's eight neighbours lie in an array that is padded by one."""


def threshold() -> Mend:
    """Values below 128 become 0, the others 255."""
    return Mend("cut at the middle: below 128 is 0, the rest 255", mask=_cut)


def neighbors_color(colors: Sequence[tuple[str, Color]]) -> Mend:
    """Every colour that class_dict.csv does not name becomes that of the most alike pixel beside it."""
    table = np.array([color for _, color in colors], dtype=np.int64)
    words = "every other colour becomes the one of class_dict.csv beside it that is most like it"
    return Mend(words, mask=partial(_fill, table=table))


def _cut(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def _fill(mask: np.ndarray, size: tuple[int, int], table: np.ndarray) -> np.ndarray:
    """From the named colours inwards: a pixel of none, nor nearly of one, takes the class among its
    neighbours whose colour is nearest to its own, so that a blend of two classes becomes one of these.
    """
    values, inverse = np.unique(mask, return_inverse=True)
    colors = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1)
    far = ((colors[:, None] - table) ** 2).sum(-1)
    named = np.where(far.min(1) <= SAME_COLOR**2, far.argmin(1), -1)
    ids, colors = named[inverse].reshape(mask.shape), colors[inverse].reshape(*mask.shape, 3)
    while (ids >= 0).any() and (ids < 0).any():
        padded = np.pad(ids, 1, constant_values=-1)
        rows, columns = np.nonzero(ids < 0)
        around = np.stack([padded[rows + down, columns + right] for down, right in _AROUND])
        far = ((colors[rows, columns] - table[around]) ** 2).sum(-1)
        nearest = np.where(around < 0, np.iinfo(np.int64).max, far).argmin(0)
        ids[rows, columns] = around[nearest, np.arange(len(rows))]
    return table[np.maximum(ids, 0)].astype(np.uint8)
