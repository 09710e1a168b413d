"""Concurrent spatial and channel squeeze and excitation: two gates side by side, their results added.

Roy et al., "Concurrent Spatial and Channel Squeeze & Excitation in Fully Convolutional Networks", MICCAI
2018, https://arxiv.org/abs/1803.02579: cSE(x) = sigmoid(W1 relu(W2 mean(x))) x as in Squeeze-and-Excitation,
sSE(x) = sigmoid(conv1x1(x)) x with one output channel, and the output is cSE(x) + sSE(x). (The journal
version takes their maximum.) segmentation_models_pytorch's module, whose weights these are, multiplies the
map twice and adds the results; here the gates are added first, which takes half the time. Its decoders divide
the channels by 16, the paper by 2.
"""

from collections.abc import Sequence

from jaxtyping import Float
from segmentation_models_pytorch.base.modules import SCSEModule
from torch import Tensor, nn

from foveate.attention.maps import ChannelMap, SpatialMap, additive_maps
from foveate.attention.options import at_least
from foveate.attention.registry import register


@register("scse")
class ConcurrentSqueezeExcitation(nn.Module):
    """scSE: a gate over channels and a gate over positions, applied side by side and added.

    `reduction` divides the channels inside the channel gate; at least one stays. `weights` gives a
    `ChannelMap` and a `SpatialMap`, both in (0, 1): x times their sum is the output. The factor of
    a channel is its mean over positions, that of a position its mean over channels.

    >>> import torch
    >>> scse = ConcurrentSqueezeExcitation(32)
    >>> channel, spatial = scse.weights(x := torch.rand(1, 32, 8, 8))
    >>> torch.allclose(scse(x), x * (channel.values[:, :, None, None] + spatial.values[:, None]))
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__()
        self.scse = SCSEModule(channels, min(at_least(1, "reduction", reduction), channels))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        weight, bias = self.scse.sSE.parameters()
        logits = weight.flatten(1) @ x.flatten(2)  # the convolution to one channel
        spatial = (logits + bias.to(logits.dtype)).sigmoid().unflatten(2, x.shape[2:])
        return x * (self.scse.cSE(x) + spatial)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[ChannelMap, SpatialMap]:
        return additive_maps(self.scse.cSE(x).flatten(1), self.scse.sSE(x).squeeze(1))
