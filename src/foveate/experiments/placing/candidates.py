"""The candidates of a placement: every place of a host x every mechanism that can sit there."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foveate.attention.registry import is_refiner, takes_signal
from foveate.errors import UserError
from foveate.inspection.own_attention import own_attention
from foveate.models.attaching.attach import attach, detach
from foveate.models.host import Host
from foveate.models.hosts.registry import HOSTS
from foveate.models.places.find import match_places, named_places, probe_model
from foveate.models.places.modes import evaluating
from foveate.models.places.place import Place
from foveate.specs.arm import AttentionAt, Head

REFINED = "logits"
"""The only place of refiners."""


@dataclass(frozen=True)
class Candidate:
    """A mechanism at a place.

    arm: its canonical text. mechanism: its name with its options. place: its name. channels, stride: of the
    feature map there.
    """

    arm: str
    mechanism: str
    place: str
    channels: int
    stride: float


@dataclass(frozen=True)
class LeftOut:
    """An arm that is no candidate, and why."""

    arm: str
    why: str


def find_candidates(
    host: Host, mechanisms: Sequence[Head], places: Sequence[str] = ()
) -> tuple[tuple[Candidate, ...], tuple[LeftOut, ...]]:
    """Return the candidates on a host, and the arms that cannot be attached.

    Two places are one if attention there has the same effect on the output, such as skip1 and skips.1 of a
    U-Net: the first name counts. A mechanism that takes the signal of a decoder tells them apart.

    Args:
        host: the bare host; it is left as it was.
        mechanisms: name and options of each.
        places: names, patterns such as "encoder*", or submodules by dotted name; all named places if empty.

    Raises `UserError` for a place that the host does not have.
    """
    wanted = _places(host, places)
    same = _same_places(host, wanted)
    found: list[Candidate] = []
    left_out: list[LeftOut] = []
    for mechanism in mechanisms:
        for place in wanted:
            tells_apart = takes_signal(mechanism.name) and place.signal is not None
            if (place.name in same and not tells_apart) or (
                is_refiner(mechanism.name) and place.name != REFINED
            ):
                continue
            arm = str(AttentionAt(mechanism.name, place.name, mechanism.options))
            try:
                detach(attach(host, arm))
            except UserError as error:
                left_out.append(LeftOut(arm, str(error)))
                continue
            found.append(Candidate(arm, str(mechanism), place.name, place.channels, place.stride))
    return tuple(found), tuple(left_out)


def own_mechanisms(host: Host) -> str:
    """Return in words what attention a bare host has of its own, "" for none.

    >>> from foveate.models.create import create_model
    >>> own_mechanisms(create_model("unet", "resnet18")), own_mechanisms(create_model("attention56"))
    ('', 'ResidualAttention')
    """
    published = HOSTS[host.config["arch"]].arm
    if published != "none":
        return published
    modules = dict(host.named_modules())
    own = [type(module).__name__ for module in modules.values() if callable(getattr(module, "weights", None))]
    own += [type(module).__name__ for module in own_attention(host).values()]
    return ", ".join(sorted(set(own)))


def _places(host: Host, wanted: Sequence[str]) -> list[Place]:
    """Return the named places, or those that are wanted, in their order and each once."""
    probe = probe_model(host)
    named = named_places(probe)
    if not wanted:
        return list(named.values())
    found: dict[str, Place] = {}
    for text in wanted:
        matched = [place for name, place in named.items() if fnmatch.fnmatch(name, text)]
        found |= {place.name: place for place in matched or match_places(probe, named, text)}
    return list(found.values())


def _same_places(host: Host, places: Sequence[Place]) -> set[str]:
    """Return the names of places where attention has the same effect as at an earlier one."""
    seen: list[tuple[Place, Tensor]] = []
    same: set[str] = set()
    for place in places:
        output = _output_with(host, place)
        alike = (place.channels, place.size)
        if any((one.channels, one.size) == alike and torch.equal(its, output) for one, its in seen):
            same.add(place.name)
        else:
            seen.append((place, output))
    return same


@torch.no_grad()
def _output_with(host: Host, place: Place) -> Tensor:
    """Return what the host gives for its example with a fixed attention at a place.

    The random state is the same for all places, and so are the weights at places with as many channels.
    """
    try:
        with evaluating(host):
            return attach(host, str(AttentionAt("se", place.name)), gate="none")(host.example())
    finally:
        detach(host)
