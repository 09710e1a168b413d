"""Rows of Smooth Attention before and after smoothing, over the image."""

from matplotlib.figure import Figure

from foveate.attention.smoothed_map import SmoothedMap
from foveate.inspection.figures.pixels import mark
from foveate.inspection.figures.registry import figure
from foveate.inspection.figures.style import aspect, color_bar, draw_image, draw_map, new_figure, pale_grey
from foveate.inspection.subjects import RecordedMap

TITLES = ("before smoothing", "after smoothing")


@figure("smoothing", 5, "rows of chosen pixels before and after smoothing", SmoothedMap)
def smoothing(recorded: RecordedMap) -> Figure:
    """Draw one line a chosen pixel: its row before and after, in the same colours."""
    view, found = recorded.view, recorded.map
    count = len(recorded.pixels)
    sampled = found.smoothed[0, count:].float()
    note = (
        "A row is replaced by the mean of its 8 neighbours' rows where they differ by more than t, "
        f"at {100 * sampled.mean().nan_to_num().item():.0f}% of the {len(sampled)} sampled positions."
    )
    high = 3.0 * aspect(view.size) + 0.35
    title = f"{recorded.title}: rows before and after smoothing"
    page = new_figure(8.4, max(1, count) * high + 0.8, title, note)
    grid = page.subplots(max(1, count), 2, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for number, (line, pixel) in enumerate(zip(grid, recorded.pixels, strict=False)):
        rows = (side[0, :, number].float().mean(0) for side in (found.raw, found.values))
        pair = [row.reshape(found.grid).numpy() for row in rows]
        limits = 0.0, 100 * max(float(values.max()) for values in pair)
        fate = "" if found.smoothed[0, number] else ", not smoothed"
        for axes, values, title in zip(line, pair, TITLES, strict=True):
            draw_image(axes, pale_grey(view.image), view.size, f"from {pixel[0]},{pixel[1]}: {title}{fate}")
            shown = draw_map(axes, 100 * values, view.size, recorded.covers, alpha=0.7, limits=limits)
            mark(axes, pixel)
            color_bar(axes, shown, "attention, %")
    return page
