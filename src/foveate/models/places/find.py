"""Where an attention can sit, found by watching forward passes.

`encoder1`..`encoder5` are the encoder's features (stride 2 to 32 on most; dilated encoders and transformers
have other strides, which the description tells); `stages.py` finds them where the network returns no list of
features. An attention there changes what the later stages see too. `skip1`..`skip4` are the same features on
their way to the decoder alone; `skips.1`..`skips.4` are the skips where a decoder joins them with what it has
made one level below, `skips` all of them (see `skips.py`). `decoder` is what the head gets, `logits` what it
returns. Every submodule that is called once in a forward and returns one feature map, `b c h w`, `b h w c` or
tokens `b n c` (see `reading.py`), is a place by its dotted name.

An encoder place is the submodule whose output *is* the feature (the same tensor; the last to finish).
Encoders that copy the tensor on its way (MiT) are matched by its values. Where nothing matches (vision
transformers reshape their tokens), the entry of the encoder's list takes its place, so that only the decoder
sees the change: the note says so.
"""

import fnmatch
import re
from collections.abc import Iterable
from typing import Any

import torch
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

from foveate.errors import UserError, choose
from foveate.models.host import Host
from foveate.models.places.example import FORMS
from foveate.models.places.parts import ModelParts, model_parts
from foveate.models.places.place import Place, is_map, output_place, place_of
from foveate.models.places.probe import Probe
from foveate.models.places.skips import GROUP, WITH_SKIPS, match_skips, skip_places
from foveate.models.places.stages import stage_places, why_no_stage

POOLS = (SelectAdaptivePool2d, nn.AdaptiveAvgPool2d)
SHOWN = 30
"""The most submodules that a message lists."""


def find_places(model: nn.Module, example: Any = None) -> dict[str, Place]:
    """The named places of a model, in the order encoder, skip, skips, decoder, logits.

    `example` is an input for models that foveate did not build (see `as_example`). Skips that the output does
    not depend on are left out. Submodules by dotted name are found by `match_places`.
    """
    return named_places(probe_model(model, example))


def describe_places(model: nn.Module, example: Any = None) -> list[tuple[str, int, float, str]]:
    """Rows (name, channels, stride, where it is) of the named places, for people to read."""
    return [
        (
            place.name,
            place.channels,
            place.stride,
            f"{place.where} of {place.module or 'the model'}{place.note}",
        )
        for place in find_places(model, example).values()
    ]


def probe_model(model: nn.Module, example: Any = None) -> Probe:
    """Watch one forward on `example`; models that foveate built bring their own."""
    if example is None:
        if not isinstance(model, Host):
            raise UserError(
                f"{type(model).__name__} is not a model that create_model made: pass example=, {FORMS}"
            )
        example = model.example()
    parts = model_parts(model)
    return Probe(model, example, cut=parts.encoder, network=parts.network)


def match_places(probe: Probe, named: dict[str, Place], text: str) -> list[Place]:
    """The places that `text` means: a named one, `skips`, a dotted name, or a pattern such as `layer?.0`.

    Dotted names are those inside `network` for models that foveate built. A pattern means every submodule
    that it matches and that can hold an attention. Raises a `UserError` that lists the named places when
    there is none.
    """
    if text in named:
        return [named[text]]
    if skips := match_skips(named, text):
        return [named[name] for name in skips]
    parts = model_parts(probe.model)
    names = [
        name.removeprefix(parts.prefix) for name in probe.names if name and name.startswith(parts.prefix)
    ]
    if text in names:
        place = _submodule(probe, parts, text)
        if isinstance(place, str):
            raise UserError(f"place '{text}': the submodule {place}, so no attention can sit there")
        return [place]
    found = [_submodule(probe, parts, name) for name in fnmatch.filter(names, text)]
    places = [place for place in found if isinstance(place, Place)]
    if not places:
        raise UserError(_nothing_at(probe, parts, text, named, names))
    return places


def named_places(probe: Probe) -> dict[str, Place]:
    """The named places of a probed model; see `find_places`."""
    parts = model_parts(probe.model)
    found = [*stage_places(probe, parts), *_features(probe, parts)]
    found += [*skip_places(probe, parts.encoder), *_decoder(probe, parts)]
    if parts.logits is not None and is_map(probe.calls(parts.logits)[-1].output):
        found.append(place_of(probe, "logits", parts.logits, "output"))
    places = [place for place in found if isinstance(place, Place)]
    order = ["encoder", "skip", "skips", "decoder", "logits"]
    places.sort(key=lambda place: (order.index(re.split(r"[\d.]", place.name)[0]), place.name))
    return {place.name: place for place in places}


def _features(probe: Probe, parts: ModelParts) -> Iterable[Place | str]:
    if parts.encoder is None:
        return
    entries = probe.features
    first = 0 if entries and entries[0][1].shape[-2:] == probe.size else 1
    sources = _sources(probe, parts.encoder)
    for k, (path, feature) in enumerate(entries, first):
        if k == 0 or not is_map(feature) or feature.shape[1] == 0:
            continue
        source = sources.get(path)
        last = path == entries[-1][0]
        if source is not None and (probe.used(path) or not last):
            yield place_of(probe, f"encoder{k}", source, "output")
        elif probe.used(path):
            note = "" if last else " (seen by the decoder only)"
            yield place_of(probe, f"encoder{k}", parts.encoder, "entry", path, note)
        if probe.used(path) and not last and k <= 4:
            yield place_of(probe, f"skip{k}", parts.encoder, "entry", path)


def _sources(probe: Probe, encoder: str) -> dict[tuple, str]:
    """The submodule that makes each feature: 1 added to its output must come out as 1 more in the feature."""
    inside = [
        name for name in probe.finished if name.startswith(f"{encoder}.") and len(probe.calls(name)) == 1
    ]
    outputs = {name: probe.calls(name)[0].output for name in reversed(inside)}
    waiting = {path: _candidates(outputs, feature) for path, feature in probe.features}
    found: dict[tuple, str] = {}
    while any(waiting.values()):
        tried = {path: names.pop(0) for path, names in waiting.items() if names}
        made, features = probe.changed({*tried.values(), *found.values()})
        for path, name in tried.items():
            if torch.equal(made[name], features[path]):
                found[path] = name
                waiting[path] = []
    return found


def _candidates(outputs: dict[str, Any], feature: Tensor) -> list[str]:
    same = [name for name, output in outputs.items() if output is feature]
    return same or [
        name
        for name, output in outputs.items()
        if isinstance(output, Tensor) and output.shape == feature.shape and torch.equal(output, feature)
    ]


def _decoder(probe: Probe, parts: ModelParts) -> Iterable[Place | str]:
    module = parts.head
    if module is None and parts.encoder is None and not is_map(probe.output):
        pools = [name for name in probe.finished if isinstance(probe.names[name], POOLS)]
        module = pools[-1] if pools else None
    if module is None or len(calls := probe.calls(module)) != 1:
        return
    if calls[0].args and is_map(calls[0].args[0]):
        yield place_of(probe, "decoder", module, "input", (0, 0), hints=parts.any_hints)


def _submodule(probe: Probe, parts: ModelParts, name: str) -> Place | str:
    return output_place(probe, name, parts.prefix + name, parts.hints_of(parts.prefix + name))


def _nothing_at(probe: Probe, parts: ModelParts, text: str, named: dict[str, Place], names: list[str]) -> str:
    model = probe.model
    if text.partition(".")[0] == GROUP and not match_skips(named, GROUP):
        host = model.config["arch"] if isinstance(model, Host) else type(model).__name__
        return (
            f"{host} has no place '{GROUP}': no part of it is called with a skip and a coarser map of the "
            f"decoder; hosts that have it are {', '.join(WITH_SKIPS)}. "
            f"Places of this model: {', '.join(named)}"
        )
    known = [*([GROUP] if match_skips(named, GROUP) else []), *named]
    try:
        choose(text, [*known, *names], "place")
    except UserError as error:
        nearest = str(error).partition(" There are:")[0]
    if (reason := why_no_stage(probe, parts, text)) is not None:
        nearest = f"{nearest} {text} is none: {reason}."
    listed = ", ".join(known) or "no named ones"
    if set(named) - {"logits"}:
        return f"{nearest} Places of this model: {listed}; or the dotted name or pattern of a submodule"
    shown = ", ".join(names[:SHOWN]) + (f", ... ({len(names)} in all)" if len(names) > SHOWN else "")
    return (
        f"{nearest} Places of this model: {listed}; or the dotted name or pattern of a submodule: "
        f"{shown or 'there are none'}"
    )
