"""Reduce an attention matrix to as many cells as a figure can show."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from foveate.inspection.subjects import RecordedMap


@dataclass(frozen=True, eq=False)
class CoarseMatrix:
    """Block means of an attention matrix.

    heights: attention in percent. queries, keys: the flat position at the centre of each block. uniform:
    percent of every entry if all positions were attended equally. note: how the matrix was reduced, for a
    caption.
    """

    heights: Float[ndarray, "q k"]
    queries: Float[ndarray, " q"]
    keys: Float[ndarray, " k"]
    uniform: float
    note: str


def coarse_matrix(recorded: RecordedMap, max_cells: int) -> CoarseMatrix:
    """Average the matrix of a pairwise map over blocks, to at most `max_cells` cells a side."""
    matrix, sampled = recorded.matrix, recorded.sampled
    heights, (down, across) = block_means(matrix, max_cells)
    keys = matrix.shape[1]
    notes = [f"{recorded.map.grid[0]}×{recorded.map.grid[1]} = {keys} positions"]
    if len(sampled) < keys:
        notes.append(f"{len(sampled)} evenly spread rows of {keys}")
    if (down, across) != (1, 1):
        notes.append(f"each cell the mean of {_block_side(down)}×{_block_side(across)} entries")
    if recorded.map.values.shape[1] > 1:
        notes.append(f"mean of {recorded.map.values.shape[1]} heads")
    if recorded.covers != (1.0, 1.0):
        notes.append("the image's padding included")
    return CoarseMatrix(
        100 * heights,
        block_means(sampled[:, None], max_cells)[0][:, 0],
        block_means(np.arange(keys)[None], max_cells)[0][0],
        100 / keys,
        "; ".join(notes) + ".",
    )


def block_means(
    matrix: Num[ndarray, "q k"], max_cells: int
) -> tuple[Float[ndarray, "rows columns"], tuple[float, float]]:
    """Return means over at most `max_cells` blocks a side, and the mean entries of a block down and across.

    >>> block_means(np.array([[1.0, 3.0, 5.0, 7.0]]), max_cells=2)
    (array([[2., 6.]]), (1.0, 2.0))
    """
    means = matrix.astype(np.float64)
    sides = []
    for axis, length in enumerate(matrix.shape):
        count = min(max_cells, length)
        starts = np.arange(count) * length // count
        sizes = np.diff(np.append(starts, length))
        means = np.add.reduceat(means, starts, axis=axis) / np.expand_dims(sizes, 1 - axis)
        sides.append(length / count)
    return means, (sides[0], sides[1])


def _block_side(side: float) -> str:
    return f"{side:.0f}" if side == int(side) else f"{side:.1f}"
