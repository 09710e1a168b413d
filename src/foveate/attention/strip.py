"""Strip pooling: each value is gated by the means of its row and of its column.

Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR 2020,
https://arxiv.org/abs/2003.13328, the strip pooling module:

- equations 2 and 3: the mean of every row and of every column, each followed by a convolution along the strip
- equation 4: y(i, j) = y^h(i) + y^v(j)
- equation 5: z = sigmoid(f(y)) x, f a 1x1 convolution

As in the authors' code, batch norm follows the convolutions along the strips, and a ReLU follows the sum.
timm's StripAttn is another, lighter module: its convolutions are depthwise, and f, the norms and the ReLU are
missing, so that channels are not mixed. The paper's mixed pooling module at the end of its network is not an
attention and is left out.

On a map of one row, the rows' batch norm sees one value per image, and on a map of one column the columns'
batch norm does: training then needs batches of two or more.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.conv_bn_act import ConvNormAct
from torch import Tensor, nn

from foveate.attention.captured import statistics_kept
from foveate.attention.maps import MaskMap
from foveate.attention.options import odd
from foveate.attention.registry import register


@register("strip")
class StripPooling(nn.Module):
    """Strip pooling: values weighted by the means of their row and column.

    `kernel_size` is that of the convolutions along the strips, odd. `weights` gives a `MaskMap` in (0, 1).

    >>> import torch
    >>> strip = StripPooling(16).eval()
    >>> (mask,) = strip.weights(x := torch.rand(1, 16, 8, 12))
    >>> torch.equal(strip(x), x * mask.values)
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        size = odd("kernel_size", kernel_size)
        self.rows = ConvNormAct(channels, channels, (size, 1), bias=True, apply_act=False)
        self.columns = ConvNormAct(channels, channels, (1, size), bias=True, apply_act=False)
        self.fuse = nn.Conv2d(channels, channels, 1)

    def _mask(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        strips = self.rows(x.mean(3, keepdim=True)) + self.columns(x.mean(2, keepdim=True))
        return self.fuse(strips.relu()).sigmoid()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x * self._mask(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MaskMap]:
        with statistics_kept(self):
            return (MaskMap(self._mask(x)),)
