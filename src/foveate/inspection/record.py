"""Record the attention maps of a model, for each forward pass inside a `with` block."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from foveate.attention.maps import AttentionMap
from foveate.attention.registry import imported_classes
from foveate.errors import UserError
from foveate.inspection.own_attention import own_attention, watch_own_attention
from foveate.models.attaching.attach import attached

Queries = Int64[Tensor, " q"] | Callable[[int, int], Int64[Tensor, " q"]]


@dataclass(repr=False)
class Recording:
    """Attention maps by label, such as "cbam@decoder": one tuple a forward pass, detached and on the CPU.

    `passes["cbam@decoder"][i]` holds the maps of pass i in order of application; `maps` those of the last
    pass. With `record(features=True)`, `features` holds (inputs, output) of each module, one pair a pass.
    """

    passes: dict[str, list[tuple[AttentionMap, ...]]] = field(default_factory=dict)
    features: dict[str, list[tuple[tuple[Tensor, ...], Tensor]]] = field(default_factory=dict)

    @property
    def maps(self) -> dict[str, tuple[AttentionMap, ...]]:
        """The maps of the last forward pass."""
        return {name: passes[-1] for name, passes in self.passes.items() if passes}

    def __repr__(self) -> str:
        """The maps of the last pass by kind and shape, without their values."""
        shown = "; ".join(
            f"{name}: " + ", ".join(f"{type(m).__name__} {'x'.join(map(str, m.values.shape))}" for m in maps)
            for name, maps in self.maps.items()
        )
        count = max(map(len, self.passes.values()), default=0)
        return f"Recording({count} pass{'es' * (count != 1)}{'; ' + shown if shown else ''})"


@contextmanager
def record(model: nn.Module, queries: Queries | None = None, features: bool = False) -> Iterator[Recording]:
    """Record the maps of all attention in `model` (see `attention_of`) while the block runs.

    A forward hook passes each module's input to its `weights`, without gradients. The model's output does not
    change. All hooks are removed when the block ends, also after an exception.

    queries: flat positions (row * width + column) in the module's feature map from which pairwise attention
    is recorded, or a function of a map's height and width that returns them; by default the centres of the
    map and of its quadrants. features: whether to keep each module's inputs and output, too; not for a
    transformer's own attention, whose maps are `SelfAttentionMap`s.

    Raises `UserError` for a model without attention.

    >>> from foveate.models.attaching.attach import attach
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    >>> model = attach(model, "se@0(reduction=2)", example=torch.rand(1, 3, 4, 4))
    >>> with record(model) as recording:
    ...     _ = model(torch.rand(2, 3, 4, 4))
    >>> recording
    Recording(1 pass; se@0: ChannelMap 2x8)
    >>> recording.maps["se@0"][0].values.shape
    torch.Size([2, 8])
    """
    modules, attached_ones = attention_of(model), mechanisms(model)
    if not modules:
        raise UserError(
            "the model has no attached attention, and none of its own, so there is nothing to record; attach "
            "an arm first"
        )
    recording = Recording({name: [] for name in modules}, {name: [] for name in attached_ones if features})
    with ExitStack() as hooks:
        if not attached_ones:
            watching = watch_own_attention(model, modules, recording.passes, partial(_chosen, queries))
            hooks.enter_context(watching)
        for name, module in attached_ones.items():
            features_of_module = recording.features.get(name)
            hook = _recording_hook(recording.passes[name], features_of_module, queries)
            handle = module.register_forward_hook(hook)
            hooks.callback(handle.remove)
        yield recording


def attention_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return what `record` records, by label: `mechanisms`, or a transformer's own attention without them."""
    return mechanisms(model) or own_attention(model)


def mechanisms(model: nn.Module) -> dict[str, nn.Module]:
    """Return the attention modules of a model by label.

    First those that `attach` added, such as "cbam@decoder", then those that are part of the model itself, by
    name and submodule, such as "residual@stage2.0".

    >>> from foveate.attention.registry import create_attention
    >>> list(mechanisms(nn.Sequential(nn.Conv2d(3, 8, 1), create_attention("se", 8, reduction=2))))
    ['se@1']
    """
    modules = attached(model)
    names = imported_classes()
    searched = ["attached"]
    for path, module in model.named_modules():
        if type(module) in names and not any(path == p or path.startswith(f"{p}.") for p in searched):
            searched.append(path)
            modules[f"{names[type(module)]}@{path.removeprefix('network.')}"] = module
    return modules


def spread_queries(height: int, width: int) -> Int64[Tensor, " q"]:
    """Return the flat positions of the centres of a map and of its quadrants, in order, without duplicates.

    >>> spread_queries(4, 8).tolist()
    [10, 14, 20, 26, 30]
    """
    places = [(0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    flat = {int(height * y) * width + int(width * x) for y, x in places}
    return torch.tensor(sorted(flat))


def _recording_hook(
    passes: list[tuple[AttentionMap, ...]],
    features: list[tuple[tuple[Tensor, ...], Tensor]] | None,
    queries: Queries | None,
) -> Callable[[nn.Module, tuple, Tensor], None]:
    recording = False

    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        # `weights` may call the module itself, which must not be recorded.
        nonlocal recording
        if recording:
            return
        recording = True
        try:
            passes.append(_compute_maps(module, args, queries))
            if features is not None:
                features.append((tuple(x.detach().cpu() for x in args), output.detach().cpu()))
        finally:
            recording = False

    return hook


@torch.no_grad()
def _compute_maps(
    module: nn.Module, args: tuple[Tensor, ...], queries: Queries | None
) -> tuple[AttentionMap, ...]:
    training = {m: m.training for m in module.modules()}
    inputs = [x.detach() for x in args]
    # Queries are positions of the input map, unless the module defines another grid, such as one of patches.
    grid = module.query_grid(inputs[0]) if hasattr(module, "query_grid") else inputs[0].shape[-2:]
    chosen = _chosen(queries, *grid)
    try:
        # Evaluation mode leaves batch statistics unchanged.
        maps = module.eval().weights(*inputs, queries=chosen.to(inputs[0].device))
        return tuple(_on_cpu(m) for m in maps)
    finally:
        for m, mode in training.items():
            m.training = mode


def _chosen(queries: Queries | None, height: int, width: int) -> Int64[Tensor, " q"]:
    return queries if isinstance(queries, Tensor) else (queries or spread_queries)(height, width)


def _on_cpu(attention: AttentionMap) -> AttentionMap:
    tensors = {f.name: getattr(attention, f.name) for f in fields(attention)}
    return replace(attention, **{n: t.detach().cpu() for n, t in tensors.items() if isinstance(t, Tensor)})
