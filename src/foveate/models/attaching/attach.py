"""Put attention into a model without touching its code, its weights or their names, and take it out again.

Attention modules live in one child, `model.attached`; forward hooks call them where the arm says. With
gate="zero" each is wrapped in `ResidualGate`, so that the model at step 0 computes bit for bit what it
computed before; mechanisms whose own gate starts closed (`starts_at_identity`) stay as they are, since two
zero gates in series never learn. gate="none" is the published form. A head replaces the host's output layer
and so starts a new function by nature.

Hooks are objects that refer to the modules, so that deepcopy, pickle, torch.compile and torch.export take the
model as a whole.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from foveate.attention.registry import create_attention, is_refiner, takes_signal
from foveate.errors import UserError, choose
from foveate.models.attaching.attachments import Attachments, HeadSwap, Hook
from foveate.models.attaching.check import check_arm
from foveate.models.attaching.gates import ResidualGate
from foveate.models.attaching.heads import create_head
from foveate.models.attaching.refiners import Refinement, context_of
from foveate.models.attaching.sequences import hide_child, show_child
from foveate.models.host import Host
from foveate.models.places.find import Place, match_places, named_places, probe_model
from foveate.models.places.probe import Probe
from foveate.specs.arm import Arm, AttentionAt, Head

Model = TypeVar("Model", bound=nn.Module)


def attach(
    model: Model, arm: str | Arm | Sequence[str | Arm], gate: str = "zero", example: Any = None
) -> Model:
    """Attach an arm, or the parts of several in a list, to `model`, in place, and return the model.

    `example` is needed for models that foveate did not build: one forward on it finds the places and their
    channels. It is a tensor b c h w, a tuple of the arguments, a dict of the keywords, or a list where the
    model takes one. New modules start in training or evaluation as the model is, on its device and in its
    dtype; building them leaves the global random state as it was, so that all arms of a seed share the host's
    weights.

    Raises `UserError` for an unknown attention, place, option or gate, for an attention that changes the
    shape at its place, and for a model that carries an arm already.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 3))
    >>> x = torch.randn(1, 3, 16, 16)
    >>> before = model(x)
    >>> torch.equal(attach(model, "se@1(reduction=4)", example=x)(x), before)
    True
    >>> list(attached(model))
    ['se@1']

    A model of the transformers library, or one with two images:

        attach(model, "cbam@encoder4", example={"pixel_values": image})
        attach(model, "cbam@stem", example=(before, after))
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"attention is attached to an nn.Module, and {model!r} is a {type(model).__name__}")
    arm = check_arm(arm)
    if arm.augment:
        raise UserError(
            f"arm '{arm}': an augmentation belongs to training (foveate.fit, foveate.compare) and cannot be "
            f"attached to a network; leave out augment={arm.augment}"
        )
    choose(gate, ("zero", "none"), "gate")
    if isinstance(getattr(model, "attached", None), Attachments):
        raise UserError(f"the model already carries the arm '{model.attached.arm}'; call detach(model) first")
    if hasattr(model, "attached"):
        raise UserError(
            f"{type(model).__name__} has an attribute 'attached' of its own, where attention would live"
        )
    if not arm.parts:
        return model
    probe = probe_model(model, example)
    named = named_places(probe)
    with torch.random.fork_rng(devices=[]):
        attachments = Attachments(arm, gate)
        hooks = [hook for part in arm.attentions for hook in _build(model, probe, named, part, attachments)]
        heads = [exchange for part in arm.heads for exchange in _build_heads(model, part)]
    model.attached = attachments
    hide_child(model)
    _register(model, hooks, attachments, probe.reader)
    for head in heads:
        head.swap(model)
        attachments.heads.append(head)
    attachments.train(model.training)
    return model


def detach(model: Model) -> Model:
    """Take out what `attach` put in, in place; the model and its state_dict are the host's again."""
    attachments = getattr(model, "attached", None)
    if isinstance(attachments, Attachments):
        for handle in attachments.handles:
            handle.remove()
        for head in attachments.heads:
            head.swap(model)
        show_child(model)
        del model.attached
    return model


def attached(model: nn.Module) -> dict[str, nn.Module]:
    """The attention modules in a model (those with `weights`), by names such as "cbam@decoder"."""
    attachments = getattr(model, "attached", None)
    if not isinstance(attachments, Attachments):
        return {}
    modules = {label: getattr(attachments, key) for label, key in attachments.labels.items()}
    return {
        name: gate.attention if isinstance(gate, ResidualGate) else gate for name, gate in modules.items()
    }


def gate_of(model: nn.Module, attention: nn.Module) -> float | None:
    """The value of the residual gate around an attention of the model; None for one that stands without."""
    gates = (module for module in model.modules() if isinstance(module, ResidualGate))
    return next((gate.gate.item() for gate in gates if gate.attention is attention), None)


def gate_form(model: nn.Module) -> str:
    """How the attention was attached: "zero" or "none", as in `attach`; "zero" where there is none."""
    attachments = getattr(model, "attached", None)
    return attachments.gate if isinstance(attachments, Attachments) else "zero"


def gates(model: nn.Module) -> dict[str, float]:
    """The gate of each attention that has one, by label such as "cbam@decoder".

    It is the residual gate around the attention, or its own; of several the one furthest from 0.
    """
    named = dict(model.named_parameters())
    values = {}
    for label, attention in attached(model).items():
        own = [named[name] for name in gate_parameters(model) if _belongs(named[name], attention)]
        around = gate_of(model, attention)
        if around is not None or own:
            values[label] = around if around is not None else max((g.item() for g in own), key=abs)
    return values


def _belongs(parameter: Tensor, module: nn.Module) -> bool:
    return any(parameter is one for one in module.parameters())


def attention_parameters(model: nn.Module) -> tuple[str, ...]:
    """Names in `named_parameters()` of what the arm added, its head included."""
    attachments = getattr(model, "attached", None)
    if not isinstance(attachments, Attachments):
        return ()
    prefixes = ("attached.", *(f"{head.name}." for head in attachments.heads))
    return tuple(name for name, _ in model.named_parameters() if name.startswith(prefixes))


def gate_parameters(model: nn.Module) -> tuple[str, ...]:
    """Names in `named_parameters()` of the gates that start at 0, which weight decay should leave alone.

    They are the residual gates, and the own gates of mechanisms that start at the identity.
    """
    own = {
        f"{prefix}.{name}"
        for prefix, module in model.named_modules()
        if getattr(module, "starts_at_identity", False)
        for name, parameter in module.named_parameters(recurse=False)
        if parameter.numel() == 1
    }
    gates = {f"{name}.gate" for name, module in model.named_modules() if isinstance(module, ResidualGate)}
    return tuple(name for name, _ in model.named_parameters() if name in gates | own)


def _build(
    model: nn.Module, probe: Probe, named: dict[str, Place], part: AttentionAt, attachments: Attachments
) -> list[Hook | Refinement]:
    hooks: list[Hook | Refinement] = []
    for place in match_places(probe, named, part.place):
        label = f"{part.name}@{place.name}"
        if label in attachments.labels:
            raise UserError(f"arm '{attachments.arm}': '{label}' is meant twice; leave one out")
        context = _context(probe, named, part, place)
        channels = (one.channels for one in (place, *context))
        attention = create_attention(part.name, *channels, **dict(part.options))
        reference = next(model.parameters(), torch.zeros(()))
        attention.to(reference)
        _check_shape(label, attention, (place, *context), reference)
        if attachments.gate == "zero" and not attention.starts_at_identity:
            attention = ResidualGate(attention).to(reference)
        attachments.add(label, attention)
        if is_refiner(part.name):
            attachments.refinements[label] = Refinement(attention, place, *context, attachments.image)
        hooks.append(attachments.refinements.get(label) or Hook(attention, place, attachments.image, context))
    return hooks


def _context(probe: Probe, named: dict[str, Place], part: AttentionAt, place: Place) -> tuple[Place, ...]:
    """What the attention sees beside the map at its place."""
    if is_refiner(part.name):
        return context_of(probe, named, part, place)
    return (place.signal,) if place.signal is not None and takes_signal(part.name) else ()


def _check_shape(label: str, attention: nn.Module, places: Sequence[Place], reference: Tensor) -> None:
    x, *context = (torch.zeros(1, place.channels, *place.size).to(reference) for place in places)
    try:
        with torch.no_grad():
            shape = attention.eval()(x, *context).shape
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{label} fails on a map of shape {tuple(x.shape)}: {error}") from error
    if shape != x.shape:
        raise UserError(
            f"{label} turns a map of shape {tuple(x.shape)} into {tuple(shape)}; it must keep the shape"
        )


def _build_heads(model: nn.Module, part: Head) -> list[HeadSwap]:
    network, prefix = (model.network, "network.") if isinstance(model, Host) else (model, "")
    swaps = []
    for name in _output_layers(network, part):
        layer = network.get_submodule(name)
        classes = 2 if isinstance(model, Host) and model.one_logit else layer.out_channels
        head = create_head(part.name, layer.in_channels, classes, **dict(part.options))
        if isinstance(layer, nn.ConvTranspose2d):  # it scores and enlarges at once; a head only scores
            head = nn.Sequential(head, nn.Upsample(scale_factor=layer.stride, mode="bilinear"))
        swaps.append(HeadSwap(prefix + name, head))
    return swaps


def _output_layers(network: nn.Module, part: Head) -> Sequence[str]:
    """Dotted names of what gives the scores: those that the network names, or its head's last convolution."""
    if hasattr(network, "output_layers"):
        return network.output_layers
    scope = "segmentation_head" if hasattr(network, "segmentation_head") else "classifier"
    layers = [
        f"{scope}.{name}"
        for name, module in getattr(network, scope, nn.Module()).named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    if not layers:
        raise UserError(
            f"head '{part.name}' replaces the output convolution of a segmentation host; this has none"
        )
    return layers[-1:]


def _register(
    model: nn.Module, hooks: list[Hook | Refinement], attachments: Attachments, reader: str
) -> None:
    places = [place for hook in hooks for place in hook.places]
    if any(place.axes.layout == "b n c" for place in places):
        taking = model.get_submodule(reader)
        attachments.handles.append(
            taking.register_forward_pre_hook(attachments.image.on_input, with_kwargs=True)
        )
    for hook in hooks:
        module = model.get_submodule(hook.place.module)
        if hook.place.where == "input":
            handle = module.register_forward_pre_hook(hook.on_input, with_kwargs=True)
            attachments.handles.append(handle)
        elif hook.place.where == "entry":
            attachments.handles.append(module.register_forward_hook(hook.on_output))
    # Output hooks go before any other hook of the module (some encoders collect their features by hooks), so
    # the last one registered runs first.
    for hook in reversed(hooks):
        if hook.place.where == "output":
            module = model.get_submodule(hook.place.module)
            attachments.handles.append(module.register_forward_hook(hook.on_output, prepend=True))
    for refinement in attachments.refinements.values():
        attachments.handles += refinement.watch(model)
