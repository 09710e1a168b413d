"""Attention between channels, as a heat map."""

from matplotlib.figure import Figure

from foveate.attention.maps import ChannelPairsMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.relief import coarse
from foveate.inspection.figures.style import COLORS, color_bar, plain, sheet
from foveate.inspection.subjects import Sight

CELLS = 1024


@figure("channel_pairs", 12, "attention of every channel to every other, as a heat map", ChannelPairsMap)
def channel_pairs(sight: Sight) -> Figure:
    """Draw one row for each channel that takes, one column for each that gives."""
    values = sight.found.values[0].float().numpy()
    heights, (side, _) = coarse(100 * values, CELLS)
    note = f"{len(values)} channels; each row sums to 100%."
    note += f" Each cell is the mean of {side:g}×{side:g} entries." if side > 1 else ""
    page = sheet(6.4, 5.9, f"{sight.title}: attention between channels", note)
    axes = plain(page.subplots(), "", "attended channel", "attending channel")
    extent = (0, len(values), len(values), 0)
    shown = axes.imshow(heights, cmap=COLORS, vmin=0, extent=extent, interpolation="nearest")
    color_bar(axes, shown, "attention, %")
    return page
