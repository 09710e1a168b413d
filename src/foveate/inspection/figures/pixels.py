"""Pairwise attention from chosen pixels, drawn over the image."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    SOFT,
    aspect,
    color_bar,
    draw_image,
    draw_map,
    new_figure,
    pale_grey,
)
from foveate.inspection.subjects import Pixel, RecordedMap

COLUMNS = 3


@figure("pixels", 4, "attention from chosen pixels, over the image", PairwiseMap)
def pixels(recorded: RecordedMap) -> Figure:
    """Draw the image with the numbered pixels, then the attention of each pixel over the image."""
    view, attention = recorded.view, recorded.pixel_attention
    lines = math.ceil((1 + len(attention)) / COLUMNS)
    heads = recorded.map.values.shape[1]
    rows, columns = recorded.map.grid
    note = (
        f"Each row of the matrix sums to 100% over {rows}×{columns} positions; equal attention would be "
        f"{100 / (rows * columns):.2g}% everywhere." + (f" Mean of {heads} heads." if heads > 1 else "")
    )
    page = new_figure(
        3.5 * COLUMNS,
        lines * (3.0 * aspect(view.size) + 0.25) + 0.8,
        f"{recorded.title}: attention from chosen pixels",
        note,
    )
    grid = page.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    draw_image(grid[0], view.image, view.size, view.name)
    grid[0].set_axis_on()
    grid[0].tick_params(labelsize=8, colors=SOFT)
    grid[0].set_xlabel("column, pixels", fontsize=8.5, color=SOFT)
    grid[0].set_ylabel("row, pixels", fontsize=8.5, color=SOFT)
    for number, (axes, values, pixel) in enumerate(
        zip(grid[1:], attention, recorded.pixels, strict=False), 1
    ):
        mark(grid[0], pixel, str(number))
        draw_image(axes, pale_grey(view.image), view.size, f"{number}: from {pixel[0]},{pixel[1]}")
        shown = draw_map(axes, 100 * values, view.size, recorded.covers, alpha=0.7)
        mark(axes, pixel)
        color_bar(axes, shown, "attention, %")
    return page


def mark(axes: Axes, pixel: Pixel, text: str = "") -> None:
    """Draw a white ring with a dark outline around a pixel, and `text` beside it."""
    row, column = pixel[0] + 0.5, pixel[1] + 0.5
    for size, color in ((9, "black"), (6.5, "white")):
        axes.plot(
            column,
            row,
            "o",
            markersize=size,
            markerfacecolor="none",
            markeredgecolor=color,
            markeredgewidth=1.4,
        )
    if text:
        outline = [withStroke(linewidth=2.2, foreground="black")]
        axes.annotate(
            text,
            (column, row),
            (7, 5),
            textcoords="offset points",
            color="white",
            fontsize=9,
            path_effects=outline,
        )
