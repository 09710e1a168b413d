"""A spot in a model where an attention can sit: its name, its size, and how to reach the tensor there."""

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from foveate.models.places.axes import CHANNELS_FIRST, Axes
from foveate.models.places.nested import tensors_in
from foveate.models.places.probe import Probe
from foveate.models.places.reading import NO_HINTS, Hints, read_axes

Where = Literal["output", "input", "entry"]


@dataclass(frozen=True)
class Place:
    """A spot in a model: its name, and how to reach the tensor there.

    module: dotted name of the submodule to hook; where: its "output", an "entry" of the list that an encoder
    returns, or an "input" of its call. `path` leads to the tensor within it, for an input within
    `(args, kwargs)`. channels and size (h, w) are those of the map for the probing input, stride is that
    input's height by the map's; axes are those of the tensor. signal: another input of the same call, the
    coarser map that a decoder joins the one here with.
    """

    name: str
    module: str
    where: Where
    channels: int
    size: tuple[int, int]
    stride: float
    path: tuple[Any, ...] = ()
    note: str = ""
    signal: "Place | None" = None
    axes: Axes = CHANNELS_FIRST


def place_of(
    probe: Probe,
    name: str,
    module: str,
    where: Where,
    path: tuple = (),
    note: str = "",
    hints: Hints = NO_HINTS,
) -> Place | str:
    """The place of a tensor that was met in a probed forward, or why no attention can sit there."""
    tensor = probe.calls(module)[0].reach(where, path)
    if tensor.ndim in (3, 4) and tensor.shape[0] != probe.batch:
        return f"of shape {tuple(tensor.shape)}, whose first axis is not the batch"
    axes = read_axes(probe.seen(module, where, path), hints)
    if isinstance(axes, str):
        return axes
    size = axes.size(tuple(tensor.shape), probe.size)
    ratio = probe.size[0] / size[0]
    stride = round(ratio) if abs(ratio - round(ratio)) < 0.25 and ratio >= 1 else round(ratio, 2)
    return Place(name, module, where, axes.channels(tensor.shape), size, stride, path, note, axes=axes)


def output_place(probe: Probe, name: str, module: str, hints: Hints = NO_HINTS) -> Place | str:
    """The place of the one feature map that a submodule returns, or why no attention can sit there.

    Of several maps (branches of HRNet, CrossViT) it is the one that the hints mean. A submodule that is
    called once for each of several images (siamese encoders) is a place in every call.
    """
    calls = probe.calls(module)
    if not calls:
        return "is never called in a forward"
    shapes = {tuple(tuple(tensor.shape) for _, tensor in tensors_in(call.output)) for call in calls}
    if len(calls) > 1 and not (len(calls) == probe.views and len(shapes) == 1):
        return f"is called {len(calls)} times in one forward"
    tensors = dict(tensors_in(calls[0].output))
    if not tensors:
        return f"returns a {type(calls[0].output).__name__} where a feature map is expected"
    found = [place_of(probe, name, module, "output", path, hints=hints) for path in tensors]
    places = [place for place in found if isinstance(place, Place)]
    if len(places) > 1 and (wanted := hints.stride) is not None:
        places = [min(places, key=lambda place: abs(place.stride - wanted))]
    if len(places) > 1:
        shapes = ", ".join(str(tuple(tensors[place.path].shape)) for place in places)
        return f"returns {len(places)} feature maps, {shapes}: name a submodule that returns one"
    return places[0] if places else f"returns an output {found[0]}"


def is_map(value: Any) -> bool:
    """Whether a value has the rank of a feature map, b c h w or b h w c."""
    return isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()
