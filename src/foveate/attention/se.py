"""Squeeze-and-Excitation: each channel is scaled by a gate computed from all channels' means over the image.

Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, https://arxiv.org/abs/1709.01507, equations 2 to 4:
z_c = mean of x_c, s = sigmoid(W2 relu(W1 z)), output s_c x_c. timm's module computes this; its two layers
have biases, as the authors' networks do and the equations leave out.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.squeeze_excite import SEModule
from torch import Tensor, nn

from foveate.attention.captured import captured
from foveate.attention.maps import ChannelMap
from foveate.attention.options import at_least
from foveate.attention.registry import register


@register("se")
class SqueezeExcitation(nn.Module):
    """Squeeze-and-Excitation: channels weighted by a gate from the means of all channels.

    `reduction` divides the channels between the two layers; at least one stays. `weights` gives a
    `ChannelMap` in (0, 1).

    >>> import torch
    >>> se = SqueezeExcitation(32)
    >>> (gate,) = se.weights(x := torch.rand(1, 32, 8, 8))
    >>> torch.allclose(se(x), x * gate.values[:, :, None, None])
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.se = SEModule(channels, rd_channels=max(1, channels // at_least(1, "reduction", reduction)))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.se(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[ChannelMap]:
        _, gate = captured(self.se, self.se.gate, x)
        return (ChannelMap(gate.flatten(1)),)
