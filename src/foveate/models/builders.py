"""The works' hosts: their sizes, their options, and the encoders they stand on."""

from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from foveate.attention.options import at_least
from foveate.errors import UserError, choose

from .fcbformer import FCBFormer
from .fcn import FCN, HEADS
from .host import Host
from .mssa_net import MSSACoded, MSSADrawn
from .registry import Wanted, host
from .residual_attention import ResidualAttentionNetwork
from .smooth_unet import SmoothUNet

_IMAGENET = {"depths": (3, 2, 1), "widths": (256, 512, 1024, 2048)}
_CIFAR = {"depths": (2, 2, 1), "widths": (64, 128, 256, 256), "stem": "cifar"}
_RESIDUAL_ATTENTION: dict[str, dict[str, Any]] = {
    "attention56": {"modules": (1, 1, 1), **_IMAGENET},
    "attention92": {"modules": (1, 2, 3), **_IMAGENET},
    "attention92_cifar": {"modules": (2, 2, 2), **_CIFAR},
    "attention236_cifar": {"modules": (6, 6, 6), **_CIFAR},
    "attention452_cifar": {"modules": (6, 6, 6), **_CIFAR, "p": 2, "t": 4, "r": 3},
}
_RESIDUAL_ATTENTION_OPTIONS = {
    "modules": Sequence[int],
    "depths": Sequence[int],
    "p": int,
    "t": int,
    "r": int,
    "mask": str,
    "learning": str,
}
_FORMS = {"as_drawn": "none", "as_coded": "resnet18"}
"""The forms of mssa, and the encoder that each has of its own."""


@host("smooth_unet", arm="smooth@encoder5")
def _smooth_unet(wanted: Wanted) -> Host:
    return _on_encoder(SmoothUNet(_encoder(wanted), wanted.classes), wanted)


@host("fcn")
def _fcn(wanted: Wanted, head: str = "8s", hidden: int | None = None) -> Host:
    choose(head, HEADS, "head of fcn")
    if hidden is None:
        hidden = 4096 if wanted.encoder_name.startswith("vgg") else 0
    hidden = at_least(0, "hidden", hidden)
    return _on_encoder(FCN(_encoder(wanted), wanted.classes, head, hidden), wanted)


@host("fcbformer", encoder="tu-pvt_v2_b3")
def _fcbformer(wanted: Wanted) -> Host:
    network = FCBFormer(_encoder(wanted), wanted.in_channels, wanted.classes)
    return _on_encoder(network, wanted)


@host("mssa", encoder=lambda form="as_drawn", **options: _FORMS.get(str(form), "none"))
def _mssa(wanted: Wanted, form: str = "as_drawn", attention: bool = True) -> Host:
    sizes = wanted.in_channels, wanted.classes, attention
    if choose(form, _FORMS, "form of mssa") == "as_coded":
        return _on_encoder(MSSACoded(_encoder(wanted), *sizes), wanted)
    network = MSSADrawn(*sizes)
    return Host(network, wanted.config, network.encoder.output_stride, encoder="encoder")


@host(*_RESIDUAL_ATTENTION, options=_RESIDUAL_ATTENTION_OPTIONS, encoder="none")
def _residual_attention(wanted: Wanted, **options: Any) -> Host:
    published = _RESIDUAL_ATTENTION[wanted.arch]
    sizes = published | options
    for name, example in (("modules", [0, 0, 0]), ("depths", [3, 2, 1])):
        given, stages = sizes[name], len(published[name])
        if len(given) != stages:
            expected = f"expected {stages} whole numbers, one a stage, such as {example}"
            raise UserError(f"{name}={given!r}: {expected}")
    for count in sizes["modules"]:
        at_least(0, "modules", count)
    network = ResidualAttentionNetwork(wanted.in_channels, wanted.classes, **sizes)
    return Host(network, wanted.config, head="fc", task="classification")


def _encoder(wanted: Wanted) -> nn.Module:
    """An encoder of segmentation_models_pytorch with features at strides 1 to 32."""
    try:
        encoder = smp.encoders.get_encoder(
            wanted.encoder_name, in_channels=wanted.in_channels, weights=wanted.download
        )
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, AssertionError) as error:
        raise UserError(
            f"{wanted.arch} cannot be built with the encoder {wanted.encoder_name}: {error}"
        ) from error
    return encoder


def _on_encoder(network: nn.Module, wanted: Wanted) -> Host:
    return Host(network, wanted.config, multiple=32, encoder="encoder")
