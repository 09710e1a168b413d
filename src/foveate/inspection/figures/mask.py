"""A mask map: one factor an element; features before the module, the factors, and features after."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import MaskMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import SOFT, aspect, color_bar, factor_note, laid, sheet, span
from foveate.inspection.subjects import Sight

SHOWN = 3
"""Channels that are shown beside the mean of all, those whose factors vary most over the image."""


@figure("mask", 3, "features before the module, their factors, and features after it", MaskMap)
def mask(sight: Sight) -> Figure:
    """Draw a row for the mean over channels and for the channels whose factors vary most."""
    drawn = rows(sight)
    columns = list(drawn[0][1])
    title = f"{sight.title}: {', '.join(columns).lower()}"
    note = factor_note(sight, f"one for each position of {sight.found.values.shape[1]} channels")
    height = len(drawn) * (2.4 * aspect(sight.view.size) + 0.15) + 0.9
    page = sheet(3.0 * len(columns) + 0.5, height, title, note)
    grid = page.subplots(len(drawn), len(columns), squeeze=False)
    for axes, (name, pictures) in zip(grid, drawn, strict=True):
        shared = span(np.concatenate([v.ravel() for k, v in pictures.items() if k != "Factor"] or [[0.0]]))
        for one, (column, values) in zip(axes, pictures.items(), strict=True):
            limits = None if column == "Factor" else shared
            shown = laid(one, values, sight.view.size, sight.covers, limits=limits)
            color_bar(one, shown, "factor" if column == "Factor" else "activation")
        axes[0].set_ylabel(name, fontsize=8.5, color=SOFT)
    for one, column in zip(grid[0], columns, strict=True):
        one.set_title(column, fontsize=9.5, loc="left")
    return page


def rows(sight: Sight) -> list[tuple[str, dict[str, Float[ndarray, "h w"]]]]:
    """What is drawn: by row (the mean, then channels) its pictures by column (before, factor, after).

    Features of another number of channels stand in the row of means alone. Where they are not known at all
    there is only the column of factors.
    """
    values = sight.found.factor[0].float().numpy()
    known = {"Before": sight.before, "After": sight.after}
    features = {name: f.float().numpy() for name, f in known.items() if f is not None}
    stacks = {"Before": features.get("Before"), "Factor": values, "After": features.get("After")}
    stacks = {name: stack for name, stack in stacks.items() if stack is not None}
    found = [("mean of channels", {name: stack.mean(0) for name, stack in stacks.items()})]
    if any(len(stack) != len(values) for stack in stacks.values()) or len(values) == 1:
        return found
    varying = np.argsort(-values.std((1, 2)), kind="stable")[:SHOWN].tolist()
    return found + [(f"channel {c}", {name: stack[c] for name, stack in stacks.items()}) for c in varying]
