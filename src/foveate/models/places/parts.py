"""What is known of a model's parts from the library it comes from."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from foveate.models.host import Host
from foveate.models.places.reading import NO_HINTS, Hints


@dataclass(frozen=True)
class Stage:
    """A submodule that may return the feature of `encoder{k}`, and what is known of that."""

    k: int
    module: str
    hints: Hints = NO_HINTS


@dataclass(frozen=True)
class ModelParts:
    """Dotted names of a model's parts, as far as its library is known.

    prefix: what the names inside the network start with; network: the name of the part that takes the image;
    encoder: what returns all features as a list; stages: what may return the feature `encoder1`, `encoder2`,
    ..., from fine to coarse, None where the library names none; scope: the part that is searched for them
    then; head: what follows the decoder; logits: what returns the logits; hints: what is known of the output
    of a submodule, `any_hints` of all others.
    """

    prefix: str = ""
    network: str = ""
    encoder: str | None = None
    stages: tuple[Stage, ...] | None = None
    scope: str = ""
    head: str | None = None
    logits: str | None = ""
    hints: dict[str, Hints] = field(default_factory=dict)
    any_hints: Hints = NO_HINTS

    def hints_of(self, module: str) -> Hints:
        return self.hints.get(module, self.any_hints)


def model_parts(model: nn.Module) -> ModelParts:
    prefix, logits = ("network.", "logits") if isinstance(model, Host) else ("", "")
    network = model.network if isinstance(model, Host) else model
    blank = ModelParts(prefix, prefix.rstrip("."), scope=prefix.rstrip("."), logits=logits)
    if hasattr(network, "encoder") and hasattr(network, "segmentation_head"):
        encoder, head = (_first_name(model, prefix + name) for name in ("encoder", "segmentation_head"))
        return replace(blank, encoder=encoder, stages=(), head=head)
    if isinstance(getattr(network, "classifier", None), nn.Sequential) and hasattr(network, "backbone"):
        names = ("relu", "layer1", "layer2", "layer3", "layer4")
        stages = tuple(Stage(k, f"{prefix}backbone.{name}") for k, name in enumerate(names, 1))
        head = f"{prefix}classifier.{len(network.classifier) - 1}"
        if all(hasattr(network.backbone, name) for name in names):
            return replace(blank, stages=stages, head=head)
        return replace(blank, scope=f"{prefix}backbone", head=head)
    info = getattr(network, "feature_info", None)
    if isinstance(info, list):
        return _timm_layout(network, blank, info)
    base = getattr(network, "base_model_prefix", "")  # of transformers: the network below the head
    if base and isinstance(getattr(network, base, None), nn.Module):
        return replace(blank, scope=prefix + base)
    return blank


def _first_name(model: nn.Module, name: str) -> str:
    """The name under which `named_modules` has a submodule that was given several."""
    wanted = model.get_submodule(name)
    return next(first for first, module in model.named_modules() if module is wanted)


def _timm_layout(network: nn.Module, blank: ModelParts, info: list[dict[str, Any]]) -> ModelParts:
    prefix_tokens = getattr(network, "num_prefix_tokens", None)
    last = "b h w c" if getattr(network, "output_fmt", "NCHW") == "NHWC" else None
    shared = Hints(prefix=prefix_tokens, layout=last)
    folds = _folds(network)
    hints = {f"{blank.prefix}blocks.{block}": replace(shared, folds=n) for block, n in folds.items()}
    stages = []
    for entry in info:
        k = round(math.log2(entry["reduction"]))
        module = blank.prefix + _existing(network, entry.get("module", ""))
        known = hints.get(module, shared)
        hints[module] = replace(known, channels=entry["num_chs"], stride=entry["reduction"])
        if 1 <= k <= 5:
            stages.append(Stage(k, module, hints[module]))
    return replace(blank, stages=tuple(stages), hints=hints, any_hints=shared)


def _existing(network: nn.Module, name: str) -> str:
    """The name of a submodule: timm calls the stages of MViTv2 and Twins block.k, which they are not."""
    there = dict(network.named_modules())
    spellings = (name, name.replace("block.", "stages."), name.replace("block.", "blocks."))
    return next((one for one in spellings if one in there), name)


def _folds(network: nn.Module) -> dict[int, int]:
    """How often each block of a Hiera keeps its tokens folded into cells of 2 x 2."""
    schedule: Iterable = getattr(getattr(network, "reroll", None), "schedule", {}).items()
    return {block: len(strides) for block, (strides, _) in schedule}
