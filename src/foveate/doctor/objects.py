"""Find the connected regions of equal value in a mask, for all values at once.

Rows are cut into runs of equal value. The runs are the nodes of a graph; an edge joins two touching runs of
equal value in neighbouring rows. The connected components of the graph are the objects. A mask has far fewer
runs than pixels, and the time does not depend on the number of values.
"""

import numpy as np
from jaxtyping import Int32, Int64, Shaped


def objects(
    mask: Shaped[np.ndarray, "h w"],
) -> tuple[Shaped[np.ndarray, " objects"], Int64[np.ndarray, " objects"]]:
    """Return the value and the area in pixels of every 8-connected region of equal value.

    >>> values, areas = objects(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 2]]))
    >>> sorted(zip(values.tolist(), areas.tolist()))
    [(0, 6), (1, 2), (2, 1)]
    """
    width = mask.shape[1]
    starts = np.ones(mask.shape, dtype=bool)
    np.not_equal(mask[:, 1:], mask[:, :-1], out=starts[:, 1:])
    first = np.flatnonzero(starts)
    runs = np.cumsum(starts, dtype=np.int32) - 1
    # Of two overlapping runs, one starts within the other. At a shared corner, one run ends and one starts.
    overlap = (mask[1:] == mask[:-1]) & (starts[1:] | starts[:-1])
    corner = starts[1:, 1:] & starts[:-1, 1:]
    falling, rising = np.zeros_like(overlap), np.zeros_like(overlap)
    falling[:, :-1] = corner & (mask[:-1, :-1] == mask[1:, 1:])
    rising[:, :-1] = corner & (mask[:-1, 1:] == mask[1:, :-1])
    above, below = [], []
    for touch, upper, lower in ((overlap, 0, width), (falling, 0, width + 1), (rising, 1, width)):
        places = np.flatnonzero(touch)
        above.append(runs[places + upper])
        below.append(runs[places + lower])
    roots = _roots(np.concatenate(above), np.concatenate(below), len(first))
    areas = np.bincount(roots, np.diff(first, append=mask.size)).astype(np.int64)
    found = areas.nonzero()[0]
    return mask.ravel()[first[found]], areas[found]


def _roots(
    above: Int32[np.ndarray, " edges"], below: Int32[np.ndarray, " edges"], count: int
) -> Int64[np.ndarray, " nodes"]:
    """Return the lowest node of the connected component of each node of a graph.

    Each round hooks every root to the lowest root that an edge leads to. Of the roots that have edges to
    others, at least half are hooked, so that a few rounds do.

    >>> _roots(np.array([0, 3], dtype=np.int32), np.array([2, 2], dtype=np.int32), 5).tolist()
    [0, 1, 0, 0, 4]
    """
    root = np.arange(count)
    while True:
        one, other = root[above], root[below]
        if (one == other).all():
            return root
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while (root[root] != root).any():
            root = root[root]
