"""Placebo: a plain convolution with as many parameters as the attention it is compared with.

It is the control of a comparison: if an attention helps no more than its placebo, the gain comes from the
additional parameters.

- It is local and linear: x + conv(x), without gate, pooling, normalisation, activation or bias.
- It keeps the identity path, as attention mechanisms do (a gate scales x, self-attention adds to x). Inside
  the residual gate x + g (a(x) - x) it becomes x + g conv(x); without the gate, the host's features remain.
- It has exactly the requested number of parameters. The kernel is 3x3 with as few channels per group as
  possible, and larger only if one group of all channels has too few weights. The requested number of weights,
  spread evenly over channels and taps, is learnable; the others are zero.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.options import at_least
from foveate.attention.registry import register


def kernel_shape(channels: int, parameters: int) -> tuple[int, int, int, int]:
    """Return the shape (out, in per group, k, k) of the smallest grouped kernel with at least `parameters`
    weights; k is odd and at least 3.

    >>> kernel_shape(64, 500), kernel_shape(64, 1000), kernel_shape(64, 40000)
    ((64, 1, 3, 3), (64, 2, 3, 3), (64, 32, 5, 5))
    """
    size = 3
    while channels**2 * size**2 < parameters:
        size += 2
    needed = math.ceil(parameters / (channels * size**2))
    width = next(d for d in range(needed, channels + 1) if channels % d == 0)
    return channels, width, size, size


def even_positions(parameters: int, places: int) -> Int64[Tensor, " parameters"]:
    """Return `parameters` distinct positions from 0 to `places` - 1, evenly spread and centred.

    >>> even_positions(3, 9).tolist(), even_positions(1, 9).tolist()
    ([1, 4, 7], [4])
    """
    return (2 * torch.arange(parameters) + 1) * places // (2 * parameters)


@register("placebo")
class Placebo(nn.Module):
    """Placebo: a plain convolution with a given number of parameters, the control for an attention's gain.

    `parameters` is the exact number of learnable weights; None means 9 * channels, a depthwise 3x3
    convolution. `weights` is empty: it has no attention map.

    >>> import torch
    >>> placebo = Placebo(64, parameters=612)
    >>> sum(p.numel() for p in placebo.parameters())
    612
    >>> placebo(torch.rand(1, 64, 8, 8)).shape
    torch.Size([1, 64, 8, 8])
    """

    starts_at_identity = False

    def __init__(self, channels: int, parameters: int | None = None) -> None:
        super().__init__()
        count = 9 * channels if parameters is None else at_least(1, "parameters", parameters)
        self.shape = kernel_shape(channels, count)
        bound = 1 / math.sqrt(
            max(1.0, count / channels)
        )  # as nn.Conv2d, for the learnable weights per output
        self.weight = nn.Parameter(torch.empty(count).uniform_(-bound, bound))
        self.register_buffer("positions", even_positions(count, math.prod(self.shape)), persistent=False)

    def kernel(self) -> Float[Tensor, "out width k k"]:
        flat = self.weight.new_zeros(math.prod(self.shape))
        return flat.scatter(0, self.positions, self.weight).view(self.shape)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        channels, width, size, _ = self.shape
        return x + F.conv2d(x, self.kernel(), padding=size // 2, groups=channels // width)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[()]:
        return ()
