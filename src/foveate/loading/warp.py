"""Crop, rotate and shear an image in one resampling: each output pixel samples its source position."""

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
    """A crop of an image that is sheared and rotated about the crop's centre.

    window: top, left, height and width of the crop in pixels of the image; it may extend beyond the image.
    size: height and width of the result. shear: angle in degrees; a row d pixels below the centre moves right
    by d tan(shear) pixels. rotation: angle in degrees, anticlockwise, applied after the shear.

    >>> quarter = Warp(window=(0, 0, 2, 2), size=(2, 2), rotation=90, shear=0)
    >>> quarter.mask(torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8), fill=255)
    tensor([[2, 4],
            [1, 3]], dtype=torch.uint8)
    """

    window: Box
    size: tuple[int, int]
    rotation: float
    shear: float

    def image(
        self, image: UInt8[Tensor, "c h w"] | Float[Tensor, "c h w"], fill: Sequence[float] | None
    ) -> UInt8[Tensor, "c out_h out_w"] | Float[Tensor, "c out_h out_w"]:
        """Return the warped image, sampled bilinearly, with the colour `fill` outside the image.

        fill: None for the colour of the nearest pixel. An output pixel that covers several image pixels is
        the mean of as many samples.
        """
        color = torch.tensor(fill or [0.0] * len(image), dtype=torch.float32)[:, None, None]
        pixels = (image.to(torch.float32) - color)[None]  # grid_sample returns zeros outside the image
        outside = "zeros" if fill else "border"
        height, width = image.shape[-2:]
        offsets = list(product(*(_offsets(math.hypot(*step)) for step in zip(*self._steps, strict=True))))
        total = torch.zeros(1, len(image), *self.size)
        for offset in offsets:
            rows, columns = self._points(offset)
            grid = torch.stack([2 * columns / width - 1, 2 * rows / height - 1], -1)[None]
            total += F.grid_sample(pixels, grid.to(torch.float32), padding_mode=outside, align_corners=False)
        sampled = total[0] / len(offsets) + color
        if image.is_floating_point():
            return sampled
        return sampled.round_().clamp_(0, 255).to(torch.uint8)

    def mask(self, mask: UInt8[Tensor, "h w"], fill: int | None) -> UInt8[Tensor, "out_h out_w"]:
        """Return the warped mask: the nearest pixel at each pixel centre, and `fill` outside the image.

        fill: None for the nearest pixel there, too.
        """
        height, width = mask.shape
        rows, columns = (points.floor().long() for points in self._points((0.5, 0.5)))
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        values = mask[rows.clamp_(0, height - 1), columns.clamp_(0, width - 1)]
        return values if fill is None else torch.where(inside, values, fill)

    @property
    def _steps(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The linear map from result to image: (d row / d out_row, d row / d out_column), and for columns."""
        cos, sin = math.cos(math.radians(self.rotation)), math.sin(math.radians(self.rotation))
        slant = math.tan(math.radians(self.shear))
        down, right = (side / out for side, out in zip(self.window[2:], self.size, strict=True))
        return (cos * down, sin * right), ((-sin - slant * cos) * down, (cos - slant * sin) * right)

    def _points(self, offset: tuple[float, float]) -> list[Float[Tensor, "out_h out_w"]]:
        """Return the image rows and columns of the point at `offset` in each pixel (i covers i to i + 1)."""
        down, right = (
            torch.arange(side, dtype=torch.float64) + part - side / 2
            for side, part in zip(self.size, offset, strict=True)
        )
        centre = (start + side / 2 for start, side in zip(self.window[:2], self.window[2:], strict=True))
        return [
            middle + per_row * down[:, None] + per_column * right[None]
            for middle, (per_row, per_column) in zip(centre, self._steps, strict=True)
        ]


def _offsets(span: float) -> list[float]:
    """Return the sample positions, from 0 to 1, along an output pixel that covers `span` image pixels."""
    count = max(1, round(span))
    return [(number + 0.5) / count for number in range(count)]
