"""Bubbles over the image: the attention each position receives, from all positions and from one."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.coarse import block_means
from foveate.inspection.figures.pixels import mark
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import COLORS, aspect, color_bar, draw_image, new_figure, pale_grey
from foveate.inspection.subjects import RecordedMap

CELLS = 24


@figure("grid", 10, "bubbles over the image: the attention that positions receive", PairwiseMap)
def grid(recorded: RecordedMap) -> Figure:
    """Draw the attention each position receives from all positions, and from the middle chosen pixel."""
    view, middle = recorded.view, len(recorded.pixels) // 2
    drawn = [(f"From all {len(recorded.sampled)} positions drawn, mean", received(recorded))]
    if recorded.pixels:
        row, column = recorded.pixels[middle]
        drawn.append((f"From pixel {row},{column}", _times_uniform(recorded.pixel_attention[middle])))
    rows, columns = drawn[0][1].shape
    note = f"Area and colour: attention as a multiple of equal attention; {rows}×{columns} bubbles."
    title = f"{recorded.title}: attention over the grid"
    page = new_figure(5.2 * len(drawn), 4.6 * aspect(view.size) + 0.9, title, note)
    grid = page.subplots(1, len(drawn), squeeze=False)[0]
    for axes, (name, values) in zip(grid, drawn, strict=True):
        draw_image(axes, pale_grey(view.image, 0.6), view.size, name)
        color_bar(axes, _bubbles(axes, values, recorded), "× equal attention")
    if recorded.pixels:
        mark(grid[1], recorded.pixels[middle])
    return page


def received(recorded: RecordedMap) -> Float[ndarray, "rows columns"]:
    """Return the mean attention each position receives, as a multiple of equal attention."""
    return _times_uniform(recorded.matrix.mean(0).reshape(recorded.map.grid))


def _times_uniform(values: Float[ndarray, "h w"]) -> Float[ndarray, "rows columns"]:
    return block_means(values * values.size, CELLS)[0]


def _bubbles(axes: Axes, values: Float[ndarray, "rows columns"], recorded: RecordedMap) -> PathCollection:
    height, width = (
        length / share for length, share in zip(recorded.view.size, recorded.covers, strict=True)
    )
    rows, columns = values.shape
    x, y = np.meshgrid((np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows)
    largest = (210 / max(columns, rows * width / height)) ** 2
    areas = largest * values / max(float(values.max()), 1e-12)
    return axes.scatter(x, y, s=areas, c=values, cmap=COLORS, vmin=0, linewidths=0, alpha=0.9)
