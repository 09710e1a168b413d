"""Changes of masks that more than one check asks for."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from foveate.data.dataset import Color
from foveate.data.doctor.finding import Mend


def threshold() -> Mend:
    """Values below 128 become 0, the others 255."""
    return Mend("cut at the middle: below 128 is 0, the rest 255", mask=_cut)


def nearest_color(colors: Sequence[tuple[str, Color]]) -> Mend:
    """Every colour becomes the nearest one of class_dict.csv."""
    table = np.array([color for _, color in colors], dtype=np.int64)
    return Mend("every colour becomes the nearest one of class_dict.csv", mask=partial(_snap, table=table))


def _cut(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def _snap(mask: np.ndarray, size: tuple[int, int], table: np.ndarray) -> np.ndarray:
    values, inverse = np.unique(mask, return_inverse=True)
    colors = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1)
    nearest = ((colors[:, None] - table) ** 2).sum(-1).argmin(1)
    return table[nearest].astype(np.uint8)[inverse.reshape(mask.shape)]
