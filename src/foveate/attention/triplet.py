"""Triplet Attention: three gates, one for each pair of the axes channel, height and width, averaged.

Misra et al., "Rotate to Attend: Convolutional Triplet Attention Module", WACV 2021,
https://arxiv.org/abs/2010.03045:

- equation 5: Z-pool, the maximum and the mean over an axis, stacked
- equations 6 and 7: y = (x g_cw + x g_hc + x g_hw) / 3, where each gate is sigmoid(BN(conv7x7(Z-pool over the
  third axis))), of one channel

The paper rotates x so that the pooled axis becomes the channel axis, gates the rotated map and rotates it
back. Ours permutes only the gates, which gives the same without copies of x: y = x (g_cw + g_hc + g_hw) / 3.
The planes of the convolutions are those of the authors' code: (c, w), (h, c), (h, w). The momentum of the
batch norms is 0.1, the authors' 0.01.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from timm.layers.conv_bn_act import ConvNormAct
from torch import Tensor, nn

from foveate.attention.captured import statistics_kept
from foveate.attention.maps import MaskMap
from foveate.attention.options import odd
from foveate.attention.registry import register


def z_pool(x: Float[Tensor, "b c h w"], axis: int) -> Float[Tensor, "b 2 rows columns"]:
    """Stack the maximum and the mean over `axis`; the two other axes become the plane.

    >>> z_pool(torch.rand(1, 3, 5, 9), axis=2).shape
    torch.Size([1, 2, 3, 9])
    """
    return torch.stack([x.amax(axis), x.mean(axis)], dim=1)


@register("triplet")
class TripletAttention(nn.Module):
    """Triplet Attention: gates over channel and width, height and channel, height and width, averaged.

    `kernel_size` is that of the three convolutions, odd; the number of parameters does not depend on the
    channels. `weights` gives a `MaskMap` in (0, 1), the mean of the three gates.

    >>> triplet = TripletAttention(64).eval()
    >>> sum(p.numel() for p in triplet.parameters())
    300
    >>> (mask,) = triplet.weights(x := torch.rand(1, 64, 8, 12))
    >>> torch.equal(triplet(x), x * mask.values)
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, kernel_size: int = 7) -> None:
        super().__init__()
        size = odd("kernel_size", kernel_size)
        self.cw, self.hc, self.hw = (ConvNormAct(2, 1, size, apply_act=False) for _ in range(3))

    def _mask(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        cw = rearrange(self.cw(z_pool(x, 2)), "b 1 c w -> b c 1 w")
        hc = rearrange(self.hc(z_pool(x, 3).mT), "b 1 h c -> b c h 1")
        hw = self.hw(z_pool(x, 1))
        return (cw.sigmoid() + hc.sigmoid() + hw.sigmoid()) / 3

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x * self._mask(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MaskMap]:
        with statistics_kept(self):
            return (MaskMap(self._mask(x)),)
