"""What attention did: every attached mechanism's maps, for each forward pass inside a `with` block."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from foveate.attention.maps import AttentionMap
from foveate.attention.registry import attention_class, attention_names
from foveate.errors import UserError
from foveate.models.attaching.attach import attached

Queries = Int64[Tensor, " q"] | Callable[[int, int], Int64[Tensor, " q"]]


@dataclass(repr=False)
class Recording:
    """Maps by attachment, such as "cbam@decoder": one tuple a forward pass, detached and on the CPU.

    `passes["cbam@decoder"][i]` are the maps of pass i in order of application; `maps` those of the last pass.
    `features` holds, where they were asked for, all that each module got and what it made of it, in the same
    order.
    """

    passes: dict[str, list[tuple[AttentionMap, ...]]] = field(default_factory=dict)
    features: dict[str, list[tuple[tuple[Tensor, ...], Tensor]]] = field(default_factory=dict)

    @property
    def maps(self) -> dict[str, tuple[AttentionMap, ...]]:
        """The maps of the last forward pass."""
        return {name: found[-1] for name, found in self.passes.items() if found}

    def __repr__(self) -> str:
        """The maps of the last pass by kind and shape, without their values."""
        shown = "; ".join(
            f"{name}: " + ", ".join(f"{type(m).__name__} {'x'.join(map(str, m.values.shape))}" for m in found)
            for name, found in self.maps.items()
        )
        count = max(map(len, self.passes.values()), default=0)
        return f"Recording({count} pass{'es' * (count != 1)}{'; ' + shown if shown else ''})"


@contextmanager
def record(model: nn.Module, queries: Queries | None = None, features: bool = False) -> Iterator[Recording]:
    """Record the maps of all attention in `model` (see `mechanisms`) while the block runs.

    Each module's input is caught by a hook and given to the module's `weights`, without gradients; the
    model's output is what it would be without recording. `queries` are flat positions (row * width + column)
    in the module's own feature map for which pairwise attention is wanted, or a function that gives them for
    the height and width of a map; by default the centre and the centres of the four quadrants. `features`
    also keeps each module's input and output. When the block ends, by an exception too, no hook is left.
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
    modules = mechanisms(model)
    if not modules:
        raise UserError(
            "the model has no attached attention, so there is nothing to record; attach an arm first"
        )
    recording = Recording({name: [] for name in modules}, {name: [] for name in modules if features})
    with ExitStack() as hooks:
        for name, module in modules.items():
            kept = recording.features.get(name)
            handle = module.register_forward_hook(_catch(recording.passes[name], kept, queries))
            hooks.callback(handle.remove)
        yield recording


def mechanisms(model: nn.Module) -> dict[str, nn.Module]:
    """The attention in a model: what `attach` put in, by labels such as "cbam@decoder", then the mechanisms
    that the model itself is built of, by name and submodule, such as "residual@stage2.0".

    >>> from foveate.attention.registry import create_attention
    >>> list(mechanisms(nn.Sequential(nn.Conv2d(3, 8, 1), create_attention("se", 8, reduction=2))))
    ['se@1']
    """
    found = attached(model)
    names = {attention_class(name): name for name in attention_names()}
    inside = ["attached"]
    for path, module in model.named_modules():
        if type(module) in names and not any(path == p or path.startswith(f"{p}.") for p in inside):
            inside.append(path)
            found[f"{names[type(module)]}@{path.removeprefix('network.')}"] = module
    return found


def spread_queries(height: int, width: int) -> Int64[Tensor, " q"]:
    """Flat positions of the centre and of the centres of the four quadrants, each once, in reading order.

    >>> spread_queries(4, 8).tolist()
    [10, 14, 20, 26, 30]
    """
    places = [(0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    flat = {int(height * y) * width + int(width * x) for y, x in places}
    return torch.tensor(sorted(flat))


def _catch(
    passes: list[tuple[AttentionMap, ...]],
    features: list[tuple[tuple[Tensor, ...], Tensor]] | None,
    queries: Queries | None,
) -> Callable[[nn.Module, tuple, Tensor], None]:
    inside = False

    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        # `weights` may call the module itself, which must not be recorded.
        nonlocal inside
        if inside:
            return
        inside = True
        try:
            passes.append(_maps(module, args, queries))
            if features is not None:
                features.append((tuple(x.detach().cpu() for x in args), output.detach().cpu()))
        finally:
            inside = False

    return hook


@torch.no_grad()
def _maps(module: nn.Module, args: tuple[Tensor, ...], queries: Queries | None) -> tuple[AttentionMap, ...]:
    training = {m: m.training for m in module.modules()}
    given = [x.detach() for x in args]
    # Most mechanisms are asked about positions of what they get; the others know what they are asked about.
    grid = module.query_grid(given[0]) if hasattr(module, "query_grid") else given[0].shape[-2:]
    chosen = queries if isinstance(queries, Tensor) else (queries or spread_queries)(*grid)
    try:
        # Evaluation mode: maps are what the trained module computes, and batch statistics stay untouched.
        found = module.eval().weights(*given, queries=chosen.to(given[0].device))
        return tuple(_on_cpu(m) for m in found)
    finally:
        for m, mode in training.items():
            m.training = mode


def _on_cpu(found: AttentionMap) -> AttentionMap:
    tensors = {f.name: getattr(found, f.name) for f in fields(found)}
    return replace(found, **{n: t.detach().cpu() for n, t in tensors.items() if isinstance(t, Tensor)})
