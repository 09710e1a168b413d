"""Pairwise attention from chosen pixels: where each of them looks."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import SOFT, aspect, color_bar, grey, laid, picture, sheet
from foveate.inspection.subjects import Pixel, Sight

COLUMNS = 3


@figure("pixels", 4, "where chosen pixels look", PairwiseMap)
def pixels(sight: Sight) -> Figure:
    """Draw the image with the numbered pixels, and for each of them its attention over the image."""
    view, looks = sight.view, sight.looks
    lines = math.ceil((1 + len(looks)) / COLUMNS)
    heads = sight.found.values.shape[1]
    rows, columns = sight.found.grid
    note = (
        f"Each row of the matrix sums to 100% over {rows}×{columns} positions; equal attention would be "
        f"{100 / (rows * columns):.2g}% everywhere." + (f" Mean of {heads} heads." if heads > 1 else "")
    )
    page = sheet(
        3.5 * COLUMNS,
        lines * (3.0 * aspect(view.size) + 0.25) + 0.8,
        f"{sight.title}: where chosen pixels look",
        note,
    )
    grid = page.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    picture(grid[0], view.image, view.size, view.name)
    grid[0].set_axis_on()
    grid[0].tick_params(labelsize=8, colors=SOFT)
    grid[0].set_xlabel("column, pixels", fontsize=8.5, color=SOFT)
    grid[0].set_ylabel("row, pixels", fontsize=8.5, color=SOFT)
    for number, (axes, values, pixel) in enumerate(zip(grid[1:], looks, sight.pixels, strict=False), 1):
        mark(grid[0], pixel, str(number))
        picture(axes, grey(view.image), view.size, f"{number}: from {pixel[0]},{pixel[1]}")
        shown = laid(axes, 100 * values, view.size, sight.covers, alpha=0.7)
        mark(axes, pixel)
        color_bar(axes, shown, "attention, %")
    return page


def mark(axes: Axes, pixel: Pixel, text: str = "") -> None:
    """A ring around a pixel, light inside dark, with its number beside it."""
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
