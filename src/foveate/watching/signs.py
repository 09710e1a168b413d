"""The signs of an image: numbers that move if images, or what a network makes of them, are other than before.

All are taken at the network's own size. Of the image: brightness, contrast, colour, sharpness, pixels. Of the
prediction: confidence, uncertain share, share of each class. Of each attention: how much it changes features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

CONFIDENCES = 10
"""Bins of the confidence histogram, of equal width from 0 to 1."""

_NEAR_HALF = 0.1


@dataclass(frozen=True)
class Signs:
    """The signs of one image by name, and the shares of its pixels by confidence (they sum to 1)."""

    values: dict[str, float]
    confidence: tuple[float, ...]


def signs_of(
    image: Float[Tensor, "1 c h w"],
    p: Float[Tensor, "classes ..."],
    size: tuple[int, int],
    classes: tuple[str, ...],
    changes: dict[str, float],
) -> Signs:
    """Return the signs of one image.

    image: the network's input in [0, 1]. p: class probabilities, `classes h w` or `classes`. size: the
    image's own height and width. changes: of each attention (see `record_changes`).

    >>> p = torch.tensor([0.25, 0.75])
    >>> signs_of(torch.zeros(1, 3, 4, 4), p, (8, 8), ("a", "b"), {}).values["share of b"]
    1.0
    """
    confidence, mask = p.float().flatten(1).max(0) if p.ndim > 1 else p.float()[:, None].max(0)
    areas = torch.bincount(mask.cpu(), minlength=len(classes)).double() / mask.numel()
    bins = (confidence.cpu() * CONFIDENCES).long().clamp(0, CONFIDENCES - 1)
    histogram = torch.bincount(bins, minlength=CONFIDENCES).double() / bins.numel()
    values = {
        **_image_signs(image.float().cpu()),
        "pixels": float(size[0] * size[1]),
        "confidence": confidence.mean().item(),
        "uncertain": ((confidence - 0.5).abs() < _NEAR_HALF).double().mean().item(),
        **dict(zip((f"share of {name}" for name in classes), areas.tolist(), strict=True)),
        **{f"attention {name}": value for name, value in changes.items()},
    }
    return Signs(values, tuple(histogram.tolist()))


def _image_signs(image: Float[Tensor, "1 c h w"]) -> dict[str, float]:
    grey = image.mean(1)[0]
    steps = [grey.diff(dim=axis).abs().mean() for axis in (0, 1) if grey.shape[axis] > 1]
    colour = (image - image.mean(1, keepdim=True)).abs().mean()
    contrast = grey.std(correction=0)
    # Sharpness by contrast: a flat picture is not a blurred one.
    sharpness = sum(steps) / contrast.clamp_min(1e-6) if steps else torch.zeros(())
    return {
        "brightness": grey.mean().item(),
        "contrast": contrast.item(),
        "colour": colour.item(),
        "sharpness": float(sharpness),
    }
