"""Hosts of other libraries, adapted to any image size and number of channels."""

from typing import Any, Literal

import segmentation_models_pytorch as smp
import timm
from torch import nn
from torchvision.models import segmentation

from foveate.attention.options import at_least
from foveate.errors import UserError, choose
from foveate.models.host import Host
from foveate.models.hosts.pretrained import adapt_channels
from foveate.models.hosts.registry import HostRequest, host, types_of
from foveate.models.names import SMP_HOSTS

# Arguments that create_model sets itself, or that change the output to something other than logits.
_NOT_OPTIONS = {
    "encoder_name",
    "encoder_weights",
    "in_channels",
    "classes",
    "activation",
    "aux_params",
    "kwargs",
}
# Types narrower than in the signature: other values fail only when the network runs.
_NARROWED = {"decoder_interpolation": Literal["nearest", "nearest-exact", "bilinear", "bicubic", "area"]}


def _smp(request: HostRequest, **options: Any) -> Host:
    arch, encoder_name = request.arch, request.encoder_name
    for name, value in options.items():
        if name.endswith("channels"):
            for count in [value] if isinstance(value, int) else value:
                at_least(1, name, count)
    # dynamic_img_size interpolates the position embeddings of a vision transformer for any image size. DPT
    # halves and doubles its grid of patches once, so that images are padded to twice the patch size.
    dynamic = {"dynamic_img_size": True} if arch == "dpt" else {}
    try:
        network = smp.MODEL_ARCHITECTURES_MAPPING[arch](
            encoder_name,
            encoder_weights=request.download,
            in_channels=request.in_channels,
            classes=request.classes,
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
    return Host(network, request.config, multiple, smallest, encoder="encoder")


for name in SMP_HOSTS:
    types = types_of(smp.MODEL_ARCHITECTURES_MAPPING[name].__init__)
    known = {key: kind for key, kind in types.items() if key not in _NOT_OPTIONS}
    options = {key: _NARROWED.get(key, kind) for key, kind in known.items()}
    host(name, options=options, encoder="tu-vit_tiny_patch16_224" if name == "dpt" else "resnet18")(_smp)


@host("fcn_torchvision", encoder="resnet50")
def _fcn_torchvision(request: HostRequest) -> Host:
    build = getattr(segmentation, f"fcn_{request.encoder_name}")
    weights = "IMAGENET1K_V1" if request.download else None
    network = build(weights=None, weights_backbone=weights, num_classes=request.classes, aux_loss=False)
    network.backbone.conv1 = _adapted(network.backbone.conv1, request.in_channels, keep=bool(weights))
    return Host(network, request.config, encoder="backbone")


@host("classifier")
def _classifier(
    request: HostRequest,
    stem: str = "full",
    stages: int | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
) -> Host:
    choose(stem, ("full", "small"), "stem")
    rates = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
    rates = {name: rate for name, rate in rates.items() if rate is not None}
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise UserError(f"{name}={rate!r}: expected a probability from 0 to below 1")
    arguments = dict(
        pretrained=request.download is not None,
        in_chans=request.in_channels,
        num_classes=request.classes,
        **rates,
    )
    try:
        try:
            network = timm.create_model(request.encoder_name, dynamic_img_size=True, **arguments)
        except TypeError:  # a model without the argument dynamic_img_size
            network = timm.create_model(request.encoder_name, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"timm cannot build {request.encoder_name} with {arguments}: {error}") from error
    if stem == "small":
        _shrink_stem(network, request.encoder_name)
    if stages is not None:
        _keep_stages(network, request, stages)
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", 1)
    multiple = max(patch) if isinstance(patch, tuple) else int(patch)
    head = network.default_cfg["classifier"]
    head = head if isinstance(head, str) else head[0]
    return Host(network, request.config, multiple, head=head, task="classification")


def _keep_stages(network: nn.Module, request: HostRequest, stages: int) -> None:
    """Leave the last stages of a ResNet out: what is left sees less of the image."""
    if not isinstance(network, timm.models.ResNet):
        raise UserError(
            f"stages={stages} is for timm's ResNets, which {request.encoder_name} is not; leave it out"
        )
    if not 1 <= stages <= 4:
        raise UserError(f"stages={stages}: a ResNet has 1 to 4 stages")
    for number in range(stages + 1, 5):
        setattr(network, f"layer{number}", nn.Identity())
    network.feature_info = network.feature_info[: stages + 1]
    network.num_features = network.feature_info[-1]["num_chs"]
    network.reset_classifier(request.classes)


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
