"""A spatial map: one factor a position, alone and over the image."""

from matplotlib.figure import Figure

from foveate.attention.maps import SpatialMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import (
    aspect,
    color_bar,
    draw_image,
    draw_map,
    factor_note,
    new_figure,
    pale_grey,
)
from foveate.inspection.subjects import RecordedMap


@figure("spatial", 2, "the factor of each position, alone and over the image", SpatialMap)
def spatial(recorded: RecordedMap) -> Figure:
    """Draw the image, the map's cells, and the map over the image."""
    factors, view = recorded.map.factor[0].float().numpy(), recorded.view
    rows, columns = factors.shape
    note = factor_note(recorded, "at 1 a position stays as it is")
    page = new_figure(9.5, 2.9 * aspect(view.size) + 1.1, f"{recorded.title}: factor of each position", note)
    image, alone, over = page.subplots(1, 3)
    draw_image(image, view.image, view.size, view.name)
    draw_image(alone, view.image, view.size, f"Factors, {rows}×{columns} positions")
    draw_map(alone, factors, view.size, recorded.covers)
    draw_image(over, pale_grey(view.image), view.size, "Over the image")
    shown = draw_map(over, factors, view.size, recorded.covers, alpha=0.65)
    color_bar(over, shown, "factor")
    return page
