"""The one list of mechanisms under test: an entry here is all that a new attention needs besides its file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from foveate.attention.maps import (
    AttentionMap,
    ChannelMap,
    ChannelPairsMap,
    MaskMap,
    MemoryMap,
    PairwiseMap,
    SpatialMap,
)
from foveate.attention.registry import create_attention
from foveate.attention.smoothed_map import SmoothedMap

from . import naive, naive_gates, naive_pairwise, naive_residual


@dataclass(frozen=True)
class Case:
    name: str
    naive: Callable[[nn.Module, Tensor], Tensor]
    kinds: tuple[type[AttentionMap], ...]
    apply: Callable[..., Tensor]
    """(module, x, *maps) -> what forward must give, with the attention taken from the maps."""
    options: dict[str, object] = field(default_factory=dict)
    least: float = 0.0
    """No value of a map lies below."""

    def create(self, channels: int = 8, dtype: torch.dtype = torch.float32) -> nn.Module:
        """The module away from its start: gates of its own open, statistics not at their defaults."""
        torch.manual_seed(0)
        module = create_attention(self.name, channels, **self.options)
        norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d | nn.LayerNorm)]
        around_one = {id(getattr(norm, n, None)) for norm in norms for n in ("weight", "running_var")}
        around_zero = {id(getattr(norm, n, None)) for norm in norms for n in ("bias", "running_mean")}
        with torch.no_grad():
            for name, value in [*module.named_parameters(), *module.named_buffers()]:
                if id(value) in around_one or name.endswith("gamma"):
                    value.copy_(torch.rand_like(value) + 0.5)
                elif id(value) in around_zero or (isinstance(value, nn.Parameter) and not value.any()):
                    value.copy_(torch.randn_like(value))
        return module.to(dtype)

    def __str__(self) -> str:
        return self.name + "".join(f"-{key}={value}" for key, value in self.options.items())


def scaled(module: nn.Module, x: Tensor, channel: ChannelMap, *spatial: SpatialMap) -> Tensor:
    for one in spatial:
        x = x * one.values[:, None]
    return x * channel.values[:, :, None, None]


def scaled_by_sum(module: nn.Module, x: Tensor, channel: ChannelMap, spatial: SpatialMap) -> Tensor:
    return x * (channel.values[:, :, None, None] + spatial.values[:, None])


def gathered(module: nn.Module, x: Tensor, pairs: PairwiseMap) -> Tensor:
    return naive.self_attention(module, x, pairs.values.squeeze(1))


def masked(module: nn.Module, x: Tensor, mask: MaskMap) -> Tensor:
    return x * mask.values


def masked_and_added(module: nn.Module, x: Tensor, mask: MaskMap) -> Tensor:
    return x + x * mask.values


def passed(module: nn.Module, x: Tensor, spatial: SpatialMap) -> Tensor:
    return x * spatial.values[:, None]


def remembered(module: nn.Module, x: Tensor, memory: MemoryMap) -> Tensor:
    return naive_gates.from_memory(module, x, memory.values)


def with_context(module: nn.Module, x: Tensor, pairs: PairwiseMap, *gate: ChannelMap) -> Tensor:
    if gate:
        return scaled(module, x, *gate)
    contexts = torch.einsum("bqk,bck->bcq", pairs.values[:, 0], x.flatten(2)).view_as(x)
    return naive_gates.with_context(module, x, contexts)


def masked_trunk(module: nn.Module, x: Tensor, mask: MaskMap) -> Tensor:
    return naive_residual.masked(module, x, mask.values)


def added_and_scaled(module: nn.Module, x: Tensor, channel: ChannelMap) -> Tensor:
    return x + scaled(module, x, channel)


def gathered_in_turns(module: nn.Module, x: Tensor, *turns: PairwiseMap) -> Tensor:
    for pairs in turns:
        x = gathered(module, x, pairs)
    return x


def gathered_twice(module: nn.Module, x: Tensor, pairs: PairwiseMap, channels: ChannelPairsMap) -> Tensor:
    return naive_pairwise.dual_from(module, x, pairs.values.squeeze(1), channels.values)


def gathered_in_heads(module: nn.Module, x: Tensor, pairs: PairwiseMap) -> Tensor:
    return naive_pairwise.window_from(module, x, pairs.values)


CASES = (
    Case("smooth", naive.smooth, (SmoothedMap,), gathered, {"threshold": 0.1}),
    Case("smooth", naive.smooth, (SmoothedMap,), gathered, {"threshold": 0.4}),
    Case("smooth", naive.smooth, (SmoothedMap,), gathered, {"threshold": 2.0}),
    Case("nonlocal", naive.nonlocal_, (PairwiseMap,), gathered),
    Case("cbam", naive.cbam, (ChannelMap, SpatialMap), scaled),
    Case("cbam", naive.cbam, (ChannelMap, SpatialMap), scaled, {"reduction": 2, "kernel_size": 3}),
    Case(
        "cbam",
        partial(naive.cbam, spatial_gate=torch.tanh),
        (ChannelMap, SpatialMap),
        scaled,
        {"gates": "sigmoid_tanh"},
        least=-1.0,
    ),
    Case("bam", naive_gates.bam, (MaskMap,), masked_and_added),
    Case("bam", naive_gates.bam_as_coded, (MaskMap,), masked_and_added, {"reduction": 2, "form": "code"}),
    Case("coord", naive_gates.coord, (MaskMap,), masked),
    Case("simam", naive_gates.simam(lambda count: count), (MaskMap,), masked),
    Case("simam", naive_gates.simam(lambda n: max(n - 1, 1)), (MaskMap,), masked, {"variance": "sample"}),
    Case("gate", naive_gates.gate, (SpatialMap,), passed),
    Case("gate", naive_gates.gate, (SpatialMap,), passed, {"reduction": 4, "context": 3}),
    Case("triplet", naive_gates.triplet, (MaskMap,), masked),
    Case("strip", naive_gates.strip, (MaskMap,), masked),
    Case("strip", naive_gates.strip, (MaskMap,), masked, {"kernel_size": 5}),
    Case("external", naive_gates.external, (MemoryMap,), remembered, {"slots": 5}),
    Case("global_context", naive_gates.global_context, (PairwiseMap,), with_context),
    Case(
        "global_context",
        naive_gates.global_context,
        (PairwiseMap, ChannelMap),
        with_context,
        {"fusion": "scale"},
    ),
    Case("se", naive.se, (ChannelMap,), scaled),
    Case("se", naive.se, (ChannelMap,), scaled, {"reduction": 4}),
    Case("eca", naive.eca, (ChannelMap,), scaled),
    Case("eca", naive.eca, (ChannelMap,), scaled, {"kernel_size": 5}),
    Case("scse", naive.scse, (ChannelMap, SpatialMap), scaled_by_sum),
    Case("placebo", naive.placebo, (), lambda module, x: module(x)),
    Case("placebo", naive.placebo, (), lambda module, x: module(x), {"parameters": 5}),
    Case("placebo", naive.placebo, (), lambda module, x: module(x), {"parameters": 650}),
    Case("mssa", naive_residual.mssa, (ChannelMap,), added_and_scaled),
    Case("mssa", naive_residual.mssa, (ChannelMap,), scaled, {"form": "as_coded"}),
    Case("residual", naive_residual.residual("mixed"), (MaskMap,), masked_trunk),
    Case(
        "residual",
        naive_residual.residual("channel"),
        (MaskMap,),
        masked_trunk,
        {"depth": 2, "mask": "channel", "learning": "naive", "p": 0, "t": 1},
        least=-1.0,
    ),
    Case(
        "residual",
        naive_residual.residual("spatial"),
        (MaskMap,),
        masked_trunk,
        {"depth": 3, "mask": "spatial", "r": 2},
    ),
    Case("criss_cross", naive_pairwise.criss_cross, (PairwiseMap, PairwiseMap), gathered_in_turns),
    Case(
        "criss_cross", naive_pairwise.criss_cross, (PairwiseMap,), gathered, {"recurrence": 1, "reduction": 2}
    ),
    Case("dual", naive_pairwise.dual(-1), (PairwiseMap, ChannelPairsMap), gathered_twice),
    Case(
        "dual",
        naive_pairwise.dual(1),
        (PairwiseMap, ChannelPairsMap),
        gathered_twice,
        {"form": "paper", "reduction": 1},
    ),
    Case("swin_window", naive_pairwise.swin_window(0), (PairwiseMap,), gathered_in_heads),
    Case(
        "swin_window",
        naive_pairwise.swin_window(1),
        (PairwiseMap,),
        gathered_in_heads,
        {"window_size": 3, "shifted": True, "heads": 2},
    ),
    Case(
        "swin_window",
        naive_pairwise.swin_window(2),
        (PairwiseMap,),
        gathered_in_heads,
        {"window_size": 4, "shifted": True, "heads": 4},
    ),
)

every_case = pytest.mark.parametrize("case", CASES, ids=str)
first_of_each = list({case.name: case for case in reversed(CASES)}.values())
every_mechanism = pytest.mark.parametrize("case", first_of_each, ids=str)
