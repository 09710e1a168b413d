"""A transformer's own attention: where its class token looks, what positions receive, and chosen pixels."""

import math

from matplotlib.figure import Figure

from foveate.attention.self_attention_map import SelfAttentionMap
from foveate.inspection.figures.pixels import mark
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    aspect,
    color_bar,
    draw_image,
    draw_map,
    new_figure,
    pale_grey,
)
from foveate.inspection.subjects import RecordedMap

COLUMNS = 4


@figure(
    "self", 15, "where the network's own attention looks: from its class token, from pixels", SelfAttentionMap
)
def self_attention(recorded: RecordedMap) -> Figure:
    """Draw the image, and over it the attention of the class token, of all positions, and of each pixel."""
    view, own = recorded.view, recorded.map
    rows, columns = own.grid
    heads, tokens = own.tokens.shape[1:3]
    maps = []
    if tokens:
        maps.append(("from the class token", own.tokens[0, :, 0].float().mean(0).reshape(own.grid).numpy()))
    maps.append(("received, mean of all", own.received[0].float().numpy()))
    for number, (pixel, values) in enumerate(zip(recorded.pixels, recorded.pixel_attention, strict=True), 1):
        maps.append((f"{number}: from {pixel[0]},{pixel[1]}", values))
    lines = math.ceil((1 + len(maps)) / COLUMNS)
    note = (
        f"softmax(q k) over {rows}×{columns} positions"
        + (f" and {tokens} token{'s' * (tokens > 1)} without a position" if tokens else "")
        + f"; equal attention would be {100 / (rows * columns + tokens):.2g}% everywhere."
        + (f" Mean of {heads} heads." if heads > 1 else "")
    )
    height = lines * (2.7 * aspect(view.size) + 0.3) + 0.8
    page = new_figure(3.0 * COLUMNS, height, f"{recorded.label}: the network's own attention", note)
    grid = page.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    draw_image(grid[0], view.image, view.size, view.name)
    for number, pixel in enumerate(recorded.pixels, 1):
        mark(grid[0], pixel, str(number))
    for axes, (title, values) in zip(grid[1:], maps, strict=False):
        draw_image(axes, pale_grey(view.image), view.size, title)
        shown = draw_map(axes, 100 * values, view.size, recorded.covers, alpha=0.7)
        color_bar(axes, shown, "attention, %")
    for axes, pixel in zip(grid[len(maps) - len(recorded.pixels) + 1 :], recorded.pixels, strict=False):
        mark(axes, pixel)
    return page
