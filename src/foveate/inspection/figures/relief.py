"""The attention matrix brought down to as many cells as a figure can show."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from foveate.inspection.subjects import Sight


@dataclass(frozen=True, eq=False)
class Relief:
    """Attention in percent, from positions `queries` to positions `keys` (centres of blocks).

    `words` say how it was made; `uniform` is what every entry would be if all positions were attended alike.
    """

    heights: Float[ndarray, "q k"]
    queries: Float[ndarray, " q"]
    keys: Float[ndarray, " k"]
    uniform: float
    words: str


def relief(sight: Sight, most: int) -> Relief:
    """The matrix of a pairwise map with at most `most` cells a side, each the mean of a block of entries."""
    matrix, sampled = sight.matrix, sight.sampled
    heights, (down, across) = coarse(matrix, most)
    keys = matrix.shape[1]
    words = [f"{sight.found.grid[0]}×{sight.found.grid[1]} = {keys} positions"]
    if len(sampled) < keys:
        words.append(f"{len(sampled)} evenly spread rows of {keys}")
    if (down, across) != (1, 1):
        words.append(f"each cell the mean of {_blocks(down)}×{_blocks(across)} entries")
    if sight.found.values.shape[1] > 1:
        words.append(f"mean of {sight.found.values.shape[1]} heads")
    if sight.covers != (1.0, 1.0):
        words.append("the image's padding included")
    return Relief(
        100 * heights,
        coarse(sampled[:, None], most)[0][:, 0],
        coarse(np.arange(keys)[None], most)[0][0],
        100 / keys,
        "; ".join(words) + ".",
    )


def coarse(
    matrix: Num[ndarray, "q k"], most: int
) -> tuple[Float[ndarray, "rows columns"], tuple[float, float]]:
    """Means over blocks, at most `most` a side, and how many entries down and across a block has on average.

    >>> coarse(np.array([[1.0, 3.0, 5.0, 7.0]]), most=2)
    (array([[2., 6.]]), (1.0, 2.0))
    """
    found = matrix.astype(np.float64)
    sides = []
    for axis, length in enumerate(matrix.shape):
        count = min(most, length)
        starts = np.arange(count) * length // count
        sizes = np.diff(np.append(starts, length))
        found = np.add.reduceat(found, starts, axis=axis) / np.expand_dims(sizes, 1 - axis)
        sides.append(length / count)
    return found, (sides[0], sides[1])


def _blocks(side: float) -> str:
    return f"{side:.0f}" if side == int(side) else f"{side:.1f}"
