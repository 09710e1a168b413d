"""How each host is built, and what its library needs to take any image size and number of channels."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import segmentation_models_pytorch as smp
import timm
from torch import nn
from torchvision.models import segmentation

from foveate.errors import UserError, choose

from .host import Host
from .pretrained import adapt_channels

Builder = Callable[..., Host]
BUILDERS: dict[str, Builder] = {}
# Named by create_model itself, or making the output something else than logits.
_NOT_OPTIONS = {
    "self",
    "encoder_name",
    "encoder_weights",
    "in_channels",
    "classes",
    "activation",
    "aux_params",
    "kwargs",
}
_SMP = dict(smp.MODEL_ARCHITECTURES_MAPPING)


def host(*names: str) -> Callable[[Builder], Builder]:
    """Register a builder: `(arch, encoder_name, download, in_channels, classes, config, **options)`."""

    def register(builder: Builder) -> Builder:
        for name in names:
            if name in BUILDERS:
                raise RuntimeError(f"two hosts are called '{name}'")
            BUILDERS[name] = builder
        return builder

    return register


def _check_options(arch: str, options: dict[str, Any], allowed: Sequence[str]) -> None:
    for name in options:
        choose(name, allowed, f"option of {arch}")


@host(*_SMP)
def _segmentation_models_pytorch(
    arch: str,
    encoder_name: str,
    download: str | None,
    in_channels: int,
    classes: int,
    config: dict,
    **options: Any,
) -> Host:
    parameters = inspect.signature(_SMP[arch].__init__).parameters
    _check_options(arch, options, [name for name in parameters if name not in _NOT_OPTIONS])
    # Vision transformers of one size take any, with interpolated positions; DPT halves and doubles their grid
    # once, so that images are padded to twice their patch.
    dynamic = {"dynamic_img_size": True} if arch == "dpt" else {}
    build = _SMP[arch]
    try:
        network = build(
            encoder_name,
            encoder_weights=download,
            in_channels=in_channels,
            classes=classes,
            **options,
            **dynamic,
        )
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, AssertionError) as error:
        with_options = f" and {options}" if options else ""
        raise UserError(
            f"{arch} cannot be built with the encoder {encoder_name}{with_options}: {error}"
        ) from error
    multiple = network.encoder.output_stride * (2 if arch == "dpt" else 1)
    smallest = 8 * multiple if arch == "pan" else 1  # PAN halves its last feature three times
    return Host(network, config, multiple, smallest, encoder="encoder")


@host("fcn")
def _fcn(
    arch: str,
    encoder_name: str,
    download: str | None,
    in_channels: int,
    classes: int,
    config: dict,
    **options: Any,
) -> Host:
    _check_options(arch, options, ())
    build = getattr(segmentation, f"fcn_{encoder_name}")
    weights = "IMAGENET1K_V1" if download else None
    network = build(weights=None, weights_backbone=weights, num_classes=classes, aux_loss=False)
    network.backbone.conv1 = _adapted(network.backbone.conv1, in_channels, keep=bool(weights))
    return Host(network, config, encoder="backbone")


@host("classifier")
def _classifier(
    arch: str,
    encoder_name: str,
    download: str | None,
    in_channels: int,
    classes: int,
    config: dict,
    stem: str = "full",
    **options: Any,
) -> Host:
    _check_options(arch, options, ("stem", "drop_rate", "drop_path_rate"))
    choose(stem, ("full", "small"), "stem")
    arguments = dict(pretrained=download is not None, in_chans=in_channels, num_classes=classes, **options)
    try:
        try:
            network = timm.create_model(encoder_name, dynamic_img_size=True, **arguments)
        except TypeError:  # not a vision transformer of timm's own kind
            network = timm.create_model(encoder_name, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"timm cannot build {encoder_name} with {arguments}: {error}") from error
    if stem == "small":
        _shrink_stem(network, encoder_name)
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", 1)
    multiple = max(patch) if isinstance(patch, tuple) else int(patch)
    head = network.default_cfg["classifier"]
    return Host(
        network, config, multiple, head=head if isinstance(head, str) else head[0], task="classification"
    )


def _adapted(conv: nn.Conv2d, in_channels: int, keep: bool) -> nn.Conv2d:
    if in_channels == conv.in_channels:
        return conv
    new = nn.Conv2d(
        in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        bias=conv.bias is not None,
    )
    if keep:
        new.weight = nn.Parameter(adapt_channels(conv.weight.detach(), in_channels))
    return new


def _shrink_stem(network: nn.Module, encoder_name: str) -> None:
    conv, pool = getattr(network, "conv1", None), getattr(network, "maxpool", None)
    if not isinstance(conv, nn.Conv2d) or pool is None:
        raise UserError(f"stem='small' is for timm's ResNets, which {encoder_name} is not; leave it out")
    network.conv1 = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
