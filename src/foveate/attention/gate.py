"""Attention gate of Attention U-Net: positions pass if they agree with a coarser gating signal.

Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas", MIDL 2018,
https://arxiv.org/abs/1804.03999:

- equation 1: q = psi relu(W_x x + W_g g + b_g) + b_psi, all 1x1 convolutions, at the resolution of g
- equation 2: a = sigmoid(q), resampled bilinearly to x; the output is a x

g is the decoder's map one level below the skip x: the places `skips` give both. x is resized bilinearly to
the resolution of g, and a back to that of x; at half the size, x becomes means over 2x2 positions.

At other places a mechanism sees one map, and we take as g the map x averaged over a window around each
position. A position is still judged by itself and by its coarse surroundings, but not by deeper features.

The authors' code has a 2x2 convolution of stride 2 for W_x, a 1x1 convolution with batch norm and ReLU that
makes the first g, and a 1x1 convolution and batch norm after a x. They are not in the equations, and ours
omits them. The paper's gates start open, so that x passes unchanged at first. The residual gate around this
module gives that start exactly; without it, a starts near 1/2.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.maps import SpatialMap
from foveate.attention.options import at_least, odd
from foveate.attention.registry import register
from foveate.errors import UserError


def mean_pool_2x2(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c rows columns"]:
    """Average over 2x2 positions; at the right and bottom edge of odd sizes, over the existing positions.

    >>> import torch
    >>> mean_pool_2x2(torch.tensor([[[[1.0, 3.0, 7.0]]]])).tolist()
    [[[[2.0, 7.0]]]]
    """
    # Sums and counts instead of ceil_mode=True, which fixes exported programs to the example's size.
    ones = x.new_ones(1, 1, *x.shape[2:])
    sums, counts = (F.avg_pool2d(F.pad(a, (0, 1, 0, 1)), 2) for a in (x, ones))
    return sums / counts


def window_mean(x: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c h w"]:
    """Average over a window of `side` x `side` (odd) around each position, over its part inside the map.

    >>> import torch
    >>> window_mean(torch.tensor([[[[1.0, 3.0, 8.0]]]]), 3).tolist()
    [[[[2.0, 4.0, 5.5]]]]
    """
    return F.avg_pool2d(x, side, stride=1, padding=side // 2, count_include_pad=False)


@register("gate")
class AttentionGate(nn.Module):
    """Attention gate: positions weighted by themselves and a coarser gating signal.

    With `signal_channels`, `forward(x, signal)` takes the signal b signal_channels rows columns, coarser than
    x; without it, the signal is computed from x. `reduction` divides the channels in which both are compared
    (at least one stays). `context` is the side of the window that averages x to a signal, odd, in units of
    two positions; None means 5, and with `signal_channels` it must be None. `weights` gives a `SpatialMap` in
    (0, 1).

    >>> import torch
    >>> gate = AttentionGate(32, 64)
    >>> x, signal = torch.rand(1, 32, 20, 28), torch.rand(1, 64, 10, 14)
    >>> (passing,) = gate.weights(x, signal)
    >>> torch.equal(gate(x, signal), x * passing.values[:, None])
    True
    """

    starts_at_identity = False
    takes_signal = True

    def __init__(
        self,
        channels: int,
        signal_channels: int | None = None,
        /,
        reduction: int = 2,
        context: int | None = None,
    ) -> None:
        super().__init__()
        if signal_channels is not None and context is not None:
            raise UserError(
                f"context={context!r}: the decoder gives the gating signal here; leave context out"
            )
        hidden = max(1, channels // at_least(1, "reduction", reduction))
        self.context = odd("context", 5 if context is None else context)
        self.feature = nn.Conv2d(channels, hidden, 1, bias=False)
        self.signal = nn.Conv2d(signal_channels or channels, hidden, 1)
        self.score = nn.Conv2d(hidden, 1, 1)

    def _coefficients(
        self, x: Float[Tensor, "b c h w"], signal: Float[Tensor, "b c2 rows columns"] | None
    ) -> Float[Tensor, "b 1 h w"]:
        if signal is None:
            coarse = mean_pool_2x2(x)
            # W_g and the mean are both linear; the mean is taken second, over fewer channels.
            gating = window_mean(self.signal(coarse), self.context)
        else:
            coarse = F.interpolate(x, size=signal.shape[2:], mode="bilinear")
            gating = self.signal(signal)
        passing = self.score((self.feature(coarse) + gating).relu()).sigmoid()
        return F.interpolate(passing, size=x.shape[2:], mode="bilinear")

    def forward(
        self, x: Float[Tensor, "b c h w"], signal: Float[Tensor, "b c2 rows columns"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        return x * self._coefficients(x, signal)

    def weights(
        self,
        x: Float[Tensor, "b c h w"],
        signal: Float[Tensor, "b c2 rows columns"] | None = None,
        queries: Sequence[int] | Tensor | None = None,
    ) -> tuple[SpatialMap]:
        return (SpatialMap(self._coefficients(x, signal).squeeze(1)),)
