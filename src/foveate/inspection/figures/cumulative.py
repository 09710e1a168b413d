"""The cumulative distribution of attention values: by value, the share of entries and of attention."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import PairwiseMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import BLUE, SOFT, VERMILION, new_figure, style_axes
from foveate.inspection.subjects import RecordedMap

POINTS = 1000


@figure("cumulative", 11, "the cumulative distribution of attention values", PairwiseMap)
def cumulative(recorded: RecordedMap) -> Figure:
    """Draw, for each value, the share of entries up to it and their share of all attention."""
    matrix = recorded.matrix
    values, entries, attention = distribution(matrix)
    uniform = 1 / matrix.shape[1]
    half = values[np.searchsorted(attention, 0.5)]
    above = 1 - entries[np.searchsorted(attention, 0.5)]
    note = (
        f"{matrix.size:,} entries. Half of all attention lies in the {100 * above:.2g}% of entries above "
        f"{half:.2g}."
    )
    page = new_figure(7, 4.6, f"{recorded.title}: how attention is distributed", note)
    axes = style_axes(
        page.subplots(), "", "attention value of an entry (logarithmic)", "share up to this value, %"
    )
    axes.plot(values, 100 * entries, color=BLUE, linewidth=2, label="of entries", drawstyle="steps-post")
    axes.plot(
        values,
        100 * attention,
        color=VERMILION,
        linewidth=2,
        linestyle=(0, (6, 2)),
        label="of attention",
        drawstyle="steps-post",
    )
    axes.axvline(uniform, color=SOFT, linewidth=1, linestyle=":", label=f"equal attention, {uniform:.2g}")
    axes.set_xscale("log")
    axes.set_xlim(max(values[0], 1e-4 * uniform), values[-1] * 1.1)
    axes.set_ylim(0, 101)
    axes.grid(color="#eceef0", linewidth=0.8)
    axes.legend(frameon=False, fontsize=8.5, loc="center left")
    return page


def distribution(
    matrix: Float[ndarray, "q k"],
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Return sorted values, the share of entries up to each, and these entries' share of the matrix's sum.

    At most `POINTS` values are returned. Zeros become the smallest positive float32, for a logarithmic axis.

    >>> values, entries, attention = distribution(np.array([[0.75, 0.25]]))
    >>> values.tolist(), entries.tolist(), attention.tolist()
    ([0.25, 0.75], [0.5, 1.0], [0.25, 1.0])
    """
    ordered = np.sort(matrix.ravel()).astype(np.float64)
    sums = np.cumsum(ordered)
    last = len(ordered) - 1
    # Half of the points are evenly spread; the others get denser towards the few large values.
    at = np.concatenate(
        [np.linspace(0, last, POINTS // 2), last + 1 - np.geomspace(1, last + 1, POINTS // 2)]
    )
    at = np.unique(at.astype(np.int64))
    smallest = np.finfo(np.float32).tiny
    return np.maximum(ordered[at], smallest), (at + 1) / len(ordered), sums[at] / sums[-1]
