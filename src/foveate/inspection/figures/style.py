"""The common style of figures: layout, colour scale, and axes in the pixel coordinates of the image."""

from typing import Any, BinaryIO, Literal

import numpy as np
from jaxtyping import Num, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy import ndarray

from foveate.data.pixels.palette import WRONG
from foveate.inspection.figures.fonts import readable
from foveate.inspection.overlays import BAR
from foveate.inspection.subjects import RecordedMap, Size, downscale

BLUE, VERMILION = ("#{:02x}{:02x}{:02x}".format(*color) for color in (BAR, WRONG))
INK, SOFT = "#1b1e23", "#5c6470"
COLORS = "viridis"
DPI = 140


def new_figure(width: float, height: float, title: str, note: str) -> Figure:
    """Return an empty figure, sizes in inches, with a title above and a note below."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04, hspace=0.04)
    figure.suptitle(plain(title), x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK)
    figure.supxlabel(plain(note), x=0.012, ha="left", fontsize=8.5, color=SOFT, wrap=True)
    return figure


def save_figure(page: Figure, file: BinaryIO, kind: Literal["png", "svg"]) -> None:
    """Write a figure. `Figure.savefig` would draw it twice, once to find its layout."""
    if kind == "png":
        FigureCanvasAgg(page).print_png(file)
    else:
        FigureCanvasSVG(page).print_svg(file)


def plain(text: str) -> str:
    """Escape what matplotlib cannot draw in a text such as a class name: dollar signs, which it takes for a
    formula, and characters without a font.

    >>> print(plain("$20 bill"))
    \\$20 bill
    """
    return readable(text).replace("$", r"\$")


def style_axes(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Set title and labels in the common style, remove the top and right frame lines, return the axes."""
    axes.set_title(title, fontsize=9.5, loc="left", color=INK)
    axes.set_xlabel(x, fontsize=8.5, color=SOFT)
    axes.set_ylabel(y, fontsize=8.5, color=SOFT)
    axes.tick_params(labelsize=8, colors=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def draw_image(axes: Axes, image: UInt8[ndarray, "h w 3"], size: Size, title: str) -> AxesImage:
    """Draw an RGB image, without ticks, stretched to the coordinates of an image of `size`."""
    shown = axes.imshow(downscale(image), extent=(0, size[1], size[0], 0), interpolation="antialiased")
    axes.set(xlim=(0, size[1]), ylim=(size[0], 0))
    axes.set_title(plain(title), fontsize=9.5, loc="left", color=INK)
    axes.set_axis_off()
    return shown


def draw_map(
    axes: Axes,
    values: Num[ndarray, "rows columns"],
    size: Size,
    covers: tuple[float, float] = (1.0, 1.0),
    alpha: float = 1.0,
    limits: tuple[float, float] | None = None,
) -> AxesImage:
    """Draw a map in the coordinates of an image of `size`.

    covers: the share of the map that lies over the image (see `RecordedMap`). alpha: 1 shows the cells of the
    map; less shows a smoothed map over the image. limits: values at the ends of the colour scale; by default
    the smallest and largest value.
    """
    low, high = limits or value_range(values)
    shown = axes.imshow(
        values,
        cmap=COLORS,
        vmin=low,
        vmax=high,
        alpha=alpha,
        extent=(0, size[1] / covers[1], size[0] / covers[0], 0),
        interpolation="nearest" if alpha == 1 else "bilinear",
    )
    axes.set(xlim=(0, size[1]), ylim=(size[0], 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return shown


def value_range(values: Num[ndarray, "*size"]) -> tuple[float, float]:
    """Return the smallest and the largest value, widened by 0.5 each way if they are equal."""
    low, high = float(np.min(values)), float(np.max(values))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def color_bar(axes: Axes, shown: ScalarMappable, label: str = "", **more: Any) -> None:
    """Add a labelled colour bar to the right of the axes, of the same height."""
    space = axes.inset_axes((1.03, 0.0, 0.045, 1.0))
    bar = axes.figure.colorbar(shown, cax=space, **more)
    bar.set_label(label, fontsize=8.5, color=SOFT)
    bar.ax.tick_params(labelsize=8, colors=SOFT)
    bar.formatter.set_powerlimits((-3, 4))
    bar.ax.yaxis.get_offset_text().set(fontsize=7.5, color=SOFT)
    bar.outline.set_visible(False)
    bar.solids.set_alpha(1)


def pale_grey(image: UInt8[ndarray, "h w 3"], light: float = 0.35) -> UInt8[ndarray, "h w 3"]:
    """Return the image in grey, `light` of the way to white, as a background for marks."""
    luma = image @ np.array([0.299, 0.587, 0.114])
    return np.repeat((luma * (1 - light) + 255 * light).astype(np.uint8)[..., None], 3, axis=2)


def factor_note(recorded: RecordedMap, aside: str) -> str:
    """Return the note of a factor map: its range, its effect on the features, and the gate's share."""
    factors = recorded.map.factor[0]
    effect = recorded.map.effect
    note = f"Factors from {float(factors.min()):.3f} to {float(factors.max()):.3f}, {aside}: {effect}."
    if recorded.gate is not None:
        note += f" The gate lets {100 * recorded.gate:.0f}% of the change through."
    return note


def aspect(size: Size) -> float:
    """Return height / width, clipped to 0.3 to 2.

    >>> aspect((100, 200)), aspect((10, 1000))
    (0.5, 0.3)
    """
    return min(2.0, max(0.3, size[0] / size[1]))
