"""Every host by name: segmentation_models_pytorch's twelve, torchvision's FCN, and timm's classifiers.

All sizes of encoders are the libraries' own; what each library needs to take any image size stands in its builder.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import segmentation_models_pytorch as smp
import timm
from torch import nn
from torchvision.models import segmentation

from foveate.errors import UserError, choose

from .arms import Arm, parse_arm
from .attach import Gate, attach
from .host import Host
from .pretrained import Weights, adapt_channels, load_encoder_weights, normalisation, read_weights

Builder = Callable[..., Host]
_BUILDERS: dict[str, Builder] = {}
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
    """Register the builder of hosts: `(arch, encoder_name, pretrained, in_channels, classes, config, **options)`."""

    def register(builder: Builder) -> Builder:
        for name in names:
            if name in _BUILDERS:
                raise RuntimeError(f"two hosts are called '{name}'")
            _BUILDERS[name] = builder
        return builder

    return register


def host_names() -> tuple[str, ...]:
    """The values `arch` takes; a bare timm name is understood as arch="classifier" with that encoder.

    >>> {"unet", "deeplabv3plus", "fcn", "classifier"} <= set(host_names())
    True
    """
    return tuple(sorted(_BUILDERS))


def encoder_names() -> tuple[str, ...]:
    """The encoders segmentation hosts take; beside them any timm model as "tu-NAME" (`timm.list_models()`).

    >>> "mobilenet_v2" in encoder_names()
    True
    """
    return tuple(sorted(smp.encoders.get_encoder_names()))


def create_model(
    arch: str = "unet",
    encoder_name: str = "resnet18",
    encoder_weights: Weights = None,
    in_channels: int = 3,
    classes: int = 2,
    arm: str | Arm = "none",
    gate: Gate = "zero",
    **options: Any,
) -> Host:
    """Build a host with an arm attached; arguments as in segmentation_models_pytorch.

    `model(image)` takes images `b in_channels h w` in [0, 1] of any size and returns logits `b classes h w` at that
    size, or `b classes` for classifiers.

    Args:
        arch: one of `host_names()`, or the name of a timm classifier ("resnet18", "timm/resnet18")
        encoder_name: one of `encoder_names()` or "tu-" and a timm name; for arch="dpt" a vision transformer
            ("tu-vit_tiny_patch16_224"), for "fcn" resnet50 or resnet101, for "classifier" any timm name
        encoder_weights: None or "none" (random, never touches the network), "imagenet" or another name the encoder
            has (downloads, once), or the path of a .safetensors file
        in_channels: 3 is RGB. Pretrained first layers are adapted: one channel sums their weights over RGB, more
            channels repeat them; the normalisation takes the mean of RGB for one channel and repeats it for more
        classes: number of logits
        arm, gate: see `attach`
        options: of the host (`decoder_channels=`, `encoder_depth=`, ...; `stem="small"` for timm's ResNets: a 3x3
            stem without stride or pooling, for images of about 32 pixels); JSON types

    Raises `UserError` for unknown names and arguments, with the nearest one.

    >>> import torch
    >>> model = create_model("unet", "resnet18", classes=3, arm="cbam@decoder")
    >>> model(torch.rand(1, 3, 33, 50)).shape
    torch.Size([1, 3, 33, 50])
    """
    arch, encoder_name = _resolve(arch, encoder_name)
    for what, value in (("in_channels", in_channels), ("classes", classes)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UserError(f"{what} is a whole number of at least 1; got {value!r}")
    pretrained = read_weights(encoder_weights, arch, encoder_name)
    mean, std = normalisation(encoder_name, pretrained, in_channels, timm_name=_timm_name(arch, encoder_name))
    config = {
        "arch": arch,
        "encoder_name": encoder_name,
        "in_channels": in_channels,
        "classes": classes,
        "options": options,
        "mean": mean,
        "std": std,
    }
    download = pretrained if isinstance(pretrained, str) else None
    model = _BUILDERS[arch](arch, encoder_name, download, in_channels, classes, config, **options)
    if pretrained is not None and download is None:
        load_encoder_weights(model, pretrained)
    return attach(model, parse_arm(arm), gate)


def _resolve(arch: str, encoder_name: str) -> tuple[str, str]:
    timm_name = arch.removeprefix("timm/")
    if arch not in _BUILDERS and (arch.startswith("timm/") or timm.is_model(_base(timm_name))):
        arch, encoder_name = "classifier", timm_name
    choose(arch, host_names(), "arch")
    if arch == "classifier" or encoder_name.startswith("tu-"):
        choose(_base(encoder_name.removeprefix("tu-")), timm.list_models(), "timm model")
    elif arch == "dpt":
        raise UserError(
            f"dpt needs a vision transformer, such as tu-vit_tiny_patch16_224; got '{encoder_name}'"
        )
    elif arch == "fcn":
        choose(encoder_name, ("resnet50", "resnet101"), "encoder of fcn")
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
    # Vision transformers of one size take any, with interpolated positions; DPT halves and doubles their grid once,
    # so that images are padded to twice their patch.
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
        network = timm.create_model(encoder_name, dynamic_img_size=True, **arguments)
    except TypeError:  # not a vision transformer of timm's own kind
        network = timm.create_model(encoder_name, **arguments)
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
