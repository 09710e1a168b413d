"""The attention matrix as a heat map."""

import numpy as np
from matplotlib.figure import Figure

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.coarse import coarse_matrix
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import COLORS, color_bar, new_figure, style_axes
from foveate.inspection.subjects import RecordedMap

CELLS = 1024
TOP = 99.5
"""Percentile of the cells at which the colour scale ends; otherwise a few peaks leave the rest dark."""


@figure("matrix", 5, "attention of every position to every other, as a heat map", PairwiseMap)
def matrix(recorded: RecordedMap) -> Figure:
    """Draw the matrix: one row a query, one column a key."""
    drawn = coarse_matrix(recorded, CELLS)
    top = float(np.percentile(drawn.heights, TOP))
    clipped = drawn.heights.max() > top > 0
    note = drawn.note + (f" Colours end at the {TOP:g}th percentile." if clipped else "")
    page = new_figure(6.6, 6.2, f"{recorded.title}: attention matrix", note)
    labels = "attended position (row by row)", "attending position (row by row)"
    axes = style_axes(page.subplots(), "", *labels)
    shown = axes.imshow(
        drawn.heights,
        cmap=COLORS,
        vmin=0,
        vmax=top if clipped else None,
        extent=(0, recorded.matrix.shape[1], recorded.sampled[-1] + 1, 0),
        aspect="auto",
        interpolation="nearest",
    )
    color_bar(axes, shown, "attention, %", extend="max" if clipped else "neither")
    return page
