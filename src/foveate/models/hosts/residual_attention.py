"""Residual Attention Networks: classifiers of pre-activation units with attention modules between them.

Wang et al., "Residual Attention Network for Image Classification", CVPR 2017,
https://arxiv.org/abs/1704.06904. The network is a stem, three stages, a last stage of three residual units,
batch norm, ReLU, average pooling and one linear layer. A stage is a residual unit, which changes the number
of channels and, from the second stage on, halves the resolution, and then attention modules
(`foveate.attention.residual`).

For ImageNet (table 2 of the paper) the stem is a 7x7 convolution with stride 2 and a max-pool. The stages
have 256, 512, 1024 and 2048 channels, and the masks reach 7x7 from 56, 28 and 14 positions a side. For CIFAR
the paper states only the trunk's depth, 36 m + 20 with m modules per stage. Ours has a stem of a 3x3
convolution to 16 channels; stages with the 64, 128 and 256 channels of ResNet-164 at 32, 16 and 8 positions a
side; 256 channels in the last stage; and masks of two, two and one levels, which come closest to the
published numbers of parameters. docs/hosts.md compares the numbers, per layer where they differ.

`attention115` is the network of the tutorial on cassava leaves, with 115 convolutions: a 5x5 stem to 32
channels with a 2x2 max-pool, stages of 128, 256 and 512 channels with one module each, whose masks have two,
one and one levels, and three units of 1024 channels. Modules and units have the form "tutorial" of
`foveate.attention.residual`. The units of a new stage have their input's number of channels inside, as in the
public code that tutorials follow. No batch norm precedes the pooling. Our choice: initial weights and the
constants of batch norm.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

from foveate.attention.options import at_least, one_of
from foveate.attention.residual import FORMS, ResidualAttention, ResidualUnit, norm_relu
from foveate.errors import UserError
from foveate.models.host import Host
from foveate.models.hosts.registry import HostRequest, host


class ResidualAttentionNetwork(nn.Module):
    """A classifier whose stage k has `modules[k]` attention modules with masks of `depths[k]` levels.

    `widths` are the channels of the stages, the last stage included. `stem` is "imagenet" (stride 4),
    "cifar" (stride 1) or "tutorial" (stride 2). The options are those of `ResidualAttention`: p, t, r, mask,
    learning, form. Images have any size. `feature_info` lists submodules with their channels and strides, as
    in timm's classifiers.

    >>> import torch
    >>> network = ResidualAttentionNetwork(3, 10, (1, 1), (1, 1), (16, 32, 32), "cifar").eval()
    >>> network(torch.rand(1, 3, 17, 12)).shape
    torch.Size([1, 10])
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        modules: Sequence[int],
        depths: Sequence[int],
        widths: Sequence[int],
        stem: str = "imagenet",
        form: str = "paper",
        **options: object,
    ):
        super().__init__()
        imagenet, tutorial = stem == "imagenet", form == "tutorial"
        self.stem, width, stride = _STEMS[stem](in_channels)
        self.feature_info = [{"num_chs": width, "reduction": 2, "module": "stem.activation"}][: int(imagenet)]
        steps = [1, *[2] * (len(modules) - 1), 2 if imagenet else 1]
        stages = []
        for number, (outputs, step) in enumerate(zip(widths, steps, strict=True)):
            first = ResidualUnit(width, outputs, step, width if tutorial else None, form)
            if number < len(modules):
                others = [
                    ResidualAttention(outputs, depth=depths[number], form=form, **options)
                    for _ in range(modules[number])
                ]
            else:
                inner = outputs if tutorial else None
                others = [ResidualUnit(outputs, inner=inner, form=form) for _ in range(2)]
            stages.append(nn.Sequential(first, *others))
            width, stride = outputs, stride * step
            self.feature_info.append({"num_chs": width, "reduction": stride, "module": f"stages.{number}"})
        self.stages = nn.Sequential(*stages)
        self.activation = nn.Identity() if tutorial else norm_relu(width)
        self.pool = SelectAdaptivePool2d(pool_type="avg", flatten=True)
        self.fc = nn.Linear(width, classes)
        self.apply(_initialise)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        return self.fc(self.pool(self.activation(self.stages(self.stem(x)))))


def _imagenet_stem(in_channels: int) -> tuple[nn.Sequential, int, int]:
    """Return the stem, its channels and its stride."""
    conv = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    return nn.Sequential(OrderedDict(conv=conv, activation=norm_relu(64), pool=pool)), 64, 4


def _cifar_stem(in_channels: int) -> tuple[nn.Sequential, int, int]:
    conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
    return nn.Sequential(OrderedDict(conv=conv)), 16, 1


def _tutorial_stem(in_channels: int) -> tuple[nn.Sequential, int, int]:
    conv = nn.Conv2d(in_channels, 32, 5, padding=2)
    pool = nn.MaxPool2d(2, ceil_mode=True)
    return nn.Sequential(OrderedDict(conv=conv, activation=norm_relu(32), pool=pool)), 32, 2


_STEMS = {"imagenet": _imagenet_stem, "cifar": _cifar_stem, "tutorial": _tutorial_stem}


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


_IMAGENET = {"depths": (3, 2, 1), "widths": (256, 512, 1024, 2048)}
_CIFAR = {"depths": (2, 2, 1), "widths": (64, 128, 256, 256), "stem": "cifar"}
_RESIDUAL_ATTENTION: dict[str, dict[str, Any]] = {
    "attention56": {"modules": (1, 1, 1), **_IMAGENET},
    "attention92": {"modules": (1, 2, 3), **_IMAGENET},
    "attention115": {
        "modules": (1, 1, 1),
        "depths": (2, 1, 1),
        "widths": (128, 256, 512, 1024),
        "stem": "tutorial",
        "form": "tutorial",
    },
    "attention92_cifar": {"modules": (2, 2, 2), **_CIFAR},
    "attention236_cifar": {"modules": (6, 6, 6), **_CIFAR},
    "attention452_cifar": {"modules": (6, 6, 6), **_CIFAR, "p": 2, "t": 4, "r": 3},
}
_RESIDUAL_ATTENTION_OPTIONS = {
    "modules": Sequence[int],
    "depths": Sequence[int],
    "widths": Sequence[int],
    "p": int,
    "t": int,
    "r": int,
    "mask": str,
    "learning": str,
    "form": str,
}


@host(
    "attention56",
    "attention92",
    "attention115",
    "attention92_cifar",
    "attention236_cifar",
    "attention452_cifar",
    options=_RESIDUAL_ATTENTION_OPTIONS,
    encoder="none",
)
def _residual_attention(request: HostRequest, **options: Any) -> Host:
    published = _RESIDUAL_ATTENTION[request.arch]
    sizes = published | options
    for name, example in (("modules", [0, 0, 0]), ("depths", [3, 2, 1]), ("widths", [64, 128, 256, 512])):
        values, stages = sizes[name], len(published[name])
        if len(values) != stages:
            expected = f"expected {stages} whole numbers, one per stage, such as {example}"
            raise UserError(f"{name}={values!r}: {expected}")
    one_of(FORMS, "form", sizes.get("form", "paper"))
    for count in sizes["modules"]:
        at_least(0, "modules", count)
    for width in sizes["widths"]:
        at_least(1, "widths", width)
    network = ResidualAttentionNetwork(request.in_channels, request.classes, **sizes)
    return Host(network, request.config, head="fc", task="classification")
