"""The modules of a network as a tree: output shapes, parameters and operations of each, attention marked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from foveate.evaluation.cost import flops_by_module, parameters
from foveate.inspection.record import mechanisms
from foveate.models.attaching.attachments import Attachments, Hook
from foveate.models.attaching.refiners import Refinement

ALIKE = 3
"""So many equal modules in a row are shown as one."""


@dataclass(frozen=True)
class Layer:
    """A module of a network.

    name: its name in its parent; of several that are alike, "2 to 5". kind: its class. output: shape of what
    it returns for one image, without the batch; None if it is not called or returns no tensor. parameters:
    learnable values, those below it included. macs: multiply-accumulates for one image, likewise. count: how
    many modules this stands for; the numbers are those of one. attention: the label of attention, "" for any
    other module. inside: the modules below.
    """

    name: str
    kind: str
    output: tuple[int, ...] | None
    parameters: int
    macs: int
    count: int = 1
    attention: str = ""
    inside: tuple["Layer", ...] = ()

    @property
    def title(self) -> str:
        """Its name, with how many modules it stands for and the attention that it is.

        >>> Layer("0", "TwoBranch", None, 10, 0, attention="two_branch").title
        '0: two_branch'
        """
        times = f" ×{self.count}" if self.count > 1 else ""
        what = f": {self.attention}" if self.attention not in ("", self.name) else ""
        return f"{self.name}{times}{what}"

    def rows(self, level: int = 0) -> Iterator[tuple[int, "Layer"]]:
        """Yield this layer and those below, each with its level in the tree."""
        yield level, self
        for layer in self.inside:
            yield from layer.rows(level + 1)


def layers_of(model: nn.Module, size: tuple[int, int], depth: int = 3) -> Layer:
    """Return the tree of a `Host`, down to `depth` levels, for one image of `size` (height, width).

    Attached attention stands behind the module whose output it changes, or before the one whose input it
    changes; or behind or before the shown module that holds this one.

    >>> from foveate.models.create import create_model
    >>> model = create_model("resnet18", encoder_weights=None, classes=3, arm="se@encoder2")
    >>> tree = layers_of(model, (32, 32), depth=1)
    >>> [layer.name for layer in tree.inside][:6]
    ['conv1', 'bn1', 'act1', 'maxpool', 'layer1', 'se@encoder2']
    """
    image = torch.zeros(1, model.mean.shape[1], *size).to(model.mean)
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def note(module: nn.Module, args: tuple, output: Any) -> None:
        if isinstance(output, Tensor):
            shapes[module] = tuple(output.shape[1:])

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        flops = flops_by_module(model, image)
    finally:
        for handle in handles:
            handle.remove()
    tree = _Tree(model, shapes, {name: count // 2 for name, count in flops.items()})
    root = tree.layer("network", "", depth)
    _, behind = tree.attached_to(model.logits)
    inside = (*root.inside, *behind)
    whole = {"name": "", "parameters": parameters(model), "macs": flops[""] // 2, "inside": inside}
    return replace(root, output=shapes.get(model), **whole)


class _Tree:
    """What is known of the modules of a model, to build layers from."""

    def __init__(
        self, model: nn.Module, shapes: dict[nn.Module, tuple[int, ...]], macs: dict[str, int]
    ) -> None:
        self.model, self.shapes, self.macs = model, shapes, macs
        self.paths = {module: path for path, module in model.named_modules()}
        self.labels = {module: label for label, module in mechanisms(model).items()}
        attachments = getattr(model, "attached", None)
        if isinstance(attachments, Attachments):
            self.labels |= {getattr(attachments, key): label for label, key in attachments.labels.items()}
            heads = [part for part in attachments.arm.heads for _ in attachments.heads]
            self.labels |= {
                model.get_submodule(head.name): str(part)
                for head, part in zip(attachments.heads, heads, strict=False)
            }

    def layer(self, path: str, name: str, depth: int) -> Layer:
        """Return the layer of the module at a path; `depth` levels below it are shown."""
        module = self.model.get_submodule(path)
        children = [(child, f"{path}.{child}") for child, _ in module.named_children()]
        inside: list[Layer] = []
        for child, below in children if depth else ():
            before, behind = self.attached_to(self.model.get_submodule(below), whole=depth == 1)
            inside += [*before, self.layer(below, child, depth - 1), *behind]
        return self._layer(module, name, tuple(together(inside)))

    def attached_to(self, module: nn.Module, whole: bool = False) -> list[list[Layer]]:
        """Return the attention at the input and at the output of a module. whole: or of any module inside."""
        changed = list(module.modules()) if whole else [module]
        return [
            [
                self._layer(attention, self.labels[attention], ())
                for attention in dict.fromkeys(one for each in changed for one in _attention_in(hooks(each)))
            ]
            for hooks in (lambda each: each._forward_pre_hooks, lambda each: each._forward_hooks)
        ]

    def _layer(self, module: nn.Module, name: str, inside: tuple[Layer, ...]) -> Layer:
        path, label = self.paths[module], self.labels.get(module, "")
        kind = type(getattr(module, "attention", module) if label else module).__name__
        counts = (parameters(module), self.macs.get(path, 0))
        return Layer(name, kind, self.shapes.get(module), *counts, attention=label, inside=inside)


def _attention_in(hooks: Mapping[int, Any]) -> Iterator[nn.Module]:
    for hook in hooks.values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, Hook | Refinement) and hook.__name__ in ("on_input", "on_output"):
            yield owner.attention


def together(layers: list[Layer]) -> Iterator[Layer]:
    """Yield layers, with one in place of several equal ones in a row that are called by numbers.

    >>> unit = Layer("0", "Unit", (8, 4, 4), 10, 160)
    >>> [layer.name for layer in together([unit, *(replace(unit, name=name) for name in "123")])]
    ['0 to 3']
    """
    start = 0
    while start < len(layers):
        first, end = layers[start], start + 1
        while end < len(layers) and first.name.isdigit() and _alike(first, layers[end]):
            end += 1
        if end - start >= ALIKE:
            yield replace(first, name=f"{first.name} to {layers[end - 1].name}", count=end - start)
        else:
            yield from layers[start:end]
        start = end


def _alike(one: Layer, other: Layer) -> bool:
    return replace(one, name="") == replace(other, name="") and other.name.isdigit()
