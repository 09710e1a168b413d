"""`encoder1` ... `encoder5` of networks that return no list of features: one submodule a stride.

Where the library names its features (timm's `feature_info`), the place is the last that it names at the
stride nearest to 2^k. Where it does not, or names a submodule that is none, it is the last submodule at that
stride on the network's main path, before the map grows again, or any with the channels and the stride that
the library tells (HRNet, whose paths run side by side). In all cases the output must depend on the
map: the patches of a vision transformer's last block do not matter where only the class token is read, so
that the place is the block before it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor, nn

from foveate.models.places.nested import tensors_in
from foveate.models.places.parts import ModelParts, Stage
from foveate.models.places.path import main_path
from foveate.models.places.place import Place, output_place, place_of
from foveate.models.places.probe import Probe
from foveate.models.places.reading import Hints


def stage_places(probe: Probe, parts: ModelParts) -> list[Place]:
    """The encoder places of a probed model, from fine to coarse."""
    if parts.stages is None:
        places = _last_that_matter(probe, _on_main_path(probe, parts))
    else:
        places = _last_that_matter(probe, _named_by_library(probe, parts.stages))
        missing = {stage.k: stage.hints for stage in parts.stages if stage.k not in places}
        if missing:
            main = _on_main_path(probe, parts)
            fitting = {
                k: [one for one in main.get(k, []) if _fits(one, hints)] for k, hints in missing.items()
            }
            places |= _last_that_matter(probe, fitting)
        if missing := {k: hints for k, hints in missing.items() if k not in places}:
            places |= _last_that_matter(probe, _with_hints(probe, parts, missing))
    return [replace(place, name=f"encoder{k}") for k, place in sorted(places.items())]


def why_no_stage(probe: Probe, parts: ModelParts, name: str) -> str | None:
    """Why the submodule that the library names for a stage such as "encoder3" is no place."""
    for stage in parts.stages or ():
        if name == f"encoder{stage.k}" and stage.module in probe.names:
            problem = output_place(probe, name, _blocks_of(probe, stage.module)[-1], stage.hints)
            return f"its submodule '{stage.module}' {problem}" if isinstance(problem, str) else None
    return None


def _named_by_library(probe: Probe, stages: Iterable[Stage]) -> dict[int, list[Place]]:
    candidates: dict[int, list[Place]] = defaultdict(list)
    for stage in stages:
        for name in _blocks_of(probe, stage.module):
            place = output_place(probe, "", name, stage.hints)
            if name and isinstance(place, Place):
                candidates[stage.k].append(place)
    return candidates


def _with_hints(probe: Probe, parts: ModelParts, wanted: dict[int, Hints]) -> dict[int, list[Place]]:
    """All places with the channels and the stride that the library tells of a stage."""
    candidates: dict[int, list[Place]] = defaultdict(list)
    for k, hints in wanted.items():
        for name in _inside(probe, parts.scope):
            place = output_place(probe, "", name, hints)
            if isinstance(place, Place) and _fits(place, hints) and place.stride == hints.stride:
                candidates[k].append(place)
    return _without_next(probe, candidates)


def _without_next(probe: Probe, candidates: dict[int, list[Place]]) -> dict[int, list[Place]]:
    """The candidates without those that are part of the next stage, as long as others are left."""
    return {
        k: [place for place in places if not _steps_down(probe, place)] or places
        for k, places in candidates.items()
    }


def _fits(place: Place, hints: Hints) -> bool:
    return hints.channels is not None and place.channels == hints.channels


def _blocks_of(probe: Probe, module: str) -> list[str]:
    """The submodules of a list, which is never called itself; any other module alone."""
    blocks = probe.names.get(module)
    if isinstance(blocks, nn.ModuleList) and len(blocks):
        return [f"{module}.{index}" for index in range(len(blocks))]
    return [module]


def _on_main_path(probe: Probe, parts: ModelParts) -> dict[int, list[Place]]:
    outputs = [value for _, value in tensors_in(probe.calls(parts.scope)[-1].output)]
    if not outputs or outputs[-1].grad_fn is None:
        return {}
    path = main_path(probe.image, outputs[-1])
    candidates: dict[int, list[Place]] = defaultdict(list)
    coarsest = 1.0
    for name in _inside(probe, parts.scope):
        if not any(value.grad_fn in path for _, value in tensors_in(probe.calls(name)[0].output)):
            continue
        place = output_place(probe, name, name, parts.hints_of(name))
        if isinstance(place, str) or place.stride < 0.75 * coarsest:
            continue
        coarsest = max(coarsest, place.stride)
        k = round(math.log2(place.stride))
        if 1 <= k <= 5:
            candidates[k].append(place)
    return _without_next(probe, candidates)


def _steps_down(probe: Probe, place: Place) -> bool:
    """Whether the place is early in a submodule that takes a map as large and returns a smaller one.

    The stage has ended before: the convolution that widens the first block of the next is no part of it.
    Early is where most of the submodule's parameters come later.
    """
    parts = place.module.split(".")
    for outer in (".".join(parts[:n]) for n in range(1, len(parts))):
        calls = probe.calls(outer)
        if len(calls) != 1 or not calls[0].args or not isinstance(calls[0].args[0], Tensor):
            continue
        taken = place_of(probe, "", outer, "input", (0, 0))
        returned = [place_of(probe, "", outer, "output", path) for path, _ in tensors_in(calls[0].output)]
        strides = [one.stride for one in returned if isinstance(one, Place)]
        smaller = isinstance(taken, Place) and strides and taken.stride == place.stride < min(strides)
        if smaller and _share_done(probe, outer, place.module) < 0.5:
            return True
    return False


def _share_done(probe: Probe, outer: str, module: str) -> float:
    """The share of the parameters of `outer` that were used when `module`, a part of it, was done."""
    done = [
        name for name in probe.finished[: probe.finished.index(module) + 1] if name.startswith(f"{outer}.")
    ]
    used = {parameter: parameter.numel() for name in done for parameter in probe.names[name].parameters()}
    return sum(used.values()) / max(1, sum(one.numel() for one in probe.names[outer].parameters()))


def _inside(probe: Probe, scope: str) -> Iterator[str]:
    for name in probe.finished:
        within = name != scope and (not scope or name.startswith(f"{scope}."))
        if name and within and len(probe.calls(name)) == 1:
            yield name


def _last_that_matter(probe: Probe, candidates: dict[int, list[Place]]) -> dict[int, Place]:
    """For each k the last of the places whose map the output depends on; a k without one is left out.

    Where all gradients are 0, the last that the output is computed from.
    """
    places = [place for found in candidates.values() for place in found]
    tensors = [probe.calls(place.module)[0].reach(place.where, place.path) for place in places]
    gradients = dict(zip(places, probe.gradients(tensors), strict=True))
    chosen = {}
    for k, found in candidates.items():
        reached = [place for place in found if gradients[place] is not None]
        mattering = [place for place in reached if place.axes.to_map(gradients[place], probe.size).any()]
        if reached:
            chosen[k] = (mattering or reached)[-1]
    return chosen
