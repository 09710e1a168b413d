"""What figures draw: a `View` (image and prediction), and a `RecordedMap` (one attention map on that image).

A `Host` pads the image at the bottom and at the right, and maps cover the padded image. Figures use the pixel
coordinates of the image, rows downwards. `RecordedMap.covers` is the share of a map that lies over the image.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Num, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from foveate.attention.maps import AttentionMap
from foveate.prediction.assemble import Prediction

LONGEST = 800
"""Longest side in pixels of a drawn image. Coordinates stay those of the full-size image."""

CLOSED = 0.01
"""A figure calls a gate nearly closed if its absolute value is below this."""

Pixel = tuple[int, int]
Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class View:
    """An image with its prediction and, if known, its truth.

    name: also the name of its output folder. truth: class ids `h w` (255: ignored), or the class id of the
    whole image.
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
class RecordedMap:
    """One attention map of a forward pass over one image.

    label: the attention, such as "smooth@encoder5". number: the map's index among those of the attention,
    from 0. map: batch size 1. covers: the share of the map's height and width that lies over the image; above
    1 if the map ends before the image does. key_covers: the same for the keys of an across-levels map.
    pixels: the chosen (row, column) positions in the image; the first queries of a pairwise map are these,
    the others are `sampled`. before, after: the attention's input and output features. gate: the value of the
    residual gate, 0 for the input alone, 1 for the attention alone; None without a gate.
    """

    view: View
    label: str
    number: int
    map: AttentionMap
    covers: tuple[float, float] = (1.0, 1.0)
    key_covers: tuple[float, float] = (1.0, 1.0)
    pixels: tuple[Pixel, ...] = ()
    before: Float[Tensor, "c h w"] | None = None
    after: Float[Tensor, "c h w"] | None = None
    gate: float | None = None

    @property
    def title(self) -> str:
        """The label, with the gate's value if there is a gate."""
        return self.label if self.gate is None else f"{self.label}, {describe_gate(self.gate)}"

    @property
    def pixel_attention(self) -> Float[ndarray, "pixels h w"]:
        """For a pairwise map: the attention of each chosen pixel to every position, mean over heads."""
        rows = self.map.values[0, :, : len(self.pixels)].float().mean(0)
        return rows.reshape(-1, *self.map.grid).numpy()

    @property
    def matrix(self) -> Float[ndarray, "q k"]:
        """For a pairwise map: the rows of the `sampled` queries, mean over heads."""
        return self.map.values[0, :, len(self.pixels) :].float().mean(0).numpy()

    @property
    def sampled(self) -> Int64[ndarray, " q"]:
        """For a pairwise map: the flat positions (row * width + column) of the rows of `matrix`."""
        return self.map.queries[len(self.pixels) :].numpy()


ENTRIES, FEWEST = 2**18, 64
"""Rows of a pairwise map are sampled if it has more entries than this for each head; at least `FEWEST` rows.

That is as much as a figure can show, and far below the limit of what mechanisms compute at once.
"""


def sampled_rows(height: int, width: int) -> Int64[Tensor, " q"]:
    """Return the flat positions of the matrix rows to compute: all, or evenly spread ones of too many.

    >>> sampled_rows(2, 3).tolist()
    [0, 1, 2, 3, 4, 5]
    >>> len(sampled_rows(32, 32)), len(sampled_rows(128, 128))
    (256, 64)
    """
    positions = height * width
    count = min(positions, max(FEWEST, ENTRIES // max(1, positions)))
    return torch.arange(count) * positions // max(1, count)


def coverage(grid: Size, size: Size, padded: Size) -> tuple[float, float]:
    """Return the share of a map's height and width that lies over the image, without the padding.

    A map of the image's size (at the logits) is already cropped: its share is 1.

    >>> coverage((12, 15), size=(360, 480), padded=(384, 480))
    (0.9375, 1.0)
    """
    if grid == size:
        return 1.0, 1.0
    return size[0] / padded[0], size[1] / padded[1]


def cell_of(pixel: Pixel, size: Size, grid: Size, covers: tuple[float, float] = (1.0, 1.0)) -> int:
    """Return the flat position of a pixel's cell in a map of `grid` cells over an image of `size`.

    >>> cell_of((0, 0), (64, 64), (8, 8)), cell_of((63, 8), (64, 64), (8, 8))
    (0, 57)
    """
    row, column = (
        min(cells - 1, int((at + 0.5) / length * share * cells))
        for at, length, share, cells in zip(pixel, size, covers, grid, strict=True)
    )
    return row * grid[1] + column


def default_pixels(size: Size) -> tuple[Pixel, ...]:
    """Return the centres of an image and of its quadrants, in reading order, without duplicates.

    >>> default_pixels((40, 80))
    ((10, 20), (10, 60), (20, 40), (30, 20), (30, 60))
    """
    shares = ((0.25, 0.25), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (0.75, 0.75))
    return tuple(dict.fromkeys((int(y * size[0]), int(x * size[1])) for y, x in shares))


def downscale(pixels: Num[ndarray, "h w *c"], smooth: bool = True) -> Num[ndarray, "rows columns *c"]:
    """Shrink an image to at most `LONGEST` pixels a side; pass `smooth=False` for class ids."""
    height, width = pixels.shape[:2]
    factor = LONGEST / max(height, width)
    if factor >= 1:
        return pixels
    how = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def describe_gate(gate: float) -> str:
    """Return a residual gate's value in words; add "nearly closed" below `CLOSED`.

    >>> describe_gate(0.312), describe_gate(-0.00432)
    ('gate 0.31', 'gate -0.0043 (nearly closed)')
    """
    return f"gate {gate:.2g} (nearly closed)" if abs(gate) < CLOSED else f"gate {gate:.2f}"
