"""Training augmentation whose every draw depends on (seed, epoch, index) and on nothing else."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

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
        pair = [tv_tensors.Image(image)] + ([] if mask is None else [tv_tensors.Mask(mask)])
        pair = [self._window(part, draws) for part in pair]
        if draws.flip < self.flip:
            pair = [F.horizontal_flip(part) for part in pair]
        image, *rest = (part.as_subclass(Tensor) for part in pair)
        return change_color(image, *(1 + self.color * factor for factor in draws.color)), rest[
            0
        ] if rest else None

    def at_size(self, size: tuple[int, int]) -> "Augmentation":
        return replace(self, size=size)

    def _window(
        self, part: tv_tensors.Image | tv_tensors.Mask, draws: Draws
    ) -> tv_tensors.Image | tv_tensors.Mask:
        low, high = self.scale
        scale = (
            low * (high / low) ** draws.scale
        )  # even on the scale of factors: halving is as likely as doubling
        (height, width), shares = part.shape[-2:], (draws.top, draws.left)
        cover = max(self.size[0] / height, self.size[1] / width)
        window = [max(1, round(side / (cover * scale))) for side in self.size]
        # Where the window is larger than the image, the image lies somewhere inside the window.
        top, left = (
            round(share * (whole - cut))
            for share, whole, cut in zip(shares, (height, width), window, strict=True)
        )
        bottom, right = top + window[0], left + window[1]
        inside = part[..., max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        inside = tv_tensors.wrap(inside, like=part)
        border = [max(-left, 0), max(-top, 0), max(right - width, 0), max(bottom - height, 0)]
        is_mask = isinstance(part, tv_tensors.Mask)
        if any(border):
            inside = F.pad(inside, border, fill=IGNORE if is_mask else list(PAD))
        if tuple(window) == self.size:
            return inside
        if is_mask:
            # A plain tensor: for a Mask, resize always takes NEAREST, half a pixel off the image.
            plain = inside.as_subclass(Tensor)[None]
            exact = F.resize(plain, list(self.size), interpolation=InterpolationMode.NEAREST_EXACT)[0]
            return tv_tensors.wrap(exact, like=part)
        return F.resize(inside, list(self.size), interpolation=InterpolationMode.BILINEAR, antialias=True)


def change_color(
    image: UInt8[Tensor, "3 h w"], brightness: float, contrast: float, saturation: float
) -> Float32[Tensor, "3 h w"]:
    """Brightness, then contrast (about the mean grey), then saturation, and 0..255 to [0, 1].

    Factors of 1 change nothing. The mean is an exact integer sum, so that the bits do not depend on the
    thread count.

    >>> change_color(torch.full((3, 1, 1), 51, dtype=torch.uint8), 2.0, 1.0, 1.0).flatten()
    tensor([0.4000, 0.4000, 0.4000])
    """
    image = image.contiguous()  # sums over interleaved channels take twice as long
    pixels = image.to(torch.float32)
    if (brightness, contrast, saturation) == (1, 1, 1):
        return pixels.div_(255)
    red, green, blue = _LUMA
    totals = image.sum(dim=(1, 2), dtype=torch.int64).tolist()
    mean = sum(weight * total for weight, total in zip(_LUMA, totals, strict=True)) / image[0].numel()
    gain = brightness * contrast
    grey = (pixels[0] * red).add_(pixels[1], alpha=green).add_(pixels[2], alpha=blue)
    grey.mul_((1 - saturation) * gain / 255).add_((1 - contrast) * brightness * mean / 255)
    return pixels.mul_(saturation * gain / 255).add_(grey).clamp_(0, 1)
