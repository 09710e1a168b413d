"""CBAM: scale channels by what each shows on average and at most, then positions by the same over channels.

Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, https://arxiv.org/abs/1807.06521:

- equation 2: M_c(F) = sigmoid(W1 relu(W0 avg(F)) + W1 relu(W0 max(F))), F' = M_c(F) F
- equation 3: M_s(F') = sigmoid(conv7x7([avg(F'); max(F')])), F'' = M_s(F') F', avg and max over channels

timm's modules compute this. Where paper and the authors' code differ, they take one of the two: the
perceptron has no biases (paper; the code has them), a batch norm follows the convolution (code; the paper
does not show it), and average comes before maximum (paper; the code has them the other way round, which only
renames weights). The batch norm's momentum is 0.1, the authors' 0.01, which only shows in evaluation after
few steps.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.cbam import ChannelAttn, SpatialAttn
from torch import Tensor, nn

from .captured import captured
from .maps import ChannelMap, SpatialMap
from .options import at_least, odd
from .registry import register


@register("cbam")
class CBAM(nn.Module):
    """CBAM: a gate over channels, then a gate over positions.

    `reduction` divides the channels inside the perceptron (at least one stays); `kernel_size` is the spatial
    convolution's, odd. `weights` gives a `ChannelMap` and a `SpatialMap`, in (0, 1): their product times x is
    the output.

    >>> import torch
    >>> cbam = CBAM(32).eval()
    >>> channel, spatial = cbam.weights(x := torch.rand(1, 32, 8, 8))
    >>> torch.allclose(cbam(x), x * channel.values[:, :, None, None] * spatial.values[:, None])
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        hidden = max(1, channels // at_least(1, "reduction", reduction))
        self.channel = ChannelAttn(channels, rd_channels=hidden)
        self.spatial = SpatialAttn(odd("kernel_size", kernel_size))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.spatial(self.channel(x))

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[ChannelMap, SpatialMap]:
        refined, channel = captured(self.channel, self.channel.gate, x)
        _, spatial = captured(self.spatial, self.spatial.gate, refined)
        return ChannelMap(channel.flatten(1)), SpatialMap(spatial.squeeze(1))
