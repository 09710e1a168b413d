"""Attention between channels, as a heat map."""

from matplotlib.figure import Figure

from foveate.attention.maps import ChannelPairsMap
from foveate.inspection.figures.coarse import block_means
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import COLORS, color_bar, new_figure, style_axes
from foveate.inspection.subjects import RecordedMap

CELLS = 1024


@figure("channel_pairs", 12, "attention of every channel to every other, as a heat map", ChannelPairsMap)
def channel_pairs(recorded: RecordedMap) -> Figure:
    """Draw the matrix: one row for each attending channel, one column for each attended channel."""
    values = recorded.map.values[0].float().numpy()
    heights, (side, _) = block_means(100 * values, CELLS)
    note = f"{len(values)} channels; each row sums to 100%."
    note += f" Each cell is the mean of {side:g}×{side:g} entries." if side > 1 else ""
    page = new_figure(6.4, 5.9, f"{recorded.title}: attention between channels", note)
    axes = style_axes(page.subplots(), "", "attended channel", "attending channel")
    extent = (0, len(values), len(values), 0)
    shown = axes.imshow(heights, cmap=COLORS, vmin=0, extent=extent, interpolation="nearest")
    color_bar(axes, shown, "attention, %")
    return page
