"""The attention matrix as a heat map."""

import numpy as np
from matplotlib.figure import Figure

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.relief import relief
from foveate.inspection.figures.style import COLORS, color_bar, plain, sheet
from foveate.inspection.subjects import Sight

CELLS = 1024
TOP = 99.5
"""Percentile of the cells at which the colours end, so that a few peaks do not leave all else dark."""


@figure("matrix", 5, "attention of every position to every other, as a heat map", PairwiseMap)
def matrix(sight: Sight) -> Figure:
    """Draw the matrix: one row a query, one column a key."""
    drawn = relief(sight, CELLS)
    top = float(np.percentile(drawn.heights, TOP))
    clipped = drawn.heights.max() > top > 0
    note = drawn.words + (f" Colours end at the {TOP:g}th percentile." if clipped else "")
    page = sheet(6.6, 6.2, f"{sight.title}: attention matrix", note)
    axes = plain(page.subplots(), "", "attended position (row by row)", "attending position (row by row)")
    shown = axes.imshow(
        drawn.heights,
        cmap=COLORS,
        vmin=0,
        vmax=top if clipped else None,
        extent=(0, sight.matrix.shape[1], sight.sampled[-1] + 1, 0),
        aspect="auto",
        interpolation="nearest",
    )
    color_bar(axes, shown, "attention, %", extend="max" if clipped else "neither")
    return page
