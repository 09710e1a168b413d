"""Plan the contenders of a comparison: the bare host, the arms, and placebos with as many parameters."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from foveate.errors import UserError
from foveate.models.attaching.attach import attached
from foveate.specs.arm import Arm, AttentionAt, parse_named_arm

Build = Callable[[str], nn.Module]
"""Builds the host with an arm."""


@dataclass(frozen=True)
class PlannedArm:
    """One contender of a comparison.

    arm: its canonical text. folder: the name of its folder. role: "host", "arm" or "placebo". beside: the
    arms that a placebo is the control of. name: the name that the user gave it, "" for none.
    """

    arm: str
    folder: str
    role: str
    beside: tuple[str, ...] = ()
    name: str = ""


def plan_arms(arms: Iterable[str], placebo: bool, build: Build) -> tuple[PlannedArm, ...]:
    """Return every contender once: the host first, each placebo after its arm.

    Every arm is built once with `build`, to find unknown names, places and options before training, and to
    count the parameters of its attentions. With `placebo`, every arm gets a placebo with as many parameters.
    A bare `placebo@PLACE` among the arms asks for this at that place only. Equal placebos are one contender.

    Raises `UserError` for a bare placebo that has a name, or whose place has no other arm.
    """
    named = [parse_named_arm(arm) for arm in arms]
    names = {str(arm): name for name, arm in named if name}
    parsed = list(dict.fromkeys(arm for _, arm in named))
    bare = [part.place for arm in parsed if _is_bare_placebo(arm) for part in arm.attentions]
    for arm in parsed:
        if _is_bare_placebo(arm) and (name := names.get(str(arm))):
            raise UserError(
                f"arm '{name}={arm}': a placebo without a size is added for every arm at its place and is "
                "named after that arm; leave the name out"
            )
    contenders = [arm for arm in parsed if arm != Arm() and not _is_bare_placebo(arm)]
    build("none")
    beside: dict[str, list[str]] = {}
    order = ["none"]
    for arm in contenders:
        modules = attached(build(str(arm)))
        order.append(str(arm))
        wanted = placebo or any(part.place in bare for part in arm.attentions)
        if wanted and not _is_placebo(arm) and (control := _placebo(arm, modules)):
            order.append(control)
            beside.setdefault(control, []).append(str(arm))
    for place in bare:
        if not any(place in {part.place for part in arm.attentions} for arm in contenders):
            raise UserError(
                f"arm 'placebo@{place}': no other arm sits at {place}, so the placebo has no size to copy; "
                f"add an arm there, or give a size: placebo@{place}(parameters=1000)"
            )
    for control in beside:
        build(control)
    for control, owners in beside.items():
        owner = names.get(owners[0])
        if owner and f"{owner}-placebo".lower() not in {name.lower() for name in names.values()}:
            names.setdefault(control, f"{owner}-placebo")
    folders = _folders({arm: names.get(arm, arm) for arm in order})
    roles = dict.fromkeys(order, "arm") | dict.fromkeys(beside, "placebo") | {"none": "host"}
    return tuple(
        PlannedArm(arm, folders[arm], role, tuple(beside.get(arm, ())), names.get(arm, ""))
        for arm, role in roles.items()
    )


def _is_placebo(arm: Arm) -> bool:
    return bool(arm.attentions) and all(part.name == "placebo" for part in arm.attentions)


def _is_bare_placebo(arm: Arm) -> bool:
    return len(arm.parts) == 1 and _is_placebo(arm) and not arm.parts[0].options and not arm.augment


def _placebo(arm: Arm, modules: dict[str, nn.Module]) -> str | None:
    """Return the arm with a placebo for every attention; heads stay. None if no attention has parameters."""
    parts = []
    for label, module in modules.items():
        count = sum(parameter.numel() for parameter in module.parameters())
        if count:
            parts.append(AttentionAt("placebo", label.partition("@")[2], (("parameters", count),)))
    places = [part.place for part in parts]
    if len(set(places)) < len(places):
        counts = {
            place: sum(dict(p.options)["parameters"] for p in parts if p.place == place) for place in places
        }
        parts = [AttentionAt("placebo", place, (("parameters", count),)) for place, count in counts.items()]
    return str(replace(arm, parts=(*parts, *arm.heads))) if parts else None


def _folders(names: Mapping[str, str]) -> dict[str, str]:
    """Return a folder name for each arm, from its name or text.

    Characters that are special to a shell or a file system become "-". No two names differ by case only.

    >>> _folders({"none": "none", "smooth@encoder5(threshold=0.4)": "smooth@encoder5(threshold=0.4)"})
    {'none': 'none', 'smooth@encoder5(threshold=0.4)': 'smooth@encoder5-threshold=0.4'}
    """
    folders: dict[str, str] = {}
    for arm, name in names.items():
        base = re.sub(r"[^\w.@=+]+", "-", name).strip("-.")[:100]
        taken = {folder.lower() for folder in folders.values()}
        candidates = (base if number == 1 else f"{base}~{number}" for number in itertools.count(1))
        folders[arm] = next(folder for folder in candidates if folder.lower() not in taken)
    return folders
