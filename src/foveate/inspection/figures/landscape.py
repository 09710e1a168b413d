"""The attention matrix in space: as a surface, as points, as bars and as bubbles."""

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.coarse import CoarseMatrix, coarse_matrix
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import COLORS, SOFT, new_figure, value_range
from foveate.inspection.subjects import RecordedMap

FINE, MIDDLE, FEW = 96, 40, 24
"""Most cells a side for a surface, for points, and for bars and bubbles."""


@figure("surface", 6, "the attention matrix as a surface", PairwiseMap)
def surface(recorded: RecordedMap) -> Figure:
    """Draw the matrix as a surface over queries and keys, unshaded: colours are those of the scale."""
    drawn, page, axes = _space(recorded, FINE, "surface")
    keys, queries = np.meshgrid(drawn.keys, drawn.queries)
    axes.plot_surface(
        keys,
        queries,
        drawn.heights,
        facecolors=colormaps[COLORS](_norm(drawn)(highest_corners(drawn.heights))),
        shade=False,
        rcount=FINE,
        ccount=FINE,
        linewidth=0,
        antialiased=False,
    )
    return page


def highest_corners(heights: Float[np.ndarray, "q k"]) -> Float[np.ndarray, "q k"]:
    """Return, for the facet from each cell to the next, the height of its highest corner.

    Matplotlib colours a facet by the mean of its corners, in which a peak of a single cell is lost.

    >>> highest_corners(np.array([[0.0, 0.0, 0.0], [0.0, 9.0, 0.0]]))
    array([[9., 9., 0.],
           [9., 9., 0.]])
    """
    below = np.maximum(heights, np.vstack([heights[1:], heights[-1:]]))
    return np.maximum(below, np.hstack([below[:, 1:], below[:, -1:]]))


@figure("scatter", 7, "the attention matrix as points in space", PairwiseMap)
def scatter(recorded: RecordedMap) -> Figure:
    """Draw a point for each cell."""
    drawn, page, axes = _space(recorded, MIDDLE, "points")
    keys, queries = np.meshgrid(drawn.keys, drawn.queries)
    axes.scatter(
        keys, queries, drawn.heights, c=drawn.heights, cmap=COLORS, norm=_norm(drawn), s=7, linewidths=0
    )
    return page


@figure("bars", 8, "the attention matrix as bars", PairwiseMap)
def bars(recorded: RecordedMap) -> Figure:
    """Draw a bar for each cell."""
    drawn, page, axes = _space(recorded, FEW, "bars")
    keys, queries = (side.ravel() for side in np.meshgrid(drawn.keys, drawn.queries))
    heights = drawn.heights.ravel()
    wide, deep = _step(drawn.keys), _step(drawn.queries)
    colors = colormaps[COLORS](_norm(drawn)(heights))
    left, front = keys - 0.4 * wide, queries - 0.4 * deep
    axes.bar3d(left, front, 0, 0.8 * wide, 0.8 * deep, heights, color=colors, shade=True)
    return page


@figure("bubbles", 9, "the attention matrix as bubbles in space", PairwiseMap)
def bubbles(recorded: RecordedMap) -> Figure:
    """Draw a bubble for each cell; its area is proportional to the attention."""
    drawn, page, axes = _space(recorded, FEW, "bubbles")
    keys, queries = np.meshgrid(drawn.keys, drawn.queries)
    areas = 160 * drawn.heights / max(float(drawn.heights.max()), 1e-12)
    axes.scatter(
        keys,
        queries,
        drawn.heights,
        s=areas,
        c=drawn.heights,
        cmap=COLORS,
        norm=_norm(drawn),
        alpha=0.75,
        linewidths=0,
    )
    return page


def _space(recorded: RecordedMap, cells: int, what: str) -> tuple[CoarseMatrix, Figure, Axes]:
    drawn = coarse_matrix(recorded, cells)
    page = new_figure(7.2, 6.0, f"{recorded.title}: attention matrix as {what}", drawn.note)
    axes = page.add_subplot(projection="3d", computed_zorder=False)
    axes.view_init(elev=32, azim=-58)
    axes.set_xlabel("attended position", fontsize=8.5, color=SOFT)
    axes.set_ylabel("attending position", fontsize=8.5, color=SOFT)
    axes.set_box_aspect((1, 1, 0.62), zoom=1.08)
    axes.tick_params(labelsize=8, colors=SOFT)
    axes.invert_yaxis()
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.pane.set_facecolor("#f4f5f6")
        axis._axinfo["grid"].update(color="#dfe2e5", linewidth=0.6)
    bar = page.colorbar(ScalarMappable(_norm(drawn), COLORS), ax=axes, shrink=0.6, fraction=0.04, pad=0.06)
    bar.set_label("attention, %", fontsize=8.5, color=SOFT)
    bar.ax.tick_params(labelsize=8, colors=SOFT)
    bar.outline.set_visible(False)
    return drawn, page, axes


def _norm(drawn: CoarseMatrix) -> Normalize:
    return Normalize(0.0, max(float(drawn.heights.max()), 1e-12))


def _step(positions: np.ndarray) -> float:
    low, high = value_range(positions)
    return (high - low) / max(1, len(positions) - 1)
