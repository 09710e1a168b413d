"""Across levels: what patches of the image have in common with patches of an encoder level, by class."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy import ndarray

from foveate.attention.maps import AcrossLevelsMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import aspect, color_bar, grey, laid, picture, sheet
from foveate.inspection.subjects import Sight

CLASSES = 4
"""The most classes that are shown, those with the largest values first."""


@figure("levels", 14, "where patches of the image find their like in an encoder level", AcrossLevelsMap)
def levels(sight: Sight) -> Figure:
    """Draw a row for each chosen pixel's patch: the patch, then its relation to the level by class."""
    found, view = sight.found, sight.view
    looks = related(sight)
    classes = strongest(looks)
    rows, columns = found.feature_grid
    note = (
        f"Patches of {found.patch_size} cells a side: {found.grid[0]}×{found.grid[1]} of the image, "
        f"{rows}×{columns} of the level; 0 where two patches share nothing."
    )
    height = len(looks) * (2.5 * aspect(view.size) + 0.2) + 0.9
    page = sheet(2.7 * (1 + len(classes)), height, f"{sight.title}: attention across levels", note)
    grid = page.subplots(len(looks), 1 + len(classes), squeeze=False)
    for number, (line, values) in enumerate(zip(grid, looks, strict=True)):
        picture(
            line[0],
            view.image,
            view.size,
            f"patch of pixel {sight.pixels[number][0]},{sight.pixels[number][1]}",
        )
        _outline(line[0], sight, int(found.queries[number]))
        for axes, number_of_class in zip(line[1:], classes, strict=True):
            picture(axes, grey(view.image), view.size, view.prediction.classes[number_of_class])
            shown = laid(axes, values[number_of_class], view.size, sight.key_covers, alpha=0.75)
            color_bar(axes, shown)
    return page


def related(sight: Sight) -> Float[ndarray, "pixels classes rows columns"]:
    """What the patch of each chosen pixel has in common with the patches of the level, by class."""
    rows = sight.found.values[0, :, : len(sight.pixels)].float()
    return rows.transpose(0, 1).reshape(len(sight.pixels), -1, *sight.found.feature_grid).numpy()


def strongest(looks: Float[ndarray, "pixels classes rows columns"]) -> list[int]:
    """The classes with the largest values over all patches shown, at most `CLASSES`."""
    return np.argsort(-looks.max((0, 2, 3)), kind="stable")[:CLASSES].tolist()


def _outline(axes: Axes, sight: Sight, patch: int) -> None:
    (rows, columns), (height, width) = sight.found.grid, sight.view.size
    down, across = height / sight.covers[0] / rows, width / sight.covers[1] / columns
    corner = (patch % columns) * across, (patch // columns) * down
    for color, line in (("black", 3.0), ("white", 1.4)):
        axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=color, linewidth=line))
