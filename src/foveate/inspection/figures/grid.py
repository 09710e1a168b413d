"""Bubbles over the grid: how much attention each position receives, from all and from one."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.pixels import mark
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.relief import coarse
from foveate.inspection.figures.style import COLORS, aspect, color_bar, grey, picture, sheet
from foveate.inspection.subjects import Sight

CELLS = 24


@figure("grid", 10, "bubbles over the image: the attention that positions receive", PairwiseMap)
def grid(sight: Sight) -> Figure:
    """Draw what each position receives from all positions, and from the middle one of the chosen pixels."""
    view, middle = sight.view, len(sight.pixels) // 2
    drawn = [(f"From all {len(sight.sampled)} positions drawn, mean", received(sight))]
    if sight.pixels:
        row, column = sight.pixels[middle]
        drawn.append((f"From pixel {row},{column}", _times_uniform(sight.looks[middle])))
    rows, columns = drawn[0][1].shape
    note = f"Area and colour: attention as a multiple of equal attention; {rows}×{columns} bubbles."
    title = f"{sight.title}: attention over the grid"
    page = sheet(5.2 * len(drawn), 4.6 * aspect(view.size) + 0.9, title, note)
    grid = page.subplots(1, len(drawn), squeeze=False)[0]
    for axes, (name, values) in zip(grid, drawn, strict=True):
        picture(axes, grey(view.image, 0.6), view.size, name)
        color_bar(axes, _bubbles(axes, values, sight), "× equal attention")
    if sight.pixels:
        mark(grid[1], sight.pixels[middle])
    return page


def received(sight: Sight) -> Float[ndarray, "rows columns"]:
    """The attention that each position gets, the mean over the sampled queries: 1 if all got the same."""
    return _times_uniform(sight.matrix.mean(0).reshape(sight.found.grid))


def _times_uniform(values: Float[ndarray, "h w"]) -> Float[ndarray, "rows columns"]:
    return coarse(values * values.size, CELLS)[0]


def _bubbles(axes: Axes, values: Float[ndarray, "rows columns"], sight: Sight) -> PathCollection:
    height, width = (length / share for length, share in zip(sight.view.size, sight.covers, strict=True))
    rows, columns = values.shape
    x, y = np.meshgrid((np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows)
    largest = (210 / max(columns, rows * width / height)) ** 2
    areas = largest * values / max(float(values.max()), 1e-12)
    return axes.scatter(x, y, s=areas, c=values, cmap=COLORS, vmin=0, linewidths=0, alpha=0.9)
