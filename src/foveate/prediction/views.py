"""Test-time augmentation: one image in several sizes and mirrored, and the mean of what the model says.

Thin and small objects gain most from a larger view, large ones from a smaller. Every view costs a forward
pass, `scale ** 2` times that of the image's own size. Batches of larger views are shown in parts, so that no
part has more pixels than the batch, or than one view.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foveate.models.host import Host
from foveate.specs.sizes import check_views


class Views(nn.Module):
    """A model whose logits are the logarithm of its mean probabilities over several views of the image.

    scales: factors of height and width. flip: whether each view is also shown mirrored left to right. Logits
    are `b classes h w` at the image's own size, or `b classes` from a classifier; their softmax is the mean.
    Raises `UserError` where `scales` is empty or has a number that is not above 0, or above `LARGEST_VIEW`.

    >>> import torch
    >>> from foveate.models.create import create_model
    >>> views = Views(create_model("unet", "resnet18", classes=2).eval(), scales=(0.75, 1), flip=True)
    >>> with torch.inference_mode():
    ...     views(torch.rand(1, 3, 40, 50)).softmax(1).shape
    torch.Size([1, 2, 40, 50])
    """

    def __init__(self, model: Host, scales: Sequence[float] = (1.0,), flip: bool = False):
        super().__init__()
        check_views(scales)
        self.model, self.scales, self.flip = model, tuple(scales), flip

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes ..."]:
        total = sum(
            self._view(image, scale, mirrored).softmax(1)
            for scale in self.scales
            for mirrored in ((False, True) if self.flip else (False,))
        )
        return (total / (len(self.scales) * (1 + self.flip))).log()

    def _view(self, image: Tensor, scale: float, mirrored: bool) -> Tensor:
        at_a_time = max(1, int(len(image) / max(1, scale) ** 2))
        return torch.cat([self._shown(part, scale, mirrored) for part in image.split(at_a_time)])

    def _shown(self, image: Tensor, scale: float, mirrored: bool) -> Tensor:
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
    """The model as its notes (`test_scales`, `test_flip`) say that images are shown to it."""
    scales, flip = model.notes.get("test_scales", (1.0,)), bool(model.notes.get("test_flip", False))
    check_views(scales)
    return model if tuple(scales) == (1.0,) and not flip else Views(model, scales, flip)
