"""Efficient Channel Attention: each channel is scaled by a gate computed from its neighbours' means.

Wang et al., "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks", CVPR 2020,
https://arxiv.org/abs/1910.03151, equation 9: gate = sigmoid(conv1d_k(mean of x)), without bias, and equation
12: k = the odd number at (log2(channels) + 1) / 2, rounded as in the authors' code. timm's module computes
this; below 8 channels, where the rule gives k = 1, it takes 3.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.eca import EcaModule
from torch import Tensor, nn

from foveate.attention.captured import captured
from foveate.attention.maps import ChannelMap
from foveate.attention.options import odd
from foveate.attention.registry import register


@register("eca")
class EfficientChannelAttention(nn.Module):
    """Efficient Channel Attention: channels weighted through a short convolution over channel means.

    `kernel_size` is the number of neighbouring channels a gate sees, odd; None takes the paper's rule.
    `weights` gives a `ChannelMap` in (0, 1).

    >>> import torch
    >>> eca = EfficientChannelAttention(64)
    >>> sum(p.numel() for p in eca.parameters())
    3
    >>> (gate,) = eca.weights(x := torch.rand(1, 64, 8, 8))
    >>> torch.allclose(eca(x), x * gate.values[:, :, None, None])
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, kernel_size: int | None = None) -> None:
        super().__init__()
        if kernel_size is None:
            self.eca = EcaModule(channels)
        else:
            self.eca = EcaModule(kernel_size=odd("kernel_size", kernel_size))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.eca(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[ChannelMap]:
        _, gate = captured(self.eca, self.eca.gate, x)
        return (ChannelMap(gate.flatten(1)),)
