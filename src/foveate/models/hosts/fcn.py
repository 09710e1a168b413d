"""FCN: class scores at strides 32, 16 and 8 are added from coarse to fine and enlarged to the image size.

Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
https://arxiv.org/abs/1411.4038, section 4 and figure 3:

- 32s: scores at stride 32, enlarged by 32
- 16s: the scores at stride 32 doubled, plus scores at stride 16, enlarged by 16
- 8s: that sum doubled, plus scores at stride 8, enlarged by 8

Doubling is a transposed convolution, 4x4 with stride 2, which is initialised as bilinear interpolation and
learnt; the last enlargement is bilinear and fixed. The score layers at strides 16 and 8 start at zero, so
that only the coarse scores count at first. Differences from the paper:

- The score layer at stride 32 starts at random. At zero it would pass no gradient to the encoder in the first
  step.
- The authors pad the image by 100 pixels and crop the result. Ours pads fc6 by 3, and the last enlargement
  replicates the border, as their crop does.
- Scores at strides 8 and 16 are not scaled by constants, as in the later journal version.

With VGG16, the scores are computed from pool3, pool4 and fc7: fc6 and fc7, the first two fully connected
layers of the classifier, are convolutions (7x7 and 1x1, 4096 channels, dropout). Their weights start at
random, because pretrained encoder files lack them. Other encoders have no such layers: the scores are
computed from their features.
"""

import torch
from jaxtyping import Float
from segmentation_models_pytorch.encoders.vgg import VGGEncoder
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.options import at_least
from foveate.errors import choose
from foveate.models.host import Host
from foveate.models.hosts.encoders import create_encoder, host_on_encoder
from foveate.models.hosts.registry import HostRequest, host

HEADS = {"32s": (32,), "16s": (32, 16), "8s": (32, 16, 8)}
"""The strides at which each head computes scores, from coarse to fine."""


def bilinear_doubling(channels: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution initialised as bilinear interpolation to twice the size, per channel.

    >>> x = torch.rand(1, 3, 6, 7)
    >>> twice = F.interpolate(x, scale_factor=2, mode="bilinear")
    >>> torch.allclose(bilinear_doubling(3)(x)[..., 1:-1, 1:-1], twice[..., 1:-1, 1:-1], atol=1e-6)
    True
    """
    layer = nn.ConvTranspose2d(channels, channels, kernel_size=4, stride=2, padding=1, bias=False)
    tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[range(channels), range(channels)] = tent[:, None] * tent
    return layer


class Scores(nn.Module):
    """One score layer per stride, from coarse to fine; the scores are doubled, added and enlarged.

    `channels` are the channels of the features, `stride` is the stride of the finest feature.
    """

    def __init__(self, channels: list[int], classes: int, stride: int):
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(c, classes, 1) for c in channels)
        self.doubling = nn.ModuleList(bilinear_doubling(classes) for _ in channels[1:])
        self.stride = stride
        for score in self.scores[1:]:
            nn.init.zeros_(score.weight)
            nn.init.zeros_(score.bias)

    def forward(
        self, deepest: Float[Tensor, "b c h w"], *finer: Float[Tensor, "b _ _ _"]
    ) -> Float[Tensor, "b classes height width"]:
        total = self.scores[0](deepest)
        for feature, score, double in zip(finer, self.scores[1:], self.doubling, strict=True):
            total = double(total) + score(feature)
        return F.interpolate(total, scale_factor=self.stride, mode="bilinear")


class FCN(nn.Module):
    """An encoder with the head "32s", "16s" or "8s"; image sides are multiples of 32.

    `hidden` is the number of channels of the two convolutions before the scores at stride 32; 0 omits them.
    `segmentation_head` takes the feature at stride 32 and then the features at finer strides.

    >>> import segmentation_models_pytorch as smp
    >>> network = FCN(smp.encoders.get_encoder("resnet18", weights=None), 5)
    >>> network(torch.rand(1, 3, 32, 64)).shape
    torch.Size([1, 5, 32, 64])
    """

    def __init__(self, encoder: nn.Module, classes: int, head: str = "8s", hidden: int = 0):
        super().__init__()
        self.encoder = encoder
        # A VGG encoder returns the features before the pooling at the end of each stage.
        self.pooled = isinstance(encoder, VGGEncoder)
        self.levels = [stride.bit_length() - 1 - self.pooled for stride in HEADS[head][1:]]
        deepest, *finer = [encoder.out_channels[level] for level in (-1, *self.levels)]
        self.decoder = fully_connected(deepest, hidden) if hidden else nn.Identity()
        self.segmentation_head = Scores([hidden or deepest, *finer], classes, HEADS[head][-1])
        self.output_layers = tuple(f"segmentation_head.scores.{k}" for k in range(len(HEADS[head])))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        features = self.encoder(x)
        finer = [features[level] for level in self.levels]
        if self.pooled:
            finer = [F.max_pool2d(feature, 2) for feature in finer]
        return self.segmentation_head(self.decoder(features[-1]), *finer)


def fully_connected(channels: int, hidden: int) -> nn.Sequential:
    """Return fc6 and fc7 of a VGG as convolutions that keep the map's size."""
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 7, padding=3),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(),
        nn.Dropout(0.5),
    )


@host("fcn")
def _fcn(request: HostRequest, head: str = "8s", hidden: int | None = None) -> Host:
    choose(head, HEADS, "head of fcn")
    if hidden is None:
        hidden = 4096 if request.encoder_name.startswith("vgg") else 0
    hidden = at_least(0, "hidden", hidden)
    return host_on_encoder(FCN(create_encoder(request), request.classes, head, hidden), request)
