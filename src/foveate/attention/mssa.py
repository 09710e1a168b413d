"""MSSA's attention block: features plus the same features with each channel scaled by a gate of the image.

"Multi Scale Spatial Attention for self-driving cars", ICCV workshops 2021, https://arxiv.org/abs/2007.12685.
The source has two readings:

- form="as_drawn", the paper's figure: y = x + x g(x)
- form="as_coded", what the authors' code runs on two levels of its context path: y = x g(x)

Neither defines g. Ours is g(x) = sigmoid(W mean(x) + b), W from all channels to all channels: the attention
refinement of BiSeNet (Yu et al., ECCV 2018, https://arxiv.org/abs/1808.00897, figure 2b), whose parts the
coded network uses. BiSeNet's batch norm after W is left out: with the published batch of one image it would
see one value per channel.

`FeatureFusion` is the module that joins two paths of the coded network, BiSeNet's figure 2c.
"""

from collections.abc import Sequence

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.maps import ChannelMap
from foveate.attention.options import one_of
from foveate.attention.registry import register


@register("mssa")
class MultiScaleSpatialAttention(nn.Module):
    """MSSA's attention block: features plus the same features with channels weighted by a gate of the image.

    `form` is "as_drawn", x + x g(x), or "as_coded", x g(x). `weights` gives g in (0, 1), a `ChannelMap`
    whose factor is what x is multiplied by: 1 + g or g.

    >>> attention = MultiScaleSpatialAttention(32)
    >>> (gate,) = attention.weights(x := torch.rand(1, 32, 8, 8))
    >>> torch.allclose(attention(x), x + x * gate.values[:, :, None, None])
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, form: str = "as_drawn") -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, channels, 1)
        self.form = one_of(("as_drawn", "as_coded"), "form", form)

    def gate(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
        return self.score(reduce(x, "b c h w -> b c 1 1", "mean")).sigmoid()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        gate = self.gate(x).to(x.dtype)
        return x * (1 + gate if self.form == "as_drawn" else gate)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[ChannelMap]:
        offset = 1.0 if self.form == "as_drawn" else 0.0
        return (ChannelMap(self.gate(x).flatten(1), offset),)


class FeatureFusion(nn.Module):
    """Fuse two maps a, b of one size: y = relu(bn(conv3x3([a; b]))), then y + y sigmoid(W2 relu(W1 mean(y))).

    `inputs` is the number of channels of both maps together, `outputs` that of the result.

    >>> FeatureFusion(24, 6)(torch.rand(2, 8, 5, 9), torch.rand(2, 16, 5, 9)).shape
    torch.Size([2, 6, 5, 9])
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.join = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(outputs, outputs, 1),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1),
            nn.Sigmoid(),
        )

    def forward(
        self, a: Float[Tensor, "b c1 h w"], b: Float[Tensor, "b c2 h w"]
    ) -> Float[Tensor, "b outputs h w"]:
        y = self.join(torch.cat([a, b], 1))
        return y + y * self.gate(y)
