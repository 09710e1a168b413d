"""The region of a class in a mask: as polygons along the edges of pixels, and as COCO's run lengths."""

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray


def run_lengths(region: Bool[ndarray, "h w"]) -> dict[str, list[int]]:
    """Return COCO's uncompressed run lengths: column by column, alternately outside and inside.

    `pycocotools.mask.frPyObjects(lengths, *lengths["size"])` reads them.

    >>> run_lengths(np.array([[False, True], [True, True]]))
    {'size': [2, 2], 'counts': [1, 3]}
    """
    column_by_column = region.T.ravel()
    changes = np.flatnonzero(np.diff(column_by_column)) + 1
    lengths = np.diff(np.concatenate([[0], changes, [column_by_column.size]])).tolist()
    return {"size": list(region.shape), "counts": [0, *lengths] if column_by_column[0] else lengths}


def polygons(region: Bool[ndarray, "h w"]) -> list[list[int]]:
    """Return the edges of a region as closed polygons, each as [x, y, x, y, ...] of its corners.

    Coordinates count the edges of pixels: a lone pixel at the top left is 0,0 to 1,1. Holes are polygons of
    their own; filled by the even-odd rule, all together are the region exactly. Pixels that touch at a corner
    alone lie in polygons of their own.

    >>> polygons(np.array([[True, True, False]]))
    [[0, 0, 2, 0, 2, 1, 0, 1]]
    """
    rows, columns, vertical_order = _corners(region)
    # Corners lie in the order of rows, so each pair of neighbours bounds a horizontal edge.
    beside = np.arange(len(rows)) ^ 1
    above = np.empty_like(beside)
    above[vertical_order[0::2]], above[vertical_order[1::2]] = vertical_order[1::2], vertical_order[0::2]
    across, down, left = beside.tolist(), above.tolist(), np.ones(len(rows), dtype=bool).tolist()
    rings = []
    for start in range(len(rows)):
        corner, ring = start, []
        while left[corner]:
            left[corner] = left[across[corner]] = False
            ring += [corner, across[corner]]
            corner = down[across[corner]]
        if ring:
            rings.append(np.stack([columns[ring], rows[ring]], axis=1).ravel().tolist())
    return rings


def _corners(
    region: Bool[ndarray, "h w"],
) -> tuple[Int[ndarray, " n"], Int[ndarray, " n"], Int[ndarray, " n"]]:
    """Return rows and columns of the corners in the order of rows, and their numbers in that of columns.

    Where two pixels touch at a corner alone, it is there twice: the first bounds the edge to its left, the
    second that to its right, and of the vertical edges the one of the same pixel.
    """
    padded = np.pad(region, 1)
    top_left, top_right = padded[:-1, :-1], padded[:-1, 1:]
    bottom_left, bottom_right = padded[1:, :-1], padded[1:, 1:]
    count = top_left.astype(np.int8) + top_right + bottom_left + bottom_right
    touching = (count == 2) & (top_left == bottom_right)
    rows, columns = np.nonzero((count % 2 == 1) | touching)
    twice = touching[rows, columns]
    falling = twice & top_left[rows, columns]
    second = np.repeat(twice, 1 + twice)
    second[np.cumsum(1 + twice)[~twice] - 1] = False
    second[np.cumsum(1 + twice)[twice] - 2] = False
    rising = np.repeat(twice & ~falling, 1 + twice)
    rows, columns = np.repeat(rows, 1 + twice), np.repeat(columns, 1 + twice)
    # Of a falling pair the left edge goes with the upper one, of a rising pair with the lower one.
    return rows, columns, np.lexsort((second ^ rising, rows, columns))
