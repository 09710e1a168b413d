"""`encoder1` ... `encoder5` of networks that return no list of features: one submodule a stride.

Where the library names its features (timm's `feature_info`), the place is the last that it names at the
stride nearest to 2^k. Where it does not, or names a submodule that is none, it is the last submodule at that
stride on the network's main path, before the map grows again. In both cases the output must depend on the
map: the patches of a vision transformer's last block do not matter where only the class token is read, so
that the place is the block before it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import nn

from foveate.models.places.nested import tensors_in
from foveate.models.places.parts import Layout
from foveate.models.places.path import main_path
from foveate.models.places.place import Place, output_place
from foveate.models.places.probe import Probe
from foveate.models.places.reading import NO_HINTS, Hints


def stage_places(probe: Probe, layout: Layout) -> list[Place]:
    """The encoder places of a probed model, from fine to coarse."""
    if layout.stages == ():
        return []
    places = {k: _last_that_matters(probe, found) for k, found in _named_by_library(probe, layout).items()}
    wanted = {k: layout.hints_of(module) for k, module in layout.stages or ()}
    missing = {k for k in wanted if places.get(k) is None}
    if layout.stages is None or missing:
        for k, found in _on_main_path(probe, layout).items():
            fitting = [place for place in found if _fits(place, wanted.get(k, NO_HINTS))]
            if layout.stages is None or k in missing:
                places[k] = _last_that_matters(probe, fitting)
    return [replace(place, name=f"encoder{k}") for k, place in sorted(places.items()) if place is not None]


def why_no_stage(probe: Probe, layout: Layout, name: str) -> str | None:
    """Why the submodule that the library names for a stage such as "encoder3" is no place."""
    for k, module in layout.stages or ():
        if name == f"encoder{k}" and module in probe.names:
            problem = output_place(probe, name, _last_of(probe, module), layout.hints_of(module))
            return f"its submodule '{module}' {problem}" if isinstance(problem, str) else None
    return None


def _named_by_library(probe: Probe, layout: Layout) -> dict[int, list[Place]]:
    candidates: dict[int, list[Place]] = defaultdict(list)
    for k, module in layout.stages or ():
        place = output_place(probe, f"encoder{k}", _last_of(probe, module), layout.hints_of(module))
        if module and isinstance(place, Place):
            candidates[k].append(place)
    return dict(candidates)


def _last_of(probe: Probe, module: str) -> str:
    """The last submodule of a list of them, which is never called itself; any other is its own."""
    while isinstance(blocks := probe.names.get(module), nn.ModuleList) and len(blocks):
        module = f"{module}.{len(blocks) - 1}"
    return module


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
        k = round(math.log2(place.stride)) if place.stride > 0 else 0
        if 1 <= k <= 5:
            candidates[k].append(place)
    return candidates


def _inside(probe: Probe, scope: str) -> Iterator[str]:
    for name in probe.finished:
        within = name != scope and (not scope or name.startswith(f"{scope}."))
        if name and within and len(probe.calls(name)) == 1:
            yield name


def _fits(place: Place, hints: Hints) -> bool:
    return hints.channels in (None, place.channels)


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
