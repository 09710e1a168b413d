"""A convolution with as many weights as the attention it is compared with, and nothing attention-like.

The control of a comparison: if an attention helps no more than this does, the gain came from having more
parameters.

- It is local and linear: x + conv(x), with no gate, no pooling, no normalisation, no activation, no bias.
- It keeps the identity path, as attention mechanisms do (a gate scales x, self-attention adds to x). Inside
  the residual gate x + g (a(x) - x) it becomes x + g conv(x), and without the gate the host's features are
  still there.
- The count is met exactly, for every number. The convolution is 3x3 with the fewest channels a group (larger
  only if even all channels in one group have too few weights), and of its weights as many as asked for,
  spread evenly over channels and taps, are learnable; the rest are zero.
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
    """Shape (out, in a group, k, k) of the smallest grouped kernel, k odd and at least 3, with room for
    `parameters`.

    >>> kernel_shape(64, 500), kernel_shape(64, 1000), kernel_shape(64, 40000)
    ((64, 1, 3, 3), (64, 2, 3, 3), (64, 32, 5, 5))
    """
    size = 3
    while channels**2 * size**2 < parameters:
        size += 2
    needed = math.ceil(parameters / (channels * size**2))
    width = next(d for d in range(needed, channels + 1) if channels % d == 0)
    return channels, width, size, size


def spread(parameters: int, places: int) -> Int64[Tensor, " parameters"]:
    """Which of `places` flat positions are learnable: evenly spread, each once, and centred.

    >>> spread(3, 9).tolist(), spread(1, 9).tolist()
    ([1, 4, 7], [4])
    """
    return (2 * torch.arange(parameters) + 1) * places // (2 * parameters)


@register("placebo")
class Placebo(nn.Module):
    """Placebo: a plain convolution with a given number of parameters, to set a gain by attention against.

    `parameters` is the number of learnable weights, met exactly; None stands for a depthwise 3x3 convolution,
    9 * channels. `weights` is empty: there is nothing to see.

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
        )  # as nn.Conv2d, for the weights an output really has
        self.weight = nn.Parameter(torch.empty(count).uniform_(-bound, bound))
        self.register_buffer("positions", spread(count, math.prod(self.shape)), persistent=False)

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
