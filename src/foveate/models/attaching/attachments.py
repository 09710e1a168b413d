"""What an arm leaves in a model: its modules, the hooks that call them, and the way back."""

import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foveate.models.attaching.image_size import ImageSize
from foveate.models.attaching.refiners import Refinement
from foveate.models.places.nested import reach, replace
from foveate.models.places.place import Place
from foveate.specs.arm import Arm


class Attachments(nn.Module):
    """The child `attached` of a model: the attention modules, and what is needed to take them out again."""

    def __init__(self, arm: Arm, gate: str):
        super().__init__()
        self.arm, self.gate = arm, gate
        self.labels: dict[str, str] = {}
        self.handles: list[RemovableHandle] = []
        self.heads: list[HeadSwap] = []
        self.refinements: dict[str, Refinement] = {}
        self.image = ImageSize()

    def forward(self, x: Tensor) -> Tensor:
        """The identity: a model that calls its children in turn (`nn.Sequential`) calls this one too."""
        return x

    def add(self, label: str, module: nn.Module) -> None:
        key = re.sub(r"\W", "_", label)
        while hasattr(self, key):
            key += "_"
        self.labels[label] = key
        self.add_module(key, module)


@dataclass(frozen=True)
class Hook:
    """Calls `attention` on the tensor at `place`: the form in which forward hooks and pre-hooks keep it.

    The attention gets maps b c h w, whatever axes the tensor has, and the tensor keeps its axes. `context`
    are other inputs of the same call that the attention sees beside it; `image` is the size of what the
    network takes.
    """

    attention: nn.Module
    place: Place
    image: ImageSize
    context: tuple[Place, ...] = ()

    @property
    def places(self) -> tuple[Place, ...]:
        """All that the attention gets."""
        return self.place, *self.context

    def on_output(self, module: nn.Module, args: tuple, output: Any) -> Any:
        return self._changed(output)

    def on_input(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self._changed((args, kwargs))

    def _changed(self, nested: Any) -> Any:
        maps = [place.axes.to_map(reach(nested, place.path), self.image.size) for place in self.places]
        tensor = reach(nested, self.place.path)
        changed = self.place.axes.from_map(self.attention(*maps), tensor)
        return replace(nested, self.place.path, changed)


@dataclass
class HeadSwap:
    """A head in the place of a host's submodule: `swap` puts in the one that is out, and keeps the other."""

    name: str
    other: nn.Module

    def swap(self, model: nn.Module) -> None:
        """Exchange the submodule `name` of the model for `other`, on its device and in its mode."""
        parent, _, child = self.name.rpartition(".")
        owner = model.get_submodule(parent)
        current, other = getattr(owner, child), self.other
        weight = next(current.parameters())
        setattr(owner, child, other.to(weight).train(current.training))
        self.other = current
