"""FCBFormer: a pyramid transformer sees what is there, a fully convolutional branch where it ends.

Sanderson, Matuszewski, "FCN-Transformer Feature Fusion for Polyp Segmentation", 2022,
https://arxiv.org/abs/2208.08352.

- transformer branch: the four levels of PVTv2-B3, strides 4 to 32; each passes two residual blocks to 64
  channels and is enlarged to stride 4; from coarse to fine each joins the next by concatenation and two
  residual blocks
- convolutional branch: a U-Net of residual blocks at full size, 32 channels times 1 1 2 2 4 4, two blocks a
  level on the way down and three on the way up, each of which takes one feature of the way down
- both at full size are concatenated, pass two residual blocks, and a 1x1 convolution gives the logits

A residual block is GroupNorm(32), SiLU, 3x3 convolution, twice, beside the identity or a 1x1 convolution.
All enlargement repeats pixels. With PVTv2-B3 and one class there are 52,962,337 parameters, as published:
46,404,544 in the transformer branch, 6,384,800 in the convolutional one, 172,993 after them.

The authors' code fixes the image to 352x352; here sizes follow from the image, whose sides are multiples of
32. `decoder` is the 64 channels that the last 1x1 convolution gets.
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
    """Twice GroupNorm, SiLU and a 3x3 convolution, beside a shortcut.

    >>> ResidualBlock(64, 32)(torch.rand(1, 64, 5, 6)).shape
    torch.Size([1, 32, 5, 6])
    """

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.residual = nn.Sequential(*_normalised(channels, outputs), *_normalised(outputs, outputs))
        self.shortcut = nn.Identity() if outputs == channels else nn.Conv2d(channels, outputs, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b outputs h w"]:
        return self.residual(x) + self.shortcut(x)


def _normalised(channels: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.GroupNorm(GROUPS, channels), nn.SiLU(), nn.Conv2d(channels, outputs, 3, padding=1)


def two_blocks(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(channels, outputs), ResidualBlock(outputs, outputs))


class Pyramid(nn.Module):
    """Features of the encoder's levels, from fine to coarse, become one map of `width` channels.

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
    """A U-Net at full size; every feature of the way down is taken once, in reverse, on the way up.

    `widths` are the channels of its levels, each at half the resolution of the one before.

    >>> ConvolutionalBranch(3, (32, 64))(torch.rand(1, 3, 4, 6)).shape
    torch.Size([1, 32, 4, 6])
    """

    def __init__(self, in_channels: int, widths: tuple[int, ...], blocks: int = 2):
        super().__init__()
        width = widths[0]
        down: list[nn.Module] = [nn.Conv2d(in_channels, width, 3, padding=1)]
        kept = [width]
        for level, outputs in enumerate(widths):
            if level:
                down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                kept.append(width)
            for _ in range(blocks):
                down.append(ResidualBlock(width, outputs))
                kept.append(width := outputs)
        up: list[nn.Module] = []
        self.middle = two_blocks(width, width)
        for level, outputs in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                up.append(ResidualBlock(width + kept.pop(), outputs))
                width = outputs
            if level:
                up[-1] = nn.Sequential(
                    up[-1], nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1)
                )
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b width h w"]:
        kept = []
        for module in self.down:
            kept.append(x := module(x))
        x = self.middle(x)
        for module in self.up:
            x = module(torch.cat([x, kept.pop()], 1))
        return x


class FCBFormer(nn.Module):
    """`encoder`, whose features at strides 4 to 32 are fused with a convolutional branch at full size.

    `width` are the channels of the fused features, `widths` those of the convolutional branch's levels. Sides
    of images are multiples of 32.

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
