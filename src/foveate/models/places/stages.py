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
from foveate.models.places.parts import Layout, Stage
from foveate.models.places.path import main_path
from foveate.models.places.place import Place, output_place, place_of
from foveate.models.places.probe import Probe
from foveate.models.places.reading import Hints


def stage_places(probe: Probe, layout: Layout) -> list[Place]:
    """The encoder places of a probed model, from fine to coarse."""
    if layout.stages is None:
        places = {k: _last_that_matters(probe, found) for k, found in _on_main_path(probe, layout).items()}
    else:
        known = {k: [stage for stage in layout.stages if stage.k == k] for k in _levels(layout)}
        places = {k: _named_by_library(probe, stages) for k, stages in known.items()}
        missing = {k: stages[-1].hints for k, stages in known.items() if places[k] is None}
        main = _on_main_path(probe, layout) if missing else {}
        for k, hints in missing.items():
            places[k] = _found_by_hints(probe, layout, main.get(k, []), hints)
    return [replace(place, name=f"encoder{k}") for k, place in sorted(places.items()) if place is not None]


def why_no_stage(probe: Probe, layout: Layout, name: str) -> str | None:
    """Why the submodule that the library names for a stage such as "encoder3" is no place."""
    for stage in layout.stages or ():
        if name == f"encoder{stage.k}" and stage.module in probe.names:
            problem = output_place(probe, name, _blocks_of(probe, stage.module)[-1], stage.hints)
            return f"its submodule '{stage.module}' {problem}" if isinstance(problem, str) else None
    return None


def _levels(layout: Layout) -> list[int]:
    return sorted({stage.k for stage in layout.stages or ()})


def _named_by_library(probe: Probe, stages: Iterable[Stage]) -> Place | None:
    found = [
        output_place(probe, "", name, stage.hints)
        for stage in stages
        for name in _blocks_of(probe, stage.module)
        if name
    ]
    return _last_that_matters(probe, [one for one in found if isinstance(one, Place)])


def _found_by_hints(probe: Probe, layout: Layout, main: list[Place], hints: Hints) -> Place | None:
    """The last place on the main path, or anywhere, with the channels that the library tells."""
    if hints.channels is None:
        return None
    fitting = [place for place in main if place.channels == hints.channels]
    if (place := _last_that_matters(probe, fitting)) is not None:
        return place
    anywhere = [output_place(probe, "", name, hints) for name in _inside(probe, layout.scope)]
    return _last_that_matters(
        probe, [one for one in anywhere if isinstance(one, Place) and one.stride == hints.stride]
    )


def _blocks_of(probe: Probe, module: str) -> list[str]:
    """The submodules of a list, which is never called itself; any other module alone."""
    blocks = probe.names.get(module)
    if isinstance(blocks, nn.ModuleList) and len(blocks):
        return [f"{module}.{index}" for index in range(len(blocks))]
    return [module]


def _on_main_path(probe: Probe, layout: Layout) -> dict[int, list[Place]]:
    outputs = [value for _, value in tensors_in(probe.calls(layout.scope)[-1].output)]
    if not outputs or outputs[-1].grad_fn is None:
        return {}
    path = main_path(probe.image, outputs[-1])
    candidates: dict[int, list[Place]] = defaultdict(list)
    coarsest = 1.0
    for name in _inside(probe, layout.scope):
        if not any(value.grad_fn in path for _, value in tensors_in(probe.calls(name)[0].output)):
            continue
        place = output_place(probe, name, name, layout.hints_of(name))
        if isinstance(place, str) or place.stride < 0.75 * coarsest:
            continue
        coarsest = max(coarsest, place.stride)
        k = round(math.log2(place.stride))
        if 1 <= k <= 5:
            candidates[k].append(place)
    return {
        k: [place for place in places if not _steps_down(probe, place)] or places
        for k, places in candidates.items()
    }


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


def _last_that_matters(probe: Probe, places: Iterable[Place]) -> Place | None:
    """The last of the places whose map the output depends on, None where it depends on none.

    Where all gradients are 0 (a head that starts at 0), the last of those that it is computed from.
    """
    reached = []
    for place in list(places)[::-1]:
        (gradient,) = probe.gradients([probe.calls(place.module)[0].reach(place.where, place.path)])
        if gradient is not None:
            reached.append(place)
            if place.axes.to_map(gradient, probe.size).any():
                return place
    return reached[0] if reached else None
