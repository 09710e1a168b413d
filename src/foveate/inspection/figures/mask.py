"""A mask map (one factor an element): features before the module, the factors, and features after it."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from foveate.attention.maps import MaskMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    SOFT,
    aspect,
    color_bar,
    draw_map,
    factor_note,
    new_figure,
    value_range,
)
from foveate.inspection.subjects import RecordedMap

SHOWN = 3
"""Number of channels shown besides the mean: those whose factors vary most over the image."""


@figure("mask", 3, "features before the module, their factors, and features after it", MaskMap)
def mask(recorded: RecordedMap) -> Figure:
    """Draw a row for the mean over channels and for the channels whose factors vary most."""
    drawn = rows(recorded)
    columns = list(drawn[0][1])
    title = f"{recorded.title}: {', '.join(columns).lower()}"
    note = factor_note(recorded, f"one for each position of {recorded.map.values.shape[1]} channels")
    height = len(drawn) * (2.4 * aspect(recorded.view.size) + 0.15) + 0.9
    page = new_figure(3.0 * len(columns) + 0.5, height, title, note)
    grid = page.subplots(len(drawn), len(columns), squeeze=False)
    for axes, (name, pictures) in zip(grid, drawn, strict=True):
        features = [v.ravel() for k, v in pictures.items() if k != "Factor"]
        shared = value_range(np.concatenate(features or [[0.0]]))
        for one, (column, values) in zip(axes, pictures.items(), strict=True):
            limits = None if column == "Factor" else shared
            shown = draw_map(one, values, recorded.view.size, recorded.covers, limits=limits)
            color_bar(one, shown, "factor" if column == "Factor" else "activation")
        axes[0].set_ylabel(name, fontsize=8.5, color=SOFT)
    for one, column in zip(grid[0], columns, strict=True):
        one.set_title(column, fontsize=9.5, loc="left")
    return page


def rows(recorded: RecordedMap) -> list[tuple[str, dict[str, Float[ndarray, "h w"]]]]:
    """Return the rows (mean of channels, then channels) as (name, pictures by column: before, factor, after).

    If the features have another number of channels than the factors, only the row of means is returned.
    Without features, there is only the column of factors.
    """
    values = recorded.map.factor[0].float().numpy()
    known = {"Before": recorded.before, "After": recorded.after}
    features = {name: f.float().numpy() for name, f in known.items() if f is not None}
    stacks = {"Before": features.get("Before"), "Factor": values, "After": features.get("After")}
    stacks = {name: stack for name, stack in stacks.items() if stack is not None}
    mean_row = [("mean of channels", {name: stack.mean(0) for name, stack in stacks.items()})]
    if any(len(stack) != len(values) for stack in stacks.values()) or len(values) == 1:
        return mean_row
    varying = np.argsort(-values.std((1, 2)), kind="stable")[:SHOWN].tolist()
    return mean_row + [(f"channel {c}", {name: stack[c] for name, stack in stacks.items()}) for c in varying]
