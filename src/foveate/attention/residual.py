"""Residual attention: a mask computed at lower resolutions weights the features of a trunk elementwise.

Wang et al., "Residual Attention Network for Image Classification", CVPR 2017,
https://arxiv.org/abs/1704.06904. After p residual units the module splits into a trunk T of t units and a
soft mask branch M. The mask branch is `depth` times max-pool and r units, `depth` times r units and bilinear
interpolation, a residual unit on the skip connection of every level but the deepest, and two 1x1
convolutions. Then

- learning="residual", equation 3: H = (1 + M) T;  learning="naive", equation 1: H = M T
- mask="mixed", equation 4: M = sigmoid(z)
- mask="channel", equation 5: M = z / |z|, over the channels of a position
- mask="spatial", equation 6: M = sigmoid((z - mean) / std), over the positions of a channel

and p units more. Our choices where the paper is silent: max-pooling is 3x3 with stride 2, which rounds sizes
up; interpolation is between pixel centres; batch norm and ReLU precede each 1x1 convolution, as in a
pre-activation unit; equations 5 and 6 avoid division by 0 with 1e-12 and 1e-5. Attention-56 then has 31.8
million parameters; the paper says 31.9.

form="tutorial" is the module as tutorials print it in Keras, after
https://github.com/qubvel/residual_attention_network: every unit has a 1x1 convolution of x as its shortcut,
convolutions have biases, max-pooling is 2x2, interpolation takes the nearest position, and nothing stands
between the last two 1x1 convolutions.
"""

from collections import OrderedDict
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.captured import captured
from foveate.attention.maps import MaskMap
from foveate.attention.options import at_least, one_of
from foveate.attention.registry import register


def mixed(z: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Equation 4: the sigmoid of each element."""
    return z.sigmoid()


def channel(z: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Equation 5: the channel vector of each position is scaled to length 1; values are in [-1, 1]."""
    return F.normalize(z, dim=1)


def spatial(z: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Equation 6: each channel is normalised to mean 0 and standard deviation 1 before the sigmoid."""
    centred = z - z.mean((2, 3), keepdim=True)
    return (centred * (centred.square().mean((2, 3), keepdim=True) + 1e-5).rsqrt()).sigmoid()


MASKS = {"mixed": mixed, "channel": channel, "spatial": spatial}


def norm_relu(channels: int) -> nn.Sequential:
    """Return batch norm and ReLU, which precede every convolution."""
    return nn.Sequential(OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU()))


FORMS = ("paper", "tutorial")


class ResidualUnit(nn.Module):
    """The pre-activation bottleneck: x + W3 a(W2 a(W1 a(x))), a batch norm and ReLU, W2 3x3, W1 and W3 1x1.

    W1 and W2 give `inner` channels (default: a quarter of the `outputs`, which are by default `channels`). If
    channels or resolution change, the shortcut is a 1x1 convolution of a(x) in place of x. In the form
    "tutorial", it always is one of x.

    >>> import torch
    >>> ResidualUnit(8, 16, stride=2)(torch.rand(2, 8, 5, 9)).shape
    torch.Size([2, 16, 3, 5])
    """

    def __init__(
        self,
        channels: int,
        outputs: int | None = None,
        stride: int = 1,
        inner: int | None = None,
        form: str = "paper",
    ) -> None:
        super().__init__()
        outputs = outputs or channels
        inner = inner or max(1, outputs // 4)
        self.of_input = bias = form == "tutorial"
        self.activation = norm_relu(channels)
        self.residual = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=bias),
            norm_relu(inner),
            nn.Conv2d(inner, inner, 3, stride, padding=1, bias=bias),
            norm_relu(inner),
            nn.Conv2d(inner, outputs, 1, bias=bias),
        )
        same = outputs == channels and stride == 1 and not self.of_input
        self.shortcut = None if same else nn.Conv2d(channels, outputs, 1, stride, bias=bias)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b outputs new_h new_w"]:
        y = self.activation(x)
        if self.shortcut is None:
            return self.residual(y) + x
        return self.residual(y) + self.shortcut(x if self.of_input else y)


def residual_units(count: int, channels: int, form: str = "paper") -> nn.Sequential:
    return nn.Sequential(*(ResidualUnit(channels, form=form) for _ in range(count)))


class Hourglass(nn.Module):
    """Max-pooling, r units, deeper levels in parallel to a skip connection, r units, and interpolation."""

    def __init__(self, channels: int, r: int, depth: int, form: str = "paper") -> None:
        super().__init__()
        self.down = residual_units(r, channels, form)
        self.below = Hourglass(channels, r, depth - 1, form) if depth > 1 else None
        self.skip = ResidualUnit(channels, form=form) if depth > 1 else nn.Identity()
        self.up = residual_units(r, channels, form)
        self.nearest = form == "tutorial"

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        y = self.down(self._pool(x))
        if self.below is not None:
            y = self.skip(y) + self.below(y)
        return F.interpolate(self.up(y), x.shape[2:], mode="nearest" if self.nearest else "bilinear")

    def _pool(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c half_h half_w"]:
        """Both forms round sizes up."""
        if self.nearest:
            return F.max_pool2d(x, 2, stride=2, ceil_mode=True)
        return F.max_pool2d(x, 3, stride=2, padding=1)


class SoftMask(nn.Module):
    """The mask branch: hourglass, two 1x1 convolutions, and one of the three normalisations."""

    def __init__(self, channels: int, r: int, depth: int, mask: str, form: str = "paper") -> None:
        super().__init__()
        self.hourglass = Hourglass(channels, r, depth, form)
        if form == "tutorial":
            self.score = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1))
        else:
            self.score = nn.Sequential(
                norm_relu(channels),
                nn.Conv2d(channels, channels, 1, bias=False),
                norm_relu(channels),
                nn.Conv2d(channels, channels, 1, bias=False),
            )
        self.normalise = MASKS[one_of(MASKS, "mask", mask)]

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.normalise(self.score(self.hourglass(x)))


@register("residual")
class ResidualAttention(nn.Module):
    """Residual attention: features of a trunk weighted by a mask computed at lower resolutions.

    `p` units stand before and after (0 or more), `t` in the trunk, `r` at each of the `depth` resolutions of
    the mask branch, on the way down and on the way up. `mask` is "mixed", "channel" or "spatial", `learning`
    is "residual", (1 + M) T, or "naive", M T. `form` is "paper" or "tutorial", see above.

    Every pooling halves the map, rounding up, and a single position stays one: any size works, and on h x w
    positions depths beyond log2 of the longer side add units but no lower resolution. The paper takes the
    depth at which the mask branch reaches 7x7.

    `weights` gives M, a `MaskMap` in [0, 1], for "channel" in [-1, 1]. Its factor, 1 + M or M, multiplies the
    trunk T inside the module, not x.

    >>> import torch
    >>> attention = ResidualAttention(8, depth=2).eval()
    >>> attention(x := torch.rand(1, 8, 14, 9)).shape
    torch.Size([1, 8, 14, 9])
    >>> attention.weights(x)[0].values.shape
    torch.Size([1, 8, 14, 9])
    """

    starts_at_identity = False

    def __init__(
        self,
        channels: int,
        p: int = 1,
        t: int = 2,
        r: int = 1,
        depth: int = 1,
        mask: str = "mixed",
        learning: str = "residual",
        form: str = "paper",
    ) -> None:
        super().__init__()
        one_of(FORMS, "form", form)
        self.before = residual_units(at_least(0, "p", p), channels, form)
        self.trunk = residual_units(at_least(1, "t", t), channels, form)
        self.mask = SoftMask(channels, at_least(1, "r", r), at_least(1, "depth", depth), mask, form)
        self.after = residual_units(p, channels, form)
        self.learning = one_of(("residual", "naive"), "learning", learning)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        shared = self.before(x)
        trunk, mask = self.trunk(shared), self.mask(shared)
        weighted = mask * trunk
        return self.after(trunk + weighted if self.learning == "residual" else weighted).to(x.dtype)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MaskMap]:
        _, mask = captured(self, self.mask, x)
        return (MaskMap(mask, offset=1.0 if self.learning == "residual" else 0.0, trunk=True),)
