"""Test-time augmentation: average the probabilities over several sizes and mirror images of an image.

Larger views help thin and small objects most, smaller views help large ones. A view costs `scale ** 2` times
the forward pass at the image's own size. Batches of larger views are split: no part has more pixels than the
batch at its own size, unless a single view has.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foveate.models.host import Host
from foveate.specs.sizes import check_views


class Views(nn.Module):
    """Wrap a model: logits are the logarithm of its mean probabilities over several views of the image.

    model: a `Host` or an `ExportedNetwork`. scales: factors of height and width. flip: add each view mirrored
    left to right. Logits are `b classes h w` at the image's own size, or `b classes` from a classifier; their
    softmax is the mean.
    Raises `UserError` if `scales` is empty or has a number outside (0, `LARGEST_VIEW`].

    >>> import torch
    >>> from foveate.models.create import create_model
    >>> views = Views(create_model("unet", "resnet18", classes=2).eval(), scales=(0.75, 1), flip=True)
    >>> with torch.inference_mode():
    ...     views(torch.rand(1, 3, 40, 50)).softmax(1).shape
    torch.Size([1, 2, 40, 50])
    """

    def __init__(self, model: nn.Module, scales: Sequence[float] = (1.0,), flip: bool = False):
        super().__init__()
        check_views(scales)
        self.model, self.scales, self.flip = model, tuple(scales), flip

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes ..."]:
        total = sum(
            self._view_logits(image, scale, mirrored).softmax(1)
            for scale in self.scales
            for mirrored in ((False, True) if self.flip else (False,))
        )
        return (total / (len(self.scales) * (1 + self.flip))).log()

    def _view_logits(self, image: Tensor, scale: float, mirrored: bool) -> Tensor:
        part_size = max(1, int(len(image) / max(1, scale) ** 2))
        return torch.cat([self._part_logits(part, scale, mirrored) for part in image.split(part_size)])

    def _part_logits(self, image: Tensor, scale: float, mirrored: bool) -> Tensor:
        size = image.shape[-2:]
        if mirrored:
            image = image.flip(-1)
        if scale != 1:
            sides = [max(1, round(side * scale)) for side in size]
            image = F.interpolate(image, sides, mode="bilinear", antialias=True)
        logits = self.model(image).float()
        if self.model.task == "classification":
            return logits
        if logits.shape[-2:] != size:
            logits = F.interpolate(logits, size, mode="bilinear")
        return logits.flip(-1) if mirrored else logits


def with_views(model: Host) -> nn.Module:
    """Wrap a model in the `Views` of its notes (`test_scales`, `test_flip`); return it as it is for none."""
    scales, flip = model.notes.get("test_scales", (1.0,)), bool(model.notes.get("test_flip", False))
    return Views(model, scales, flip) if needs_views(scales, flip) else model


def needs_views(scales: Any, flip: bool) -> bool:
    """Whether these are other views than the image itself; raise `UserError` for scales that are none.

    >>> needs_views((1.0,), flip=False), needs_views((1.0,), flip=True)
    (False, True)
    """
    check_views(scales)
    return tuple(scales) != (1.0,) or flip
