"""Coordinate Attention: channels are scaled by row and by column, from the means of each row and column.

Hou et al., "Coordinate Attention for Efficient Mobile Network Design", CVPR 2021,
https://arxiv.org/abs/2103.02907:

- equations 4 and 5: z^h, z^w, the means of every row and of every column, a channel each
- equation 6: f = act(F1 [z^h; z^w]), one 1x1 convolution to fewer channels, shared by rows and columns
- equations 7 and 8: g^h = sigmoid(F_h f^h), g^w = sigmoid(F_w f^w)
- equation 9: y(i, j) = x(i, j) g^h(i) g^w(j)

As in the authors' code act is batch norm and h-swish, all convolutions have biases, and at least 8 channels
stay. timm's module computes this; its own defaults divide the channels by 24, rounded to multiples of 8, and
leave the biases out.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.coord_attn import CoordAttn
from torch import Tensor, nn

from foveate.attention.captured import captured
from foveate.attention.maps import MaskMap
from foveate.attention.options import at_least
from foveate.attention.registry import register


@register("coord")
class CoordinateAttention(nn.Module):
    """Coordinate Attention: channels weighted by row and by column.

    `reduction` divides the channels that rows and columns share; at least 8 stay. `weights` gives a `MaskMap`
    in (0, 1), the product of both gates.

    >>> import torch
    >>> coord = CoordinateAttention(32).eval()
    >>> (mask,) = coord.weights(x := torch.rand(1, 32, 8, 12))
    >>> torch.allclose(coord(x), x * mask.values)
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        hidden = max(8, channels // at_least(1, "reduction", reduction))
        self.coord = CoordAttn(channels, rd_channels=hidden, bias=True)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.coord(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MaskMap]:
        _, rows = captured(self.coord, self.coord.conv_h, x)
        _, columns = captured(self.coord, self.coord.conv_w, x)
        return (MaskMap(rows.sigmoid() * columns.sigmoid()),)
