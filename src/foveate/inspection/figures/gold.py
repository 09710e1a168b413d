"""Attention across levels beside the gold map that it is trained towards: the same map of the truth."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from numpy import ndarray
from PIL import Image

from foveate.attention.kernels.afma_loss import one_hot_patches
from foveate.attention.kernels.patches import class_shares, patches
from foveate.attention.maps import AcrossLevelsMap
from foveate.inspection.figures.levels import related, strongest
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import aspect, color_bar, draw_image, draw_map, new_figure, pale_grey
from foveate.inspection.subjects import RecordedMap

CLASSES = 3
"""Classes shown; those with the largest gold values come first."""


@figure("gold", 15, "the attention across levels beside the gold map of the truth", AcrossLevelsMap)
def gold(recorded: RecordedMap) -> Figure:
    """Draw a row for each chosen pixel: by class, its patch's similarity to the level, and the gold one."""
    view, learnt, golden = recorded.view, related(recorded), gold_map(recorded)
    classes = strongest(learnt if golden is None else golden)[:CLASSES]
    note = (
        "The gold map relates the patches of the one-hot truth to those of the truth averaged to the level."
    )
    columns = 1 + len(classes) * (1 if golden is None else 2)
    page = new_figure(
        2.6 * columns,
        len(learnt) * (2.5 * aspect(view.size) + 0.2) + 0.9,
        f"{recorded.title}: attention across levels, and gold",
        note if golden is not None else "No truth is known, so there is no gold map.",
    )
    grid = page.subplots(len(learnt), columns, squeeze=False)
    for number, line in enumerate(grid):
        row, column = recorded.pixels[number]
        draw_image(line[0], view.image, view.size, f"pixel {row},{column}")
        line[0].plot(column, row, "o", markersize=7, markerfacecolor="none", markeredgecolor="white")
        pairs = [(name, values) for name, values in (("", learnt), ("gold: ", golden)) if values is not None]
        drawn = [
            (f"{name}{view.prediction.classes[c]}", values[number, c])
            for c in classes
            for name, values in pairs
        ]
        for axes, (title, values) in zip(line[1:], drawn, strict=True):
            draw_image(axes, pale_grey(view.image), view.size, title)
            color_bar(axes, draw_map(axes, values, view.size, recorded.key_covers, alpha=0.75))
    return page


def gold_map(recorded: RecordedMap) -> Float[ndarray, "pixels classes rows columns"] | None:
    """Return the gold similarity of each chosen pixel's patch to the patches of the level, by class.

    None if no mask is known.
    """
    truth, found = recorded.view.truth, recorded.map
    if not isinstance(truth, np.ndarray):
        return None
    ids = torch.from_numpy(_at_input_size(truth, recorded).astype(np.int64))[None]
    classes, size = found.values.shape[1], found.patch_size
    y = one_hot_patches(ids, classes, size)[0][0, :, found.queries[: len(recorded.pixels)]].float()
    z = patches(class_shares(ids, classes, found.cell, torch.float32), size)[0]
    values = (y @ z.mT / size**2).transpose(0, 1)
    return values.reshape(len(recorded.pixels), classes, *found.feature_grid).numpy()


def _at_input_size(truth: UInt8[ndarray, "h w"], recorded: RecordedMap) -> UInt8[ndarray, "rows columns"]:
    """Return a mask at the size at which the network saw the image."""
    rows, columns = (
        round(share * cells * recorded.map.patch_size)
        for share, cells in zip(recorded.covers, recorded.map.grid, strict=True)
    )
    return np.asarray(Image.fromarray(truth).resize((columns, rows), Image.Resampling.NEAREST))
