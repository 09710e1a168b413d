"""Pretrained encoder weights: from a safetensors file, without network access, or downloaded once by name.

Without a network, an error is raised within seconds; the libraries alone would retry for half a minute.
"""

import re
from functools import cache
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
import torch
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import get_weight

from foveate.errors import UserError, choose
from foveate.files import make_cache
from foveate.models.host import Host
from foveate.online import unreachable_reason

Weights = str | Path | None
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def resolve_weights(weights: Weights, arch: str, encoder_name: str) -> Path | str | None:
    """Return None, the path of a weights file, or the name of weights that are cached or can be downloaded.

    Raises `UserError` for a name that the encoder does not have, for a missing file, and without a network.
    """
    if weights is None or str(weights).lower() == "none":
        return None
    if isinstance(weights, Path) or "/" in weights or Path(weights).suffix:
        path = Path(weights)
        if path.suffix != ".safetensors":
            raise UserError(f"encoder weights {path}: expected a .safetensors file (pickles are not read)")
        if not path.is_file():
            raise UserError(f"encoder weights {path}: there is no such file")
        return path
    require_download(weights, arch, encoder_name)
    return weights


@cache
def imagenet_at_hand(arch: str, encoder_name: str) -> bool:
    """Whether an encoder's ImageNet weights are in the cache or can be downloaded; asked once a process."""
    try:
        require_download("imagenet", arch, encoder_name)
    except UserError:
        return False
    return True


def require_download(weights: str, arch: str, encoder_name: str) -> None:
    """Raise a `UserError` unless an encoder's weights are cached or can be downloaded into the cache."""
    cache, variable = Path(constants.HF_HUB_CACHE), "HF_HOME"
    if encoder_name == "none":
        raise UserError(f"{arch} has no encoder with weights '{weights}'; use encoder_weights=None")
    if arch == "fcn_torchvision":
        choose(weights, ("imagenet",), f"weights of {encoder_name}")
        url = get_weight(f"ResNet{encoder_name.removeprefix('resnet')}_Weights.IMAGENET1K_V1").url
        cache, variable = Path(torch.hub.get_dir(), "checkpoints"), "TORCH_HOME"
        cached = any(cache.glob(f"{encoder_name}-*.pth"))
    elif arch == "classifier" or encoder_name.startswith("tu-"):
        choose(weights, ("imagenet",), f"weights of {encoder_name}")
        cfg = timm.get_pretrained_cfg(encoder_name.removeprefix("tu-"))
        if cfg is None or not cfg.has_weights:
            raise UserError(f"timm has no pretrained weights for {encoder_name}; use encoder_weights=None")
        url = hf_hub_url(cfg.hf_hub_id, "config.json") if cfg.hf_hub_id else cfg.url
        cached = bool(cfg.hf_hub_id) and _in_cache(cfg.hf_hub_id, "model.safetensors", None)
    else:
        encoders = smp.encoders.encoders
        settings = encoders[choose(encoder_name, encoders, "encoder")]["pretrained_settings"]
        source = settings[choose(weights, settings, f"weights of {encoder_name}")]
        url = hf_hub_url(source["repo_id"], "config.json", revision=source["revision"])
        files = ("config.json", "model.safetensors")
        cached = all(_in_cache(source["repo_id"], file, source["revision"]) for file in files)
    if cached:
        return
    if reason := "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable_reason(url):
        raise UserError(
            f"cannot download the {weights} weights of {encoder_name}: {reason}; use encoder_weights=None "
            "(--encoder-weights none) or the path of a .safetensors file, or run once with a network"
        )
    make_cache(cache, variable)


def normalisation(
    encoder_name: str, weights: Path | str | None, in_channels: int, timm_name: str | None
) -> tuple[list[float], list[float]]:
    """Return the mean and standard deviation of each input channel, for images in [0, 1].

    They are timm's for timm's models, those published with downloaded weights, and ImageNet's otherwise.
    For one channel they are averaged over RGB; for more than three, RGB is repeated.
    """
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if timm_name is not None:
        cfg = timm.get_pretrained_cfg(timm_name)
        if cfg is not None and len(cfg.mean) == 3:
            mean, std = cfg.mean, cfg.std
    elif isinstance(weights, str) and encoder_name in smp.encoders.encoders:
        settings = smp.encoders.encoders[encoder_name]["pretrained_settings"]
        if weights in settings:
            params = smp.encoders.get_preprocessing_params(encoder_name, weights)
            top = float(params["input_range"][1])
            mean, std = ([value / top for value in params[key]] for key in ("mean", "std"))
    return _repeat_rgb(mean, in_channels), _repeat_rgb(std, in_channels)


def load_encoder_weights(model: Host, path: str | Path) -> Host:
    """Load encoder weights from a safetensors file in torchvision's, timm's or smp's layout into the model.

    The first convolution is adapted to the model's in_channels: its weights are summed over RGB for one
    channel, and repeated and scaled by 3 / in_channels for more. A classifier in the file is ignored. Raises
    `UserError` if the file is damaged, or if a tensor of the encoder is missing or has another shape.
    """
    path = Path(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"encoder weights {path}: not a readable safetensors file ({error})") from error
    encoder = model.network.get_submodule(model.encoder)
    own = encoder.state_dict()
    if model.head:
        own = {key: value for key, value in own.items() if not key.startswith(f"{model.head}.")}
    state = max((layout(tensors) for layout in _LAYOUTS), key=lambda state: len(state.keys() & own.keys()))
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    if missing:
        raise UserError(
            f"encoder weights {path}: {len(missing)} of {len(own)} tensors of the encoder are not in the "
            f"file (the first is {missing[0]}); is the file for another encoder?"
        )
    state = {key: _adapted(key, state[key], value, path) for key, value in own.items() if key in state}
    encoder.load_state_dict(state, strict=False)
    return model


def adapt_channels(weight: Tensor, in_channels: int) -> Tensor:
    """Adapt the weight `o 3 kh kw` of a first convolution to another number of input channels.

    >>> adapt_channels(torch.ones(8, 3, 7, 7), 1).sum() == adapt_channels(torch.ones(8, 3, 7, 7), 4).sum()
    tensor(True)
    """
    if in_channels == 1:
        return weight.sum(1, keepdim=True)
    return weight[:, [channel % 3 for channel in range(in_channels)]] * (3 / in_channels)


def _adapted(key: str, tensor: Tensor, target: Tensor, path: Path) -> Tensor:
    if tensor.ndim == 4 == target.ndim and tensor.shape[1] == 3 != target.shape[1]:
        tensor = adapt_channels(tensor, target.shape[1])
    if tensor.shape != target.shape:
        raise UserError(
            f"encoder weights {path}: {key} has the shape {tuple(tensor.shape)}, "
            f"the encoder's is {tuple(target.shape)}"
        )
    return tensor


def _strip(prefix: str):
    return lambda state: {key.removeprefix(prefix): value for key, value in state.items()}


def _flat(state: dict[str, Tensor]) -> dict[str, Tensor]:
    # The keys of timm's feature extractors (smp's "tu-" encoders): layer1.0.x becomes model.layer1_0.x.
    return {"model." + re.sub(r"^(\w+)\.(\d+)\.", r"\1_\2.", key): value for key, value in state.items()}


_LAYOUTS = (
    _strip(""),
    _strip("encoder."),
    _strip("model."),
    _strip("network.encoder."),
    _strip("network."),
    _strip("backbone."),
    lambda state: {f"model.{key}": value for key, value in state.items()},
    _flat,
)


def _repeat_rgb(rgb: tuple[float, ...], channels: int) -> list[float]:
    if channels == 1:
        return [sum(rgb) / 3]
    return [float(rgb[channel % 3]) for channel in range(channels)]


def _in_cache(repo: str, file: str, revision: str | None) -> bool:
    return isinstance(try_to_load_from_cache(repo, file, revision=revision), str)
