"""A channel map: one bar a channel, and the channels with extreme factors before and after the factor."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import ChannelMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    BLUE,
    SOFT,
    VERMILION,
    aspect,
    color_bar,
    draw_map,
    factor_note,
    new_figure,
    style_axes,
    value_range,
)
from foveate.inspection.subjects import RecordedMap

SHOWN = 3
"""Number of channels with the largest factors, and with the smallest, that are shown as pictures."""


@figure("channels", 1, "the factor of each channel, and the channels it raises and lowers most", ChannelMap)
def channels(recorded: RecordedMap) -> Figure:
    """Draw the bars, and below them channels before and after their factor."""
    factors = recorded.map.factor[0].float().numpy()
    most, least = extremes(factors)
    title = f"{recorded.title}: factor of each of {len(factors)} channels"
    note = factor_note(recorded, "at 1 a channel stays as it is")
    feature = recorded.before
    if feature is None or len(feature) != len(factors):
        page = new_figure(8, 3.2, title, note)
        _bars(page.subplots(), factors, most, least)
        return page
    columns = [*most, *least]
    pictures = 2 * (8.6 / len(columns) * aspect(recorded.view.size)) + 0.5
    page = new_figure(10, 2.5 + pictures + 0.6, title, note)
    top, below = page.subfigures(2, 1, squeeze=False, height_ratios=(2.5, pictures)).ravel()
    _bars(top.subplots(), factors, most, least)
    grid = below.subplots(2, len(columns), squeeze=False)
    for (before, after), channel in zip(grid.T, columns, strict=True):
        values = feature[channel].float().numpy()
        limits = value_range(np.stack([values, values * factors[channel]]))
        draw_map(before, values, recorded.view.size, recorded.covers, limits=limits)
        shown = draw_map(after, values * factors[channel], recorded.view.size, recorded.covers, limits=limits)
        color = BLUE if channel in most else VERMILION
        before.set_title(f"{channel}: × {factors[channel]:.2f}", fontsize=8.5, color=color, loc="left")
        color_bar(before, shown)
        color_bar(after, shown)
    grid[0, 0].set_ylabel("before", fontsize=8.5, color=SOFT)
    grid[1, 0].set_ylabel("after", fontsize=8.5, color=SOFT)
    return page


def extremes(factors: Float[ndarray, " c"]) -> tuple[list[int], list[int]]:
    """Return the channels with the largest factors (largest first) and the smallest (smallest first).

    No channel is in both lists.

    >>> extremes(np.array([0.2, 0.9, 0.5, 0.1]))
    ([1, 2], [3, 0])
    """
    order = np.argsort(-factors, kind="stable").tolist()
    count = min(SHOWN, max(1, len(order) // 2))
    least = [channel for channel in order[::-1][:count] if channel not in order[:count]]
    return order[:count], least


def _bars(axes: Axes, factors: Float[ndarray, " c"], most: list[int], least: list[int]) -> None:
    style_axes(axes, "", "channel", "factor")
    colors = np.full(len(factors), "#9aa1ab", dtype=object)
    colors[most], colors[least] = BLUE, VERMILION
    axes.bar(range(len(factors)), factors, width=0.85, color=list(colors))
    axes.axhline(1, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlim(-0.7, len(factors) - 0.3)
    axes.set_ylim(min(0.0, 1.05 * factors.min()), max(1.05, 1.05 * factors.max()))
