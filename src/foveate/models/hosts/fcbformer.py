"""FCBFormer: a pyramid transformer at coarse resolution and a convolutional branch at full size are fused.

Sanderson, Matuszewski, "FCN-Transformer Feature Fusion for Polyp Segmentation", 2022,
https://arxiv.org/abs/2208.08352.

- Transformer branch: the four levels of PVTv2-B3, strides 4 to 32. Two residual blocks bring each level to 64
  channels, and it is enlarged to stride 4. From coarse to fine, levels are concatenated and fused by two
  residual blocks.
- Convolutional branch: a U-Net of residual blocks at full size with 32 channels times 1 1 2 2 4 4. Each level
  has two blocks in the encoder and three in the decoder, and each decoder block takes one encoder feature.
- Fusion: both branches, at full size, are concatenated and pass two residual blocks; a 1x1 convolution gives
  the logits.

A residual block is twice GroupNorm(32), SiLU, 3x3 convolution, with a shortcut that is the identity or a 1x1
convolution. All enlargement is by nearest neighbour. With PVTv2-B3 and one class there are 52,962,337
parameters, as published: 46,404,544 in the transformer branch, 6,384,800 in the convolutional branch, and
172,993 in the fusion.

The authors' code takes images of 352x352 only; ours takes any sides that are multiples of 32. The place
`decoder` is the 64 channels before the last 1x1 convolution.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.models.host import Host
from foveate.models.hosts.encoders import create_encoder, host_on_encoder
from foveate.models.hosts.registry import HostRequest, host

GROUPS = 32


class ResidualBlock(nn.Module):
    """Twice GroupNorm, SiLU and a 3x3 convolution, with a shortcut.

    >>> ResidualBlock(64, 32)(torch.rand(1, 64, 5, 6)).shape
    torch.Size([1, 32, 5, 6])
    """

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.residual = nn.Sequential(*_norm_silu_conv(channels, outputs), *_norm_silu_conv(outputs, outputs))
        self.shortcut = nn.Identity() if outputs == channels else nn.Conv2d(channels, outputs, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b outputs h w"]:
        return self.residual(x) + self.shortcut(x)


def _norm_silu_conv(channels: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.GroupNorm(GROUPS, channels), nn.SiLU(), nn.Conv2d(channels, outputs, 3, padding=1)


def two_blocks(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(channels, outputs), ResidualBlock(outputs, outputs))


class Pyramid(nn.Module):
    """Fuse the encoder's features, given from fine to coarse, into one map of `width` channels.

    >>> levels = [torch.rand(1, c, s, s) for c, s in ((32, 8), (64, 4), (160, 2))]
    >>> Pyramid([32, 64, 160], 64)(levels).shape
    torch.Size([1, 64, 8, 8])
    """

    def __init__(self, channels: list[int], width: int):
        super().__init__()
        self.emphasis = nn.ModuleList(two_blocks(c, width) for c in channels)
        self.fusion = nn.ModuleList(two_blocks(2 * width, width) for _ in channels[1:])

    def forward(self, levels: list[Tensor]) -> Float[Tensor, "b width h w"]:
        size = levels[0].shape[-2:]
        *finer, fused = [
            F.interpolate(blocks(x), size) for blocks, x in zip(self.emphasis, levels, strict=True)
        ]
        for x, blocks in zip(reversed(finer), self.fusion, strict=True):
            fused = blocks(torch.cat([x, fused], 1))
        return fused


class ConvolutionalBranch(nn.Module):
    """A U-Net at full size; each decoder block takes one encoder feature, in reverse order.

    `widths` are the channels of its levels; each level has half the resolution of the previous one.

    >>> ConvolutionalBranch(3, (32, 64))(torch.rand(1, 3, 4, 6)).shape
    torch.Size([1, 32, 4, 6])
    """

    def __init__(self, in_channels: int, widths: tuple[int, ...], blocks: int = 2):
        super().__init__()
        width = widths[0]
        down: list[nn.Module] = [nn.Conv2d(in_channels, width, 3, padding=1)]
        skip_widths = [width]
        for level, outputs in enumerate(widths):
            if level:
                down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skip_widths.append(width)
            for _ in range(blocks):
                down.append(ResidualBlock(width, outputs))
                skip_widths.append(width := outputs)
        up: list[nn.Module] = []
        self.middle = two_blocks(width, width)
        for level, outputs in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                up.append(ResidualBlock(width + skip_widths.pop(), outputs))
                width = outputs
            if level:
                up[-1] = nn.Sequential(
                    up[-1], nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1)
                )
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b width h w"]:
        skips = []
        for module in self.down:
            skips.append(x := module(x))
        x = self.middle(x)
        for module in self.up:
            x = module(torch.cat([x, skips.pop()], 1))
        return x


class FCBFormer(nn.Module):
    """An encoder, whose features at strides 4 to 32 are fused with a convolutional branch at full size.

    `width` is the number of channels of the fused features; `widths` are those of the convolutional branch's
    levels. Image sides are multiples of 32.

    >>> import segmentation_models_pytorch as smp
    >>> encoder = smp.encoders.get_encoder("resnet18", weights=None)
    >>> FCBFormer(encoder, 3, 1, widths=(32, 64))(torch.rand(1, 3, 32, 64)).shape
    torch.Size([1, 1, 32, 64])
    """

    def __init__(
        self,
        encoder: nn.Module,
        in_channels: int,
        classes: int,
        width: int = 64,
        widths: tuple[int, ...] = (32, 32, 64, 64, 128, 128),
    ):
        super().__init__()
        self.encoder = encoder
        self.pyramid = Pyramid(encoder.out_channels[2:], width)
        self.convolutional = ConvolutionalBranch(in_channels, widths)
        self.decoder = two_blocks(width + widths[0], width)
        self.segmentation_head = nn.Sequential(nn.Conv2d(width, classes, 1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        coarse = F.interpolate(self.pyramid(self.encoder(x)[2:]), x.shape[-2:])
        return self.segmentation_head(self.decoder(torch.cat([coarse, self.convolutional(x)], 1)))


@host("fcbformer", encoder="tu-pvt_v2_b3", one_logit=True)
def _fcbformer(request: HostRequest) -> Host:
    network = FCBFormer(create_encoder(request), request.in_channels, request.classes)
    return host_on_encoder(network, request)
