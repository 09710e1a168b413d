"""MSSA, a light network for street scenes, in two forms: as the paper draws it and as its code runs it.

"Multi Scale Spatial Attention for self-driving cars", ICCV workshops 2021, https://arxiv.org/abs/2007.12685.

As drawn, the encoder has four dilated stages (8, 48, 96, 192 channels at strides 2, 4, 8, 16) and an
attention block; the decoder has an attention block and four atrous stages (192, 96, 48, 8 channels). Each of
the five encoder outputs is concatenated to the output of its counterpart in the decoder. The paper states 5.5
million parameters and 1.8 GFLOPs at 1024x1024, but no kernel sizes and no dilation rates. Our choices:

- An encoder stage halves the size and has residual units of 3x3 convolutions with rates 2, 2, 4, and 4 and 8.
  No residual network precedes the stages: the first layer of a ResNet18 alone would take 2.5 billion
  multiply-accumulates.
- A decoder stage mixes channels, doubles the size if its counterpart halved it, and has one 3x3 convolution
  with its counterpart's rate.
- Every 3x3 convolution but the first is depthwise, and 1x1 convolutions mix channels: one dense layer of 192
  channels at stride 16 would take 1.4 billion multiply-accumulates.
- Class scores are computed at stride 2. All enlargement is bilinear.

This takes 1.75 billion multiply-accumulates at 1024x1024 and 19 classes, which papers call FLOPs (3.5 GFLOPs
at two each), and 0.3 million parameters. At the strides drawn, the two published numbers exclude each other:
5.5 million parameters at every position of stride 16 would take 22 billion multiply-accumulates.

As coded, a spatial path of three strided convolutions (64, 128, 256 channels) runs in parallel to a ResNet
whose features at strides 16 and 32 pass channel attention. Both are fused at stride 8, enlarged by 8, and
mixed by a 1x1 convolution. Our fusion has one channel per class, which keeps the enlargement cheap.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention.mssa import FeatureFusion, MultiScaleSpatialAttention
from foveate.errors import choose
from foveate.models.host import Host
from foveate.models.hosts.encoders import create_encoder, host_on_encoder
from foveate.models.hosts.registry import HostRequest, host

WIDTHS = (8, 48, 96, 192)
RATES = ((2,), (2,), (4,), (4, 8))


def conv_norm(conv: nn.Conv2d) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels)]


def dense(channels: int, outputs: int, size: int = 1, stride: int = 1) -> list[nn.Module]:
    return conv_norm(nn.Conv2d(channels, outputs, size, stride, size // 2, bias=False))


def depthwise(channels: int, rate: int = 1, stride: int = 1) -> list[nn.Module]:
    return conv_norm(nn.Conv2d(channels, channels, 3, stride, rate, rate, groups=channels, bias=False))


class Unit(nn.Module):
    """A residual unit: a dilated depthwise convolution and a 1x1 convolution."""

    def __init__(self, channels: int, rate: int):
        super().__init__()
        self.residual = nn.Sequential(*depthwise(channels, rate), nn.ReLU(), *dense(channels, channels))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return F.relu(x + self.residual(x))


class DilatedStages(nn.Module):
    """The encoder; it returns the image and the features at strides 2, 4, 8 and 16."""

    def __init__(self, in_channels: int):
        super().__init__()
        first = dense(in_channels, WIDTHS[0], size=3, stride=2)
        halves = [first, *([*depthwise(a, stride=2), *dense(a, b)] for a, b in pairwise(WIDTHS))]
        self.stages = nn.ModuleList(
            nn.Sequential(*half, nn.ReLU(), *(Unit(width, rate) for rate in rates))
            for half, width, rates in zip(halves, WIDTHS, RATES, strict=True)
        )
        self.out_channels, self.output_stride = [in_channels, *WIDTHS], 16

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Tensor]:
        features = [x]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features


class AtrousStage(nn.Module):
    """A decoder stage: mix channels, resize to the size of `skip`, convolve, and concatenate `skip`."""

    def __init__(self, channels: int, outputs: int, rate: int):
        super().__init__()
        self.mix = nn.Sequential(*dense(channels, outputs), nn.ReLU())
        self.gather = nn.Sequential(*depthwise(outputs, rate), nn.ReLU())

    def forward(
        self, x: Float[Tensor, "b c h w"], skip: Float[Tensor, "b c2 h2 w2"]
    ) -> Float[Tensor, "b c3 h2 w2"]:
        x = self.mix(x)
        if x.shape[-2:] != skip.shape[-2:]:
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear")
        return torch.cat([self.gather(x), skip], 1)


class MSSADrawn(nn.Module):
    """The network as drawn; image sides are multiples of 16.

    attention: False replaces its two attention blocks by identities.

    >>> MSSADrawn(3, 19)(torch.rand(2, 3, 32, 48)).shape
    torch.Size([2, 19, 32, 48])
    """

    def __init__(self, in_channels: int, classes: int, attention: bool = True):
        super().__init__()
        deepest = WIDTHS[-1]
        self.encoder = DilatedStages(in_channels)
        self.attention_down = MultiScaleSpatialAttention(deepest) if attention else nn.Identity()
        self.attention_up = MultiScaleSpatialAttention(deepest) if attention else nn.Identity()
        inputs = [deepest, *reversed(WIDTHS)]
        self.decoder = nn.ModuleList(
            AtrousStage(2 * channels, width, rates[0])
            for channels, width, rates in zip(inputs, reversed(WIDTHS), reversed(RATES), strict=False)
        )
        self.segmentation_head = nn.Sequential(
            nn.Conv2d(2 * WIDTHS[0], classes, 1), nn.Upsample(scale_factor=2, mode="bilinear")
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        _, *features = self.encoder(x)
        attended = self.attention_down(features[-1])
        x = torch.cat([self.attention_up(attended), attended], 1)
        for stage, feature in zip(self.decoder, reversed(features), strict=True):
            x = stage(x, feature)
        return self.segmentation_head(x)


class MSSACoded(nn.Module):
    """The network as coded, with `encoder` as its context path; image sides are multiples of 32.

    attention: False replaces the context path's two attention blocks by identities.

    >>> import segmentation_models_pytorch as smp
    >>> network = MSSACoded(smp.encoders.get_encoder("resnet18", weights=None), 3, 12)
    >>> network(torch.rand(2, 3, 32, 64)).shape
    torch.Size([2, 12, 32, 64])
    """

    def __init__(self, encoder: nn.Module, in_channels: int, classes: int, attention: bool = True):
        super().__init__()
        self.encoder = encoder
        widths = (in_channels, 64, 128, 256)
        strided = ([*dense(a, b, size=3, stride=2), nn.ReLU()] for a, b in pairwise(widths))
        self.spatial = nn.Sequential(*(layer for layers in strided for layer in layers))
        context = encoder.out_channels[-2:]
        self.attention = nn.ModuleList(
            MultiScaleSpatialAttention(c, form="as_coded") if attention else nn.Identity() for c in context
        )
        self.fusion = FeatureFusion(widths[-1] + sum(context), classes)
        self.segmentation_head = nn.Sequential(nn.Conv2d(classes, classes, 1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        spatial = self.spatial(x)
        context = [a(f) for a, f in zip(self.attention, self.encoder(x)[-2:], strict=True)]
        context = [F.interpolate(feature, spatial.shape[-2:], mode="bilinear") for feature in context]
        fused = self.fusion(spatial, torch.cat(context, 1))
        return self.segmentation_head(F.interpolate(fused, scale_factor=8, mode="bilinear"))


_FORMS = {"as_drawn": "none", "as_coded": "resnet18"}
"""The forms of mssa, and the default encoder of each."""


@host("mssa", encoder=lambda form="as_drawn", **options: _FORMS.get(str(form), "none"))
def _mssa(request: HostRequest, form: str = "as_drawn", attention: bool = True) -> Host:
    sizes = request.in_channels, request.classes, attention
    if choose(form, _FORMS, "form of mssa") == "as_coded":
        return host_on_encoder(MSSACoded(create_encoder(request), *sizes), request)
    network = MSSADrawn(*sizes)
    return Host(network, request.config, network.encoder.output_stride, encoder="encoder")
