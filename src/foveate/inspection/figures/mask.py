"""A mask map: one factor an element; features before the module, the mask, and features after."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import MaskMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import SOFT, aspect, color_bar, laid, sheet, span
from foveate.inspection.subjects import Sight

SHOWN = 3
"""Channels that are shown beside the mean of all, those whose mask varies most over the image."""


@figure("mask", 3, "features before the module, its mask, and features after it", MaskMap)
def mask(sight: Sight) -> Figure:
    """Draw a row for the mean over channels and for the channels whose mask varies most."""
    drawn = rows(sight)
    columns = list(drawn[0][1])
    title = f"{sight.title}: {', '.join(columns).lower()}"
    low, high = span(sight.found.values.float().numpy())
    note = (
        f"Mask from {low:.3f} to {high:.3f}, one factor for each of {sight.found.values.shape[1]} channels."
    )
    if sight.gate is not None:
        note += f" The gate lets {100 * sight.gate:.0f}% of the change through."
    height = len(drawn) * (2.4 * aspect(sight.view.size) + 0.15) + 0.9
    page = sheet(3.0 * len(columns) + 0.5, height, title, note)
    grid = page.subplots(len(drawn), len(columns), squeeze=False)
    for axes, (name, pictures) in zip(grid, drawn, strict=True):
        shared = span(np.concatenate([v.ravel() for k, v in pictures.items() if k != "Mask"] or [[0.0]]))
        for one, (column, values) in zip(axes, pictures.items(), strict=True):
            limits = None if column == "Mask" else shared
            shown = laid(one, values, sight.view.size, sight.covers, limits=limits)
            color_bar(one, shown, "factor" if column == "Mask" else "activation")
        axes[0].set_ylabel(name, fontsize=8.5, color=SOFT)
    for one, column in zip(grid[0], columns, strict=True):
        one.set_title(column, fontsize=9.5, loc="left")
    return page


def rows(sight: Sight) -> list[tuple[str, dict[str, Float[ndarray, "h w"]]]]:
    """What is drawn: by row (the mean, then channels) its pictures by column (before, mask, after).

    Features of another number of channels than the mask's stand in the row of means alone, and where they are
    not known at all there is the mask's column only.
    """
    values = sight.found.values[0].float().numpy()
    known = {"Before": sight.before, "After": sight.after}
    features = {name: f.float().numpy() for name, f in known.items() if f is not None}
    stacks = {"Before": features.get("Before"), "Mask": values, "After": features.get("After")}
    stacks = {name: stack for name, stack in stacks.items() if stack is not None}
    found = [("mean of channels", {name: stack.mean(0) for name, stack in stacks.items()})]
    if any(len(stack) != len(values) for stack in stacks.values()) or len(values) == 1:
        return found
    varying = np.argsort(-values.std((1, 2)), kind="stable")[:SHOWN].tolist()
    return found + [(f"channel {c}", {name: stack[c] for name, stack in stacks.items()}) for c in varying]
