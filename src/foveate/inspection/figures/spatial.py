"""A spatial map: one factor a position, alone and over the image."""

from matplotlib.figure import Figure

from foveate.attention.maps import SpatialMap
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import aspect, color_bar, factor_note, grey, laid, picture, sheet
from foveate.inspection.subjects import Sight


@figure("spatial", 2, "the factor of each position, alone and over the image", SpatialMap)
def spatial(sight: Sight) -> Figure:
    """Draw the image, the map's cells, and the map over the image."""
    factors, view = sight.found.factor[0].float().numpy(), sight.view
    rows, columns = factors.shape
    note = factor_note(sight, "at 1 a position stays as it is")
    page = sheet(9.5, 2.9 * aspect(view.size) + 1.1, f"{sight.title}: factor of each position", note)
    image, alone, over = page.subplots(1, 3)
    picture(image, view.image, view.size, view.name)
    picture(alone, view.image, view.size, f"Factors, {rows}×{columns} positions")
    laid(alone, factors, view.size, sight.covers)
    picture(over, grey(view.image), view.size, "Over the image")
    shown = laid(over, factors, view.size, sight.covers, alpha=0.65)
    color_bar(over, shown, "factor")
    return page
