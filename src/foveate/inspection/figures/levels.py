"""Attention across levels: similarity of image patches to patches of an encoder level, by class."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy import ndarray

from foveate.attention.maps import AcrossLevelsMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import aspect, color_bar, draw_image, draw_map, new_figure, pale_grey
from foveate.inspection.subjects import RecordedMap

CLASSES = 4
"""Number of classes shown; those with the largest values come first."""


@figure("levels", 14, "where patches of the image resemble patches of an encoder level", AcrossLevelsMap)
def levels(recorded: RecordedMap) -> Figure:
    """Draw a row for each chosen pixel: its patch, then the patch's similarity to the level by class."""
    found, view = recorded.map, recorded.view
    values_of_pixels = related(recorded)
    classes = strongest(values_of_pixels)
    rows, columns = found.feature_grid
    note = (
        f"Patches of {found.patch_size} cells a side: {found.grid[0]}×{found.grid[1]} of the image, "
        f"{rows}×{columns} of the level; 0 where two patches share nothing."
    )
    height = len(values_of_pixels) * (2.5 * aspect(view.size) + 0.2) + 0.9
    page = new_figure(2.7 * (1 + len(classes)), height, f"{recorded.title}: attention across levels", note)
    grid = page.subplots(len(values_of_pixels), 1 + len(classes), squeeze=False)
    for number, (line, values) in enumerate(zip(grid, values_of_pixels, strict=True)):
        draw_image(
            line[0],
            view.image,
            view.size,
            f"patch of pixel {recorded.pixels[number][0]},{recorded.pixels[number][1]}",
        )
        _outline(line[0], recorded, int(found.queries[number]))
        for axes, number_of_class in zip(line[1:], classes, strict=True):
            draw_image(axes, pale_grey(view.image), view.size, view.prediction.classes[number_of_class])
            shown = draw_map(axes, values[number_of_class], view.size, recorded.key_covers, alpha=0.75)
            color_bar(axes, shown)
    return page


def related(recorded: RecordedMap) -> Float[ndarray, "pixels classes rows columns"]:
    """Return the similarity of each chosen pixel's patch to the patches of the level, by class."""
    rows = recorded.map.values[0, :, : len(recorded.pixels)].float()
    return rows.transpose(0, 1).reshape(len(recorded.pixels), -1, *recorded.map.feature_grid).numpy()


def strongest(values_of_pixels: Float[ndarray, "pixels classes rows columns"]) -> list[int]:
    """Return the classes with the largest values over all patches shown, at most `CLASSES`."""
    return np.argsort(-values_of_pixels.max((0, 2, 3)), kind="stable")[:CLASSES].tolist()


def _outline(axes: Axes, recorded: RecordedMap, patch: int) -> None:
    (rows, columns), (height, width) = recorded.map.grid, recorded.view.size
    down, across = height / recorded.covers[0] / rows, width / recorded.covers[1] / columns
    corner = (patch % columns) * across, (patch // columns) * down
    for color, line in (("black", 3.0), ("white", 1.4)):
        axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=color, linewidth=line))
