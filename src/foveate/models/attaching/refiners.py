"""Refiners: attention at `logits` that also sees the image and an encoder level of the same forward pass.

Hooks catch both on their way; the hook on the logits uses them up, and a pass that fails lets go of them.
What they hold meanwhile is each thread's own. A training loss beside the logits comes from
`forward_with_auxiliary`, and from it alone.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foveate.attention.registry import attention_options
from foveate.errors import UserError
from foveate.models.attaching.image_size import ImageSize
from foveate.models.host import Host
from foveate.models.places.nested import first_map, reach
from foveate.models.places.parts import model_parts
from foveate.models.places.place import Place
from foveate.models.places.probe import Probe
from foveate.specs.arm import AttentionAt


class Seen(threading.local):
    """What was caught of the forward pass that this thread is in; a `mask` in a training call alone."""

    image: Tensor | None = None
    feature: Tensor | None = None
    mask: Tensor | None = None
    loss: Tensor | None = None

    def let_go(self) -> None:
        self.image = self.feature = None

    def __reduce__(self):
        return Seen, ()


@dataclass(frozen=True)
class Refinement:
    """Calls `attention` on the logits at `place`, the network's input and the encoder feature at `level`."""

    attention: nn.Module
    place: Place
    image: Place
    level: Place
    size: ImageSize
    seen: Seen = field(default_factory=Seen)

    @property
    def places(self) -> tuple[Place, ...]:
        """All that the attention gets."""
        return self.place, self.image, self.level

    def watch(self, model: nn.Module) -> list[RemovableHandle]:
        """Hooks on the image and the level, behind those of attention that sits there, and on the end."""
        network, source = (model.get_submodule(place.module) for place in (self.image, self.level))
        return [
            network.register_forward_pre_hook(self.on_image, with_kwargs=True),
            source.register_forward_hook(self.on_level),
            model.register_forward_hook(self.on_end, always_call=True),
        ]

    def on_image(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self.seen.image, self.seen.feature = first_map(args, kwargs), None

    def on_level(self, module: nn.Module, args: tuple, output: Any) -> None:
        self.seen.feature = self.level.axes.to_map(reach(output, self.level.path), self.size.size)

    def on_output(self, module: nn.Module, args: tuple, logits: Tensor) -> Tensor:
        seen = self.seen
        image, feature = seen.image, seen.feature
        seen.let_go()
        if image is None or feature is None:
            raise UserError(
                f"the attention at {self.place.name} also sees the image and {self.level.name} of the same "
                "pass, and not both were computed: call the whole model, not a part of it"
            )
        # The host pads images at the bottom and at the right, and has cropped its logits.
        image = image[..., : logits.shape[-2], : logits.shape[-1]]
        if seen.mask is None:
            return self.attention(logits, image, feature)
        refined, seen.loss = self.attention.forward_with_auxiliary(logits, image, feature, seen.mask)
        return refined

    def on_end(self, module: nn.Module, args: tuple, output: Any) -> None:
        self.seen.let_go()


def forward_with_auxiliary(
    model: nn.Module, image: Float[Tensor, "b c h w"], target: Int[Tensor, "b ..."]
) -> tuple[Float[Tensor, "b classes ..."], dict[str, Float[Tensor, ""]]]:
    """The logits `model(image)`, and by name of the attachment the losses that its attention is trained with.

    `target` is a mask of true classes, 255 ignored, or the labels of a classifier. A model whose attention
    has no loss of its own, or that has none at all, gives an empty dict. The losses are to be added to that
    of the logits with a weight: AFMA was published with 1 beside 5 times the cross entropy.

    >>> import torch
    >>> from foveate.models.create import create_model
    >>> model = create_model("unet", "resnet18", classes=3, arm="afma@logits(level=1)")
    >>> mask = torch.randint(0, 3, (2, 64, 64))
    >>> logits, losses = forward_with_auxiliary(model, torch.rand(2, 3, 64, 64), mask)
    >>> list(losses), logits.shape
    (['afma@logits'], torch.Size([2, 3, 64, 64]))
    """
    refinements: dict[str, Refinement] = getattr(getattr(model, "attached", None), "refinements", {})
    for refinement in refinements.values():
        refinement.seen.mask = target
    try:
        logits = model(image)
        return logits, {label: refinement.seen.loss for label, refinement in refinements.items()}
    finally:
        for refinement in refinements.values():
            refinement.seen.mask = refinement.seen.loss = None


def context_of(probe: Probe, named: dict[str, Place], part: AttentionAt, place: Place) -> tuple[Place, Place]:
    """The image and the encoder level that a refiner at `place` sees; `UserError` where there is none."""
    text, model = str(part), probe.model
    if place.name != "logits":
        raise UserError(f"arm '{text}': {part.name} refines logits; write {part.name}@logits")
    name = model.config["arch"] if isinstance(model, Host) else type(model).__name__
    network = model_parts(model).prefix.rstrip(".")
    call = probe.calls(network)[0]
    entered = first_map(call.args, call.kwargs)
    if entered is None:
        raise UserError(
            f"arm '{text}': {part.name} sees the image, and {name} is not called with one b c h w"
        )
    image = Place("image", network, "input", entered.shape[1], tuple(entered.shape[2:]), stride=1)
    levels = {k: named[f"encoder{k}"] for k in range(1, 6) if f"encoder{k}" in named}
    levels = {k: level for k, level in levels.items() if level.stride == 2**k}
    wanted = dict(part.options).get("level", attention_options(part.name)["level"])
    if wanted not in levels:
        there = (
            f"its levels are {', '.join(map(str, levels))}" if levels else "it has no levels that are known"
        )
        raise UserError(
            f"arm '{text}': {name} has no encoder level {wanted}, a feature at stride 2^{wanted}; {there}"
        )
    size = tuple(probe.image.shape[2:])
    if place.size != size:
        raise UserError(
            f"arm '{text}': {part.name} refines logits of the image's size, and {name} gives "
            f"{'x'.join(map(str, place.size))} for {'x'.join(map(str, size))}"
        )
    return image, levels[wanted]
