"""A spot in a model where an attention can sit: its name, its size, and how to reach the tensor there."""

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from foveate.models.places.probe import Probe


@dataclass(frozen=True)
class Place:
    """A spot in a model: its name, and how to reach the tensor there.

    module: dotted name of the submodule to hook; where: its "output", an "entry" of its output, or an "input"
    of its call. `path` leads to an entry, and to an input within `(args, kwargs)`. channels and size (h, w)
    are those of the probing input, stride is that input's height by the feature's. signal: another input of
    the same call, the coarser map that a decoder joins the one here with.
    """

    name: str
    module: str
    where: Literal["output", "input", "entry"]
    channels: int
    size: tuple[int, int]
    stride: float
    path: tuple[Any, ...] = ()
    note: str = ""
    signal: "Place | None" = None


def place_of(
    probe: Probe, name: str, module: str, where: str, feature: Tensor, path: tuple = (), note: str = ""
) -> Place:
    """The place of a tensor that was met in a probed forward."""
    h, w = feature.shape[-2:]
    ratio = probe.size[0] / h
    stride = round(ratio) if abs(ratio - round(ratio)) < 0.25 and ratio >= 1 else round(ratio, 2)
    return Place(name, module, where, feature.shape[1], (h, w), stride, path, note)


def is_map(value: Any) -> bool:
    """Whether a value is a feature map, b c h w."""
    return isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()
