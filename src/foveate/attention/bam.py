"""BAM: one mask from a channel score and a position score, added to the identity.

Park et al., "BAM: Bottleneck Attention Module", BMVC 2018, https://arxiv.org/abs/1807.06514:

- equation 1: F' = F + F M(F)
- equation 2: M(F) = sigmoid(M_c(F) + M_s(F)), both broadcast to b c h w
- equation 3: M_c(F) = BN(W1 (W0 mean(F) + b0) + b1)
- equation 4: M_s(F) = BN(f3^1x1(f2^3x3(f1^3x3(f0^1x1(F))))), the 3x3 convolutions dilated by 4

The equations show no activation; as in the authors' code, there is a ReLU between layers. The code differs
from the equations in two ways: it multiplies the two scores, which equation 2 adds; and batch norm follows
every layer but the last, while in equations 3 and 4 it follows only the last. form="paper" is the equations,
form="code" the code. The code also pools over a square as high as the map, which fails on maps that are not
square; both forms here pool over all positions.

The channel score's batch norm sees one value per image: training needs batches of two or more.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.captured import statistics_kept
from foveate.attention.maps import MaskMap
from foveate.attention.options import at_least, one_of
from foveate.attention.registry import register


def _branch(convolutions: Sequence[nn.Conv2d], form: str) -> nn.Sequential:
    """The convolutions with ReLU between them, and batch norm after the last (paper) or the others (code)."""
    layers: list[nn.Module] = []
    for convolution in convolutions:
        last = convolution is convolutions[-1]
        layers.append(convolution)
        if last == (form == "paper"):
            layers.append(nn.BatchNorm2d(convolution.out_channels))
        if not last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


@register("bam")
class BottleneckAttention(nn.Module):
    """BAM: a mask from channel and position scores; x times the mask is added to x.

    `reduction` divides the channels inside both branches (at least one stays); `dilation` is that of the 3x3
    convolutions; `form` is paper or code, see above. `weights` gives a `MaskMap` in (0, 1) whose factor is
    1 + mask.

    >>> import torch
    >>> bam = BottleneckAttention(32).eval()
    >>> (mask,) = bam.weights(x := torch.rand(1, 32, 8, 12))
    >>> torch.allclose(bam(x), x * mask.factor)
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, reduction: int = 16, dilation: int = 4, form: str = "paper") -> None:
        super().__init__()
        self.form = one_of(("paper", "code"), "form", form)
        hidden = max(1, channels // at_least(1, "reduction", reduction))
        reach = at_least(1, "dilation", dilation)
        wide = [nn.Conv2d(hidden, hidden, 3, padding=reach, dilation=reach) for _ in range(2)]
        self.channel = _branch([nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)], form)
        self.spatial = _branch([nn.Conv2d(channels, hidden, 1), *wide, nn.Conv2d(hidden, 1, 1)], form)

    def _mask(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        channel, spatial = self.channel(x.mean((2, 3), keepdim=True)), self.spatial(x)
        return (channel + spatial if self.form == "paper" else channel * spatial).sigmoid()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x + x * self._mask(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MaskMap]:
        with statistics_kept(self):
            return (MaskMap(self._mask(x), offset=1.0),)
