"""A memory map: how much each slot of a learned memory is used, and where."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import MemoryMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    BLUE,
    aspect,
    color_bar,
    draw_image,
    draw_map,
    new_figure,
    pale_grey,
    style_axes,
)
from foveate.inspection.subjects import RecordedMap

SHOWN = 6


@figure("memory", 13, "how much each slot of the memory is used, and where", MemoryMap)
def memory(recorded: RecordedMap) -> Figure:
    """Draw the mean share of each slot as bars, and the slots whose share varies most as pictures."""
    shares, view = 100 * recorded.map.values[0].float().numpy(), recorded.view
    slots = varying(shares)
    pictures = 9.0 / len(slots) * aspect(view.size) + 0.4
    note = (
        f"At each position the {len(shares)} slots share 100%; shown are those that vary most over the image."
    )
    page = new_figure(10, 2.4 + pictures + 0.6, f"{recorded.title}: share of each slot of the memory", note)
    top, below = page.subfigures(2, 1, squeeze=False, height_ratios=(2.4, pictures)).ravel()
    bars = style_axes(top.subplots(), "", "slot", "mean share, %")
    bars.bar(range(len(shares)), shares.mean((1, 2)), width=0.85, color=BLUE)
    bars.set_xlim(-0.7, len(shares) - 0.3)
    for axes, slot in zip(np.ravel(below.subplots(1, len(slots))), slots, strict=True):
        draw_image(axes, pale_grey(view.image), view.size, f"slot {slot}")
        color_bar(axes, draw_map(axes, shares[slot], view.size, recorded.covers, alpha=0.75))
    return page


def varying(shares: Float[ndarray, "slots h w"]) -> list[int]:
    """Return the slots whose shares vary most over the image, at most `SHOWN`."""
    return np.argsort(-shares.std((1, 2)), kind="stable")[:SHOWN].tolist()
