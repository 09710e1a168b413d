"""What is known of a model's parts from the library it comes from."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from foveate.models.host import Host


@dataclass(frozen=True)
class Layout:
    """Dotted names of a model's parts, as far as its library is known."""

    prefix: str = ""
    encoder: str | None = None
    stages: tuple[tuple[str, str], ...] = ()
    head: str | None = None
    logits: str | None = ""


def layout_of(model: nn.Module) -> Layout:
    prefix = "network." if isinstance(model, Host) else ""
    network = model.network if isinstance(model, Host) else model
    logits = "logits" if isinstance(model, Host) else ""
    if hasattr(network, "encoder") and hasattr(network, "segmentation_head"):
        encoder, head = (_first_name(model, prefix + name) for name in ("encoder", "segmentation_head"))
        return Layout(prefix, encoder, (), head, logits)
    if isinstance(getattr(network, "classifier", None), nn.Sequential) and hasattr(network, "backbone"):
        names = ("relu", "layer1", "layer2", "layer3", "layer4")
        stages = tuple((f"encoder{k}", f"{prefix}backbone.{name}") for k, name in enumerate(names, 1))
        return Layout(prefix, None, stages, f"{prefix}classifier.{len(network.classifier) - 1}", logits)
    info = getattr(network, "feature_info", None)
    if isinstance(info, list):
        return Layout(prefix, None, tuple(_timm_stages(info, prefix)), None, logits)
    return Layout(prefix, logits=logits)


def _first_name(model: nn.Module, name: str) -> str:
    """The name under which `named_modules` has a submodule that was given several."""
    wanted = model.get_submodule(name)
    return next(first for first, module in model.named_modules() if module is wanted)


def _timm_stages(info: list[dict], prefix: str) -> Iterable[tuple[str, str]]:
    by_stride = {entry["reduction"]: entry["module"] for entry in info if "module" in entry}
    for stride, module in by_stride.items():
        k = math.log2(stride)
        if k.is_integer() and 1 <= k <= 5:
            yield f"encoder{int(k)}", prefix + module
