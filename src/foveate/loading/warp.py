"""A window of an image, turned and slanted, in one resampling.

Each pixel of the result looks up where in the image it came from; nothing is resampled twice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Warp:
    """What a window shows when the image turns about the window's centre.

    window: top, left, height and width in the image's pixels; it may reach beyond the image. size: height and
    width of the result. The image is first slanted, each row moved to the right by tan(shear) pixels for
    every pixel that it lies below the centre, and then turned anticlockwise by rotation; both in degrees.

    >>> quarter = Warp(window=(0, 0, 2, 2), size=(2, 2), rotation=90, shear=0)
    >>> quarter.mask(torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8), fill=255)
    tensor([[2, 4],
            [1, 3]], dtype=torch.uint8)
    """

    window: Box
    size: tuple[int, int]
    rotation: float
    shear: float

    def image(self, image: UInt8[Tensor, "3 h w"], fill: Sequence[int]) -> UInt8[Tensor, "3 out_h out_w"]:
        """Bilinear, with `fill` beyond the edge; where pixels span several of the image's, a mean of as many
        samples.
        """
        color = torch.tensor(fill, dtype=torch.float32)[:, None, None]
        pixels = (image.to(torch.float32) - color)[None]  # beyond the edge, grid_sample finds zeros
        height, width = image.shape[-2:]
        offsets = list(product(*(_centres(math.hypot(*step)) for step in zip(*self._steps, strict=True))))
        total = torch.zeros(1, 3, *self.size)
        for offset in offsets:
            rows, columns = self._points(offset)
            grid = torch.stack([2 * columns / width - 1, 2 * rows / height - 1], -1)[None]
            total += F.grid_sample(pixels, grid.to(torch.float32), align_corners=False)
        return (total[0] / len(offsets) + color).round_().clamp_(0, 255).to(torch.uint8)

    def mask(self, mask: UInt8[Tensor, "h w"], fill: int) -> UInt8[Tensor, "out_h out_w"]:
        """The pixel that the centre of each falls into, with `fill` beyond the edge."""
        height, width = mask.shape
        rows, columns = (points.floor().long() for points in self._points((0.5, 0.5)))
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        found = mask[rows.clamp_(0, height - 1), columns.clamp_(0, width - 1)]
        return torch.where(inside, found, fill)

    @property
    def _steps(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """How far down, and right, in the image a pixel down, and one to the right, in the result leads."""
        cos, sin = math.cos(math.radians(self.rotation)), math.sin(math.radians(self.rotation))
        slant = math.tan(math.radians(self.shear))
        down, right = (side / out for side, out in zip(self.window[2:], self.size, strict=True))
        return (cos * down, sin * right), ((-sin - slant * cos) * down, (cos - slant * sin) * right)

    def _points(self, offset: tuple[float, float]) -> list[Float[Tensor, "out_h out_w"]]:
        """Rows and columns in the image of what lies at `offset` in each pixel; pixel i covers i to i + 1."""
        down, right = (
            torch.arange(side, dtype=torch.float64) + part - side / 2
            for side, part in zip(self.size, offset, strict=True)
        )
        centre = (start + side / 2 for start, side in zip(self.window[:2], self.window[2:], strict=True))
        return [
            middle + per_row * down[:, None] + per_column * right[None]
            for middle, (per_row, per_column) in zip(centre, self._steps, strict=True)
        ]


def _centres(span: float) -> list[float]:
    """Where to sample along a pixel that spans so many of the image's."""
    count = max(1, round(span))
    return [(number + 0.5) / count for number in range(count)]
