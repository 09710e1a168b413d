"""Training augmentation; its random numbers depend on (seed, epoch, index) only."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from foveate.data.pixels.masks import IGNORE
from foveate.loading.automatic import operate
from foveate.loading.resizing import resize_image, resize_mask
from foveate.loading.warp import Box, Warp
from foveate.specs.augmentation import POLICIES, USUAL, Policy

PAD = (124, 116, 104)
"""Fill colour outside the image: ImageNet's mean, about 0 after normalisation."""

_LUMA = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class Draws:
    """The random numbers for one image.

    scale, top, left, flip, flip_vertical: from 0 to 1. color, rotation, shear: from -1 to 1. shift, zoom: of
    height and width, from -1 to 1. operations: the seed of the automatic operations.
    """

    scale: float
    top: float
    left: float
    flip: float
    color: tuple[float, float, float]
    rotation: float = 0.0
    shear: float = 0.0
    flip_vertical: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: tuple[float, float] = (0.0, 0.0)
    operations: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def at(cls, seed: int, epoch: int, index: int) -> "Draws":
        """Draw the numbers for one image.

        All numbers are always drawn, so that an augmentation that is switched off does not change the others.
        For the same reason, new numbers must be added at the end.
        """
        draws = np.random.default_rng((seed, epoch, index)).random(14).tolist()
        color, (rotation, shear), shift, zoom = (
            tuple(2 * value - 1 for value in part)
            for part in (draws[4:7], draws[7:9], draws[10:12], draws[12:])
        )
        return cls(*draws[:4], color, rotation, shear, draws[9], shift, zoom, (seed, epoch, index))


@dataclass(frozen=True)
class Augmentation:
    """The random changes of a policy, applied to images and masks.

    size: height and width of the result in pixels; the crop that is taken from the image depends on its shape
    alone, so that a smaller `size` shows the image smaller and not a smaller part of it. policy: what is
    changed, and how much. mean: of each channel, for what is outside the image; the mask is 255 there, unless
    the policy fills with the nearest pixel.

    Only the crop is resized, not the whole image. Crop, shift, zoom, rotation and shear are one resampling.
    The colour changes are torchvision's, combined into one linear map without rounding or clipping in
    between. `automatic` operations come between both.
    """

    size: tuple[int, int]
    policy: Policy = POLICIES[USUAL]
    mean: tuple[float, ...] = PAD

    def __call__(
        self,
        image: UInt8[Tensor, "3 h w"] | Float32[Tensor, "c h w"],
        mask: UInt8[Tensor, "h w"] | None,
        draws: Draws,
        out: Float32[Tensor, "c out_h out_w"] | None = None,
    ) -> tuple[Float32[Tensor, "c out_h out_w"], UInt8[Tensor, "out_h out_w"] | None]:
        """Return the augmented image, written to `out` if given, and the mask, both of `size`.

        RGB is scaled to [0, 1]; a float image of any bands keeps its values.

        >>> augment = Augmentation((4, 6))
        >>> image, mask = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.ones(8, 8, dtype=torch.uint8)
        >>> out, truth = augment(image, mask, Draws.at(seed=0, epoch=0, index=0))
        >>> out.shape, truth.shape
        (torch.Size([3, 4, 6]), torch.Size([4, 6]))
        """
        policy, window = self.policy, self._window(image.shape[-2:], draws)
        mean, ignore = (None, None) if policy.fill == "nearest" else (self.mean, (IGNORE,))
        if policy.rotation or policy.shear:
            warp = Warp(window, self.size, policy.rotation * draws.rotation, policy.shear * draws.shear)
            pair = [warp.image(image, mean)]
            pair += [] if mask is None else [warp.mask(mask, ignore and IGNORE)]
        else:
            pair = [self._cut(image, window, resize_image, mean)]
            pair += [] if mask is None else [self._cut(mask, window, resize_mask, ignore)]
        if draws.flip < policy.flip:
            pair = [part.flip(-1) for part in pair]
        if draws.flip_vertical < policy.flip_vertical:
            pair = [part.flip(-2) for part in pair]
        picture, truth = pair[0], None if mask is None else pair[1]
        if policy.automatic != "none":
            picture, truth = operate(policy, picture, truth, draws.operations, self.mean)
        if picture.is_floating_point():
            return (picture if out is None else out.copy_(picture)), truth
        brightness = max(policy.color, policy.brightness)
        strengths = (brightness, policy.color, policy.color)
        color = (1 + strength * draw for strength, draw in zip(strengths, draws.color, strict=True))
        return change_color(picture, *color, out), truth

    def at_size(self, size: tuple[int, int]) -> "Augmentation":
        """Return the same augmentation with another result size (height, width)."""
        return replace(self, size=size)

    def _window(self, whole: tuple[int, int], draws: Draws) -> Box:
        """Return top, left, height and width of the crop in pixels of the image."""
        low, high = self.policy.scale
        scale = low * (high / low) ** draws.scale  # log-uniform: halving is as likely as doubling
        cover = max(out / side for out, side in zip(self.size, whole, strict=True))
        axes = zip(self.size, whole, (draws.top, draws.left), draws.shift, draws.zoom, strict=True)
        spans = [self._span(out / (cover * scale), *axis) for out, *axis in axes]
        (top, height), (left, width) = spans
        return top, left, height, width

    def _span(self, length: float, whole: int, place: float, shift: float, zoom: float) -> tuple[int, int]:
        """Return the start and the length of the crop along an axis of `whole` pixels.

        A crop longer than the image contains the whole image at a random place; shift and zoom move it away
        from there, but at least one pixel of the image stays in sight.
        """
        start = place * (whole - max(1, round(length)))
        zoomed = max(1, round(length * (1 + self.policy.zoom * zoom)))
        start += (max(1, round(length)) - zoomed) / 2 + self.policy.shift * shift * length
        return min(max(round(start), 1 - zoomed), whole - 1), zoomed

    def _cut(
        self,
        part: UInt8[Tensor, "*c h w"] | Float32[Tensor, "*c h w"],
        window: Box,
        resize: Callable[[Tensor, tuple[int, int]], Tensor],
        fill: tuple[float, ...] | None,
    ) -> UInt8[Tensor, "*c out_h out_w"] | Float32[Tensor, "*c out_h out_w"]:
        """Return the window, resized to `size`; pixels outside the image are `fill`, or the nearest ones."""
        axes = zip(window[:2], window[2:], part.shape[-2:], self.size, strict=True)
        (rows, out_rows), (columns, out_columns) = (_visible(*axis) for axis in axes)
        resized = resize(part[..., rows, columns], (_length(out_rows), _length(out_columns)))
        if resized.shape[-2:] == self.size:
            return resized
        if fill is None:
            spans = zip((out_rows, out_columns), self.size, strict=True)
            nearest = [
                torch.arange(side).clamp(span.start, span.stop - 1) - span.start for span, side in spans
            ]
            return resized[..., nearest[0][:, None], nearest[1]]
        canvas = part.new_tensor(fill).view(-1, 1, 1).repeat(1, *self.size).view(*part.shape[:-2], *self.size)
        canvas[..., out_rows, out_columns] = resized
        return canvas


def _visible(start: int, length: int, whole: int, out: int) -> tuple[slice, slice]:
    """Return the part of an image axis of `whole` pixels that a window covers, and its part of the result.

    start, length: the window along the axis. out: pixels of the result along the axis.
    """
    first, last = max(start, 0), min(start + length, whole)
    at = min(round((first - start) * out / length), out - 1)
    return slice(first, last), slice(at, max(at + 1, round((last - start) * out / length)))


def _length(span: slice) -> int:
    return span.stop - span.start


def change_color(
    image: UInt8[Tensor, "3 h w"],
    brightness: float,
    contrast: float,
    saturation: float,
    out: Float32[Tensor, "3 h w"] | None = None,
) -> Float32[Tensor, "3 h w"]:
    """Change brightness, then contrast (around the mean grey), then saturation; scale 0..255 to [0, 1].

    Each factor is at least 0, and 1 changes nothing. The result is written to `out` if given. The mean comes
    from an exact integer sum, so that results are bitwise equal for any number of threads.

    >>> change_color(torch.full((3, 1, 1), 51, dtype=torch.uint8), 2.0, 1.0, 1.0).flatten()
    tensor([0.4000, 0.4000, 0.4000])
    """
    pixels = image.to(torch.float32) if out is None else out.copy_(image)
    if (brightness, contrast, saturation) == (1, 1, 1):
        return pixels.div_(255)
    red, green, blue = _LUMA
    columns = pixels.sum(dim=1).to(torch.float64)  # exact in float32: whole numbers below 2^24
    totals = columns.sum(dim=1).tolist()
    mean = sum(weight * total for weight, total in zip(_LUMA, totals, strict=True)) / pixels[0].numel()
    gain = brightness * contrast
    share = (1 - saturation) * gain / 255
    grey = torch.mul(pixels[0], red * share).add_(pixels[1], alpha=green * share)
    grey.add_(pixels[2], alpha=blue * share).add_((1 - contrast) * brightness * mean / 255)
    return torch.add(grey, pixels, alpha=saturation * gain / 255, out=pixels).clamp_(0, 1)
