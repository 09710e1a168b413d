"""CBAM: scale channels by their mean and maximum over positions, then positions by those over channels.

Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, https://arxiv.org/abs/1807.06521:

- equation 2: M_c(F) = sigmoid(W1 relu(W0 avg(F)) + W1 relu(W0 max(F))), F' = M_c(F) F
- equation 3: M_s(F') = sigmoid(conv7x7([avg(F'); max(F')])), F'' = M_s(F') F', avg and max over channels

timm's modules compute this. Where paper and the authors' code differ, they take one of the two: the
perceptron has no biases (paper; the code has them), a batch norm follows the convolution (code; the paper
does not show it), and average comes before maximum (paper; the code has them the other way round, which only
renames weights). The batch norm's momentum is 0.1, the authors' 0.01, which only shows in evaluation after
few steps.

gates="sigmoid_tanh" is arm D of Jeong, Hwang, Seo and Hong (2023), attention-based fine-tuning for reducing
misclassification. The source gives only the label "sig & tanh". We read it in the order of application: the
channel gate stays a sigmoid, the spatial gate becomes tanh. The sign then belongs to a position and can
reverse a pixel's score, which fits the work's aim of activations that can be negative. A sign per channel
would add little, because the next layer's weights have signs. In the source's table this arm scores below the
one with two sigmoids, on average over hosts.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.cbam import ChannelAttn, SpatialAttn
from torch import Tensor, nn

from foveate.attention.captured import captured
from foveate.attention.maps import ChannelMap, SpatialMap
from foveate.attention.options import at_least, odd, one_of
from foveate.attention.registry import register

GATES = {"sigmoid": ("sigmoid", "sigmoid"), "sigmoid_tanh": ("sigmoid", "tanh")}
"""The activations of the channel gate and of the spatial gate, by the value of the option `gates`."""


@register("cbam")
class CBAM(nn.Module):
    """CBAM: a gate over channels, then a gate over positions.

    `reduction` divides the channels inside the perceptron (at least one stays); `kernel_size` is the spatial
    convolution's, odd; `gates` is sigmoid (both) or sigmoid_tanh (channels, positions). `weights` gives a
    `ChannelMap` in (0, 1) and a `SpatialMap` in (0, 1), with tanh in (-1, 1): their product times x is the
    output.

    >>> import torch
    >>> cbam = CBAM(32).eval()
    >>> channel, spatial = cbam.weights(x := torch.rand(1, 32, 8, 8))
    >>> torch.allclose(cbam(x), x * channel.values[:, :, None, None] * spatial.values[:, None])
    True
    """

    starts_at_identity = False

    def __init__(
        self, channels: int, reduction: int = 16, kernel_size: int = 7, gates: str = "sigmoid"
    ) -> None:
        super().__init__()
        hidden = max(1, channels // at_least(1, "reduction", reduction))
        channel_gate, spatial_gate = GATES[one_of(GATES, "gates", gates)]
        self.channel = ChannelAttn(channels, rd_channels=hidden, gate_layer=channel_gate)
        self.spatial = SpatialAttn(odd("kernel_size", kernel_size), gate_layer=spatial_gate)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.spatial(self.channel(x))

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[ChannelMap, SpatialMap]:
        refined, channel = captured(self.channel, self.channel.gate, x)
        _, spatial = captured(self.spatial, self.spatial.gate, refined)
        return ChannelMap(channel.flatten(1)), SpatialMap(spatial.squeeze(1))
