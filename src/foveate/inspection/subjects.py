"""What is drawn: an image with what is said of it, and one map of one mechanism on that image.

A map covers what the network saw, which for a `Host` is the image padded at the bottom and at the right.
Figures place everything in the image's own pixels, rows downwards, and so need only the share of a map that
lies over the image.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Num, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from foveate.attention.maps import AttentionMap
from foveate.prediction.predictor import Prediction

LONGEST = 800
"""Pixels of the longer side at which images are drawn; coordinates stay those of the image itself."""

CLOSED = 0.01
"""A gate below this, to either side, lets so little of its attention through that a figure says so."""

Pixel = tuple[int, int]
Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class View:
    """An image (`name` is its folder's name, too), its truth where that is known, and the prediction.

    The truth is class ids `h w`, 255 where nothing is counted, or the number of a label.
    """

    name: str
    image: UInt8[ndarray, "h w 3"]
    prediction: Prediction
    truth: UInt8[ndarray, "h w"] | int | None = None

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return self.image.shape[:2]


@dataclass(frozen=True, eq=False)
class Sight:
    """One map (of a batch of one) that a mechanism made on the way to a prediction.

    label: such as "smooth@encoder5". number: the map's place among the mechanism's own, from 0. covers: the
    share of the map's height and width that lies over the image, above 1 where it ends before the image does;
    key_covers: the same of what an across-levels map looks at. pixels: (row, column) in the image; a
    pairwise map has their rows first and then those of `sampled`. before, after: what the mechanism got and
    what it made of it. gate: how far the network goes from one to the other, None where nothing holds it
    back.
    """

    view: View
    label: str
    number: int
    found: AttentionMap
    covers: tuple[float, float] = (1.0, 1.0)
    key_covers: tuple[float, float] = (1.0, 1.0)
    pixels: tuple[Pixel, ...] = ()
    before: Float[Tensor, "c h w"] | None = None
    after: Float[Tensor, "c h w"] | None = None
    gate: float | None = None

    @property
    def title(self) -> str:
        """The label, and the gate where there is one."""
        return self.label if self.gate is None else f"{self.label}, {gate_said(self.gate)}"

    @property
    def looks(self) -> Float[ndarray, "pixels h w"]:
        """Of a pairwise map: where each chosen pixel looks, the mean over heads."""
        rows = self.found.values[0, :, : len(self.pixels)].float().mean(0)
        return rows.reshape(-1, *self.found.grid).numpy()

    @property
    def matrix(self) -> Float[ndarray, "q k"]:
        """Of a pairwise map: the rows of `sampled`, the mean over heads."""
        return self.found.values[0, :, len(self.pixels) :].float().mean(0).numpy()

    @property
    def sampled(self) -> Int64[ndarray, " q"]:
        """Of a pairwise map: the flat positions whose rows `matrix` holds."""
        return self.found.queries[len(self.pixels) :].numpy()


ENTRIES, FEWEST = 2**18, 64
"""Entries of a pairwise map, for each head, beyond which its rows are sampled, and the fewest rows then: what
a figure can show, and a small part of what mechanisms agree to compute at once, however many heads.
"""


def sampled_rows(height: int, width: int) -> Int64[Tensor, " q"]:
    """Flat positions for the rows of a matrix: all of them while it fits, else as many, evenly spread.

    >>> sampled_rows(2, 3).tolist()
    [0, 1, 2, 3, 4, 5]
    >>> len(sampled_rows(32, 32)), len(sampled_rows(128, 128))
    (256, 64)
    """
    positions = height * width
    count = min(positions, max(FEWEST, ENTRIES // max(1, positions)))
    return torch.arange(count) * positions // max(1, count)


def coverage(grid: Size, size: Size, padded: Size) -> tuple[float, float]:
    """The share of a map's height and width that lies over the image, which was padded before the network.

    A map of the image's own size (at the logits) was cropped already.

    >>> coverage((12, 15), size=(360, 480), padded=(384, 480))
    (0.9375, 1.0)
    """
    if grid == size:
        return 1.0, 1.0
    return size[0] / padded[0], size[1] / padded[1]


def cell_of(pixel: Pixel, size: Size, grid: Size, covers: tuple[float, float] = (1.0, 1.0)) -> int:
    """The flat position in a map of `grid` that a pixel of an image of `size` lies in.

    >>> cell_of((0, 0), (64, 64), (8, 8)), cell_of((63, 8), (64, 64), (8, 8))
    (0, 57)
    """
    row, column = (
        min(cells - 1, int((at + 0.5) / length * share * cells))
        for at, length, share, cells in zip(pixel, size, covers, grid, strict=True)
    )
    return row * grid[1] + column


def spread_pixels(size: Size) -> tuple[Pixel, ...]:
    """The centre of an image and the centres of its quadrants, in reading order, each once.

    >>> spread_pixels((40, 80))
    ((10, 20), (10, 60), (20, 40), (30, 20), (30, 60))
    """
    shares = ((0.25, 0.25), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (0.75, 0.75))
    return tuple(dict.fromkeys((int(y * size[0]), int(x * size[1])) for y, x in shares))


def shrunk(pixels: Num[ndarray, "h w *c"], smooth: bool = True) -> Num[ndarray, "rows columns *c"]:
    """At most `LONGEST` pixels a side; class ids want `smooth=False`."""
    height, width = pixels.shape[:2]
    factor = LONGEST / max(height, width)
    if factor >= 1:
        return pixels
    how = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def gate_said(gate: float) -> str:
    """A residual gate's value, and whether it lets its attention through.

    >>> gate_said(0.312), gate_said(-0.00432)
    ('gate 0.31', 'gate -0.0043 (nearly closed)')
    """
    return f"gate {gate:.2g} (nearly closed)" if abs(gate) < CLOSED else f"gate {gate:.2f}"
