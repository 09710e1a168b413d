"""Training augmentation whose every draw depends on (seed, epoch, index) and on nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

from foveate.data.errors import DataError
from foveate.data.masks import IGNORE

PAD = (124, 116, 104)
"""Colour beyond an image's edge: ImageNet's mean, about 0 after normalisation."""

_LUMA = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class Draws:
    """The random numbers of one sample: scale and place of the window (0 to 1), flip, colour factors (-1 to
    1).
    """

    scale: float
    top: float
    left: float
    flip: float
    color: tuple[float, float, float]

    @classmethod
    def at(cls, seed: int, epoch: int, index: int) -> "Draws":
        """All numbers are drawn, used or not, so that switching one change off leaves the others alone."""
        scale, top, left, flip, *color = np.random.default_rng((seed, epoch, index)).random(7).tolist()
        return cls(scale, top, left, flip, tuple(2 * value - 1 for value in color))


class Window(NamedTuple):
    """A part of an image, in pixels; it may reach beyond the edges."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Augmentation:
    """Random scale and window, horizontal flip, and brightness, contrast and saturation.

    size: height and width of the result. scale: at 1 the image just covers the window that is cut, whatever
    its size; it is enlarged by a factor between these before, and what lies outside the image is `PAD`, and
    255 in the mask. So a smaller `size` shows smaller images, not smaller parts of them. flip: probability.
    color: largest relative change of each of the three colour properties.

    Only the window is resized, not the whole image. The colour changes are torchvision's, joined into one
    linear map without rounding and clipping in between.
    """

    size: tuple[int, int]
    scale: tuple[float, float] = (0.75, 1.5)
    flip: float = 0.5
    color: float = 0.2

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= high:
            raise DataError(
                f"scale {low} to {high} must be positive and in order, as in 0.75 1.5; 1 1 switches it off"
            )
        if not 0 <= self.flip <= 1:
            raise DataError(f"flip {self.flip} is a probability; give a number from 0 to 1")
        if not 0 <= self.color < 1:
            raise DataError(f"color {self.color} is a relative change; give a number from 0 (off) to below 1")

    def __call__(
        self, image: UInt8[Tensor, "3 h w"], mask: UInt8[Tensor, "h w"] | None, draws: Draws
    ) -> tuple[Float32[Tensor, "3 out_h out_w"], UInt8[Tensor, "out_h out_w"] | None]:
        """Image in [0, 1] and mask, both of `size`.

        >>> augment = Augmentation((4, 6))
        >>> image, mask = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.ones(8, 8, dtype=torch.uint8)
        >>> out, truth = augment(image, mask, Draws.at(seed=0, epoch=0, index=0))
        >>> out.shape, truth.shape
        (torch.Size([3, 4, 6]), torch.Size([4, 6]))
        """
        window = self._window(image.shape[1:], draws)
        flipped = draws.flip < self.flip
        pixels = resize(cut(image.movedim(0, -1).numpy(), window, PAD), self.size)
        out = change_color(
            pixels.flip(-1) if flipped else pixels, *(1 + self.color * factor for factor in draws.color)
        )
        if mask is None:
            return out, None
        return out, torch.from_numpy(sample(cut(mask.numpy(), window, [IGNORE]), self.size, flipped))

    def at_size(self, size: tuple[int, int]) -> "Augmentation":
        return replace(self, size=size)

    def _window(self, whole: Sequence[int], draws: Draws) -> Window:
        low, high = self.scale
        scale = (
            low * (high / low) ** draws.scale
        )  # even on the scale of factors: halving is as likely as doubling
        cover = max(size / side for size, side in zip(self.size, whole, strict=True))
        height, width = (max(1, round(side / (cover * scale))) for side in self.size)
        # Where the window is larger than the image, the image lies somewhere inside the window.
        return Window(
            round(draws.top * (whole[0] - height)), round(draws.left * (whole[1] - width)), height, width
        )


def cut(
    pixels: UInt8[np.ndarray, "h w ..."], window: Window, fill: Sequence[int]
) -> UInt8[np.ndarray, "window_h window_w ..."]:
    """The part of an image that a window shows; what lies beyond the edges has the colour `fill`.

    >>> cut(np.ones((2, 2), dtype=np.uint8), Window(1, -1, 2, 3), [9])
    array([[9, 1, 1],
           [9, 9, 9]], dtype=uint8)
    """
    top, left, height, width = window
    inside = pixels[max(top, 0) : top + height, max(left, 0) : left + width]
    if inside.shape[:2] == (height, width):
        return inside
    canvas = np.empty((height, width, *pixels.shape[2:]), dtype=np.uint8)
    rows = canvas.reshape(height, -1)
    rows[:] = np.resize(np.array(fill, dtype=np.uint8), rows.shape[1])
    down, right = max(-top, 0), max(-left, 0)
    canvas[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
    return canvas


def resize(pixels: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[Tensor, "3 out_h out_w"]:
    """An image at another size: bilinear, smoothed where it shrinks."""
    image = torch.from_numpy(pixels).movedim(-1, 0)
    if pixels.shape[:2] == tuple(size):
        return image
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def sample(
    mask: UInt8[np.ndarray, "h w"], size: tuple[int, int], flipped: bool = False
) -> UInt8[np.ndarray, "out_h out_w"]:
    """A mask at another size: the pixel in which the centre of each new pixel lies; flipped left to right.

    >>> sample(np.arange(8, dtype=np.uint8).reshape(2, 4), (1, 2), flipped=True)
    array([[7, 5]], dtype=uint8)
    """
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(mask.shape, size, strict=True)
    )
    return mask.take(columns[::-1] if flipped else columns, 1).take(rows, 0)


def change_color(
    image: UInt8[Tensor, "3 h w"], brightness: float, contrast: float, saturation: float
) -> Float32[Tensor, "3 h w"]:
    """Brightness, then contrast (about the mean grey), then saturation, and 0..255 to [0, 1].

    Factors of 1 change nothing. The sums behind the mean are of whole numbers that float32 holds exactly (of
    rows of up to 65,000 pixels), so that its bits do not depend on the thread count.

    >>> change_color(torch.full((3, 1, 1), 51, dtype=torch.uint8), 2.0, 1.0, 1.0).flatten()
    tensor([0.4000, 0.4000, 0.4000])
    """
    pixels = image.to(torch.float32, memory_format=torch.contiguous_format)
    if (brightness, contrast, saturation) == (1, 1, 1):
        return pixels.div_(255)
    red, green, blue = _LUMA
    totals = pixels.sum(2).sum(1, dtype=torch.float64).tolist()
    mean = sum(weight * total for weight, total in zip(_LUMA, totals, strict=True)) / pixels[0].numel()
    gain = brightness * contrast
    grey = (pixels[0] * red).add_(pixels[1], alpha=green).add_(pixels[2], alpha=blue)
    grey.mul_((1 - saturation) * gain / 255).add_((1 - contrast) * brightness * mean / 255)
    return torch.add(grey, pixels, alpha=saturation * gain / 255, out=pixels).clamp_(0, 1)
