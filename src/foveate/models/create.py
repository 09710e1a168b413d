"""Build a host by name (segmentation_models_pytorch, torchvision, timm, or a paper's) and attach an arm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import timm

from foveate.errors import UserError, choose
from foveate.models.attaching.attach import attach
from foveate.models.host import Host
from foveate.models.hosts.pretrained import (
    Weights,
    imagenet_at_hand,
    load_encoder_weights,
    normalisation,
    resolve_weights,
)
from foveate.models.hosts.registry import HOSTS, HostRequest, check_options
from foveate.models.names import encoder_names, host_names
from foveate.shelves import import_shelf
from foveate.specs.arm import Arm, parse_arm
from foveate.specs.model import ModelSpec

import_shelf(f"{__package__}.hosts")


def default_encoder(arch: str, /, **options: Any) -> str:
    """Return the default encoder of a host, or "none" if it has no choice of encoder.

    It may depend on the host's options. An `arch` that is not a host is taken as a timm name, and returned.

    >>> default_encoder("unet"), default_encoder("fcbformer"), default_encoder("attention56")
    ('resnet18', 'tu-pvt_v2_b3', 'none')
    """
    return HOSTS[arch].encoder(**options) if arch in HOSTS else arch.removeprefix("timm/")


def published_with_one_logit(arch: str) -> bool:
    """Return whether a host was published with one logit for two classes.

    >>> published_with_one_logit("fcbformer"), published_with_one_logit("unet")
    (True, False)
    """
    return arch in HOSTS and HOSTS[arch].one_logit


def resolve_encoder(spec: ModelSpec) -> ModelSpec:
    """Return the spec with the encoder and its weights named where it says "auto".

    >>> resolve_encoder(ModelSpec("fcbformer", encoder_weights="none")).encoder
    'tu-pvt_v2_b3'
    """
    encoder, weights = spec.encoder, spec.encoder_weights
    if encoder == "auto":
        encoder = default_encoder(spec.arch, **spec.options)
    if weights == "auto":
        arch = spec.arch if spec.arch in HOSTS else "classifier"
        weights = "imagenet" if encoder != "none" and imagenet_at_hand(arch, encoder) else "none"
    return replace(spec, encoder=encoder, encoder_weights=weights)


def create_model(
    arch: str = "unet",
    encoder_name: str = "auto",
    encoder_weights: Weights = None,
    in_channels: int = 3,
    classes: int = 2,
    arm: str | Arm | Sequence[str | Arm] | None = None,
    gate: str = "zero",
    one_logit: bool = False,
    **options: Any,
) -> Host:
    """Build a host and attach an arm; arguments as in segmentation_models_pytorch.

    `model(image)` takes images `b in_channels h w` in [0, 1] of any size and returns logits `b classes h w`
    at that size, or `b classes` for classifiers.

    Args:
        arch: one of `host_names()`, or the name of a timm classifier ("resnet18", "timm/resnet18")
        encoder_name: "auto" for the host's default, which is resnet18 or the published encoder (see
            `default_encoder`); one of `encoder_names()`; or "tu-" and a timm name. Exceptions: arch="dpt"
            takes a vision transformer, "fcn_torchvision" resnet50 or resnet101, "classifier" any timm name
        encoder_weights: None or "none" (random weights, no network access); "imagenet" or another name of
            the encoder's weights (downloaded once); or the path of a .safetensors file
        in_channels: number of image channels; 3 is RGB. The pretrained first layer is adapted: its weights
            are summed over RGB for one channel and repeated for more. The normalisation is averaged over RGB
            for one channel and repeated for more
        classes: number of logits
        arm, gate: see `attach`; gate is "zero" or "none". By default no arm is attached, except for
            smooth_unet, which was published with "smooth@encoder5"
        one_logit: the network has one logit z for two classes; the model returns the logits 0 and z, whose
            softmax is the sigmoid of z (see `published_with_one_logit`)
        options: options of the host, in JSON types: `decoder_channels=`, `encoder_depth=`, ... of unet and
            similar hosts; head="8s", "16s" or "32s" and `hidden=` of fcn; form="as_drawn" or "as_coded" and
            `attention=` of mssa; `modules=`, `depths=`, `p=`, `t=`, `r=`, `mask=`, `learning=` of attention56
            and similar hosts; stem="small" of timm's ResNets (3x3 without stride or pooling, for images of
            about 32 pixels)

    Raises `UserError` for an unknown name or argument, with the nearest match, and for a wrong option type.

    >>> import torch
    >>> model = create_model("unet", "resnet18", classes=3, arm="cbam@decoder")
    >>> model(torch.rand(1, 3, 33, 50)).shape
    torch.Size([1, 3, 33, 50])
    """
    arch, encoder_name = _resolve(arch, encoder_name, options)
    for what, value in (("in_channels", in_channels), ("classes", classes)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UserError(f"{what} is a whole number of at least 1; got {value!r}")
    if one_logit and classes != 2:
        raise UserError(f"one_logit is for two classes; got classes={classes}")
    pretrained = resolve_weights(encoder_weights, arch, encoder_name)
    mean, std = normalisation(encoder_name, pretrained, in_channels, timm_name=_timm_name(arch, encoder_name))
    config = {
        "arch": arch,
        "encoder_name": encoder_name,
        "in_channels": in_channels,
        "classes": classes,
        "options": options,
        "mean": mean,
        "std": std,
        **({"one_logit": True} if one_logit else {}),
    }
    download = pretrained if isinstance(pretrained, str) else None
    request = HostRequest(arch, encoder_name, download, in_channels, 1 if one_logit else classes, config)
    model = HOSTS[arch].build(request, **options)
    if pretrained is not None and download is None:
        load_encoder_weights(model, pretrained)
    return attach(model, parse_arm(HOSTS[arch].arm if arm is None else arm), gate)


def check_no_arguments(options: Mapping[str, Any]) -> None:
    """Raise `UserError` for options of a host that are arguments of `create_model`, such as arm.

    >>> check_no_arguments({"arm": "cbam@decoder"})
    Traceback (most recent call last):
    foveate.errors.UserError: 'arm' is no option of a host; it is set beside the options
    """
    for name in signature(create_model).parameters:
        if name in options:
            raise UserError(f"'{name}' is no option of a host; it is set beside the options")


def _resolve(arch: str, encoder_name: str, options: dict[str, Any]) -> tuple[str, str]:
    timm_name = arch.removeprefix("timm/")
    if arch not in HOSTS and (arch.startswith("timm/") or timm.is_model(_base(timm_name))):
        arch, encoder_name = "classifier", timm_name
    check_options(choose(arch, host_names(), "arch"), options)
    default = default_encoder(arch, **options)
    if encoder_name == "auto":
        encoder_name = default
    if default == "none":
        if encoder_name != "none":
            raise UserError(f"{arch} has no choice of encoder; leave out the encoder '{encoder_name}'")
    elif arch == "fcn_torchvision":
        choose(encoder_name, ("resnet50", "resnet101"), f"encoder of {arch}")
    elif arch == "classifier" or encoder_name.startswith("tu-"):
        name = _base(encoder_name.removeprefix("tu-"))
        if not timm.is_model(name):
            choose(name, timm.list_models(), "timm model")
    elif arch == "dpt":
        raise UserError(f"dpt needs a vision transformer, such as {default}; got '{encoder_name}'")
    else:
        choose(encoder_name, encoder_names(), "encoder (or tu- and a timm name)")
    if arch == "classifier":
        encoder_name = encoder_name.removeprefix("tu-")
    return arch, encoder_name


def _base(name: str) -> str:
    return name.partition(".")[0]


def _timm_name(arch: str, encoder_name: str) -> str | None:
    return (
        encoder_name.removeprefix("tu-") if arch == "classifier" or encoder_name.startswith("tu-") else None
    )
