"""How figures look: one sheet, one scale of colours, images and maps in the image's own pixels."""

from typing import Any

import numpy as np
from jaxtyping import Num, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy import ndarray

from foveate.data.pixels.palette import WRONG
from foveate.inspection.overlays import BAR
from foveate.inspection.subjects import Sight, Size, shrunk

BLUE, VERMILION = ("#{:02x}{:02x}{:02x}".format(*color) for color in (BAR, WRONG))
INK, SOFT = "#1b1e23", "#5c6470"
COLORS = "viridis"
DPI = 140


def sheet(width: float, height: float, title: str, note: str) -> Figure:
    """An empty figure of this size in inches; `note` stands below what is drawn."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04, hspace=0.04)
    figure.suptitle(literal(title), x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK)
    figure.supxlabel(literal(note), x=0.012, ha="left", fontsize=8.5, color=SOFT, wrap=True)
    return figure


def literal(text: str) -> str:
    """A text, such as the name of a class, whose dollars do not begin and end a formula of matplotlib's.

    >>> print(literal("$20 bill"))
    \\$20 bill
    """
    return text.replace("$", r"\$")


def plain(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Titles and labels in the figures' sizes, without the lines that frame nothing."""
    axes.set_title(title, fontsize=9.5, loc="left", color=INK)
    axes.set_xlabel(x, fontsize=8.5, color=SOFT)
    axes.set_ylabel(y, fontsize=8.5, color=SOFT)
    axes.tick_params(labelsize=8, colors=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def picture(axes: Axes, image: UInt8[ndarray, "h w 3"], size: Size, title: str) -> AxesImage:
    """Draw an RGB picture of an image of `size`, whatever its own resolution, without ticks."""
    shown = axes.imshow(shrunk(image), extent=(0, size[1], size[0], 0), interpolation="antialiased")
    axes.set(xlim=(0, size[1]), ylim=(size[0], 0))
    axes.set_title(literal(title), fontsize=9.5, loc="left", color=INK)
    axes.set_axis_off()
    return shown


def laid(
    axes: Axes,
    values: Num[ndarray, "rows columns"],
    size: Size,
    covers: tuple[float, float] = (1.0, 1.0),
    alpha: float = 1.0,
    limits: tuple[float, float] | None = None,
) -> AxesImage:
    """Draw a map over an image of `size`, of which it `covers` more than there is where it was padded.

    Opaque maps show their cells; those that let the image through are smoothed.
    """
    low, high = limits or span(values)
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


def span(values: Num[ndarray, "*size"]) -> tuple[float, float]:
    """The smallest and the largest value, kept apart where all are equal."""
    low, high = float(np.min(values)), float(np.max(values))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def color_bar(axes: Axes, shown: ScalarMappable, label: str = "", **more: Any) -> None:
    """A labelled colour bar to the right of the axes, as high as what they show."""
    space = axes.inset_axes((1.03, 0.0, 0.045, 1.0))
    bar = axes.figure.colorbar(shown, cax=space, **more)
    bar.set_label(label, fontsize=8.5, color=SOFT)
    bar.ax.tick_params(labelsize=8, colors=SOFT)
    bar.formatter.set_powerlimits((-3, 4))
    bar.ax.yaxis.get_offset_text().set(fontsize=7.5, color=SOFT)
    bar.outline.set_visible(False)
    bar.solids.set_alpha(1)


def grey(image: UInt8[ndarray, "h w 3"], light: float = 0.35) -> UInt8[ndarray, "h w 3"]:
    """The image without its colours, and pale, to lie under marks."""
    luma = image @ np.array([0.299, 0.587, 0.114])
    return np.repeat((luma * (1 - light) + 255 * light).astype(np.uint8)[..., None], 3, axis=2)


def factor_note(sight: Sight, aside: str) -> str:
    """What a map of factors does to the features: how it acts, its range, and how far the gate lets it."""
    factors = sight.found.factor[0]
    effect = sight.found.effect
    note = f"Factors from {float(factors.min()):.3f} to {float(factors.max()):.3f}, {aside}: {effect}."
    if sight.gate is not None:
        note += f" The gate lets {100 * sight.gate:.0f}% of the change through."
    return note


def aspect(size: Size) -> float:
    """Height by width, held within what a sheet can take.

    >>> aspect((100, 200)), aspect((10, 1000))
    (0.5, 0.3)
    """
    return min(2.0, max(0.3, size[0] / size[1]))
