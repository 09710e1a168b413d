"""Prepare the arms of a comparison for the template: names, colours, verdicts and formatted numbers."""

import re
from collections.abc import Sequence
from typing import Any

from foveate.evaluation.cost import Cost
from foveate.experiments.result import Comparison, Contender
from foveate.report import words
from foveate.report.sentences import contrast_sentences, verdict_sentences
from foveate.specs.arm import parse_arm
from foveate.verdicts.findings import ArmResult, Contrast

ARM_COLORS = 6
MANY = 7
"""From this many arms on, a sortable table replaces the cards, and colours stand for groups of arms."""
PANELS = 4
"""Number of arms shown beside the host for each gallery image, if there are many arms."""
VERDICTS = ("helps", "no difference", "not shown", "not tested", "no verdict", "", "hurts")
"""The sort order of verdicts; the reference has the verdict ""."""
TONES = {"helps": "helps", "hurts": "hurts", "no difference": "same", "not tested": "untested"}
"""The CSS class of a verdict's colours; "open" for the others."""
View = dict[str, Any]


def arm_views(comparison: Comparison) -> dict[str, View]:
    """Return what the page shows of every arm, by arm; a placebo has the colour of its arm.

    The reference is grey, and so is the bare host, unless it is one of a few arms beside another reference.
    """
    colors = {arm.arm: 0 for arm in (comparison.baseline, *_bare_host(comparison))}
    if has_many_arms(comparison):
        groups = _groups(comparison)
        colors |= {arm.arm: _group_color(groups, groups[arm.arm]) for arm in comparison.arms}
    else:
        colored = (*comparison.arms, *_bare_host(comparison))
        colors |= {arm.arm: 1 + number % ARM_COLORS for number, arm in enumerate(colored)}
    colors |= {arm.arm: colors[arm.beside[0]] for arm in comparison.placebos}
    return {arm.arm: _arm_view(comparison, arm, colors[arm.arm]) for arm in comparison.contenders}


def has_many_arms(comparison: Comparison) -> bool:
    """Return whether there are too many arms for a card and a colour each."""
    return len(comparison.arms) + len(_bare_host(comparison)) >= MANY


def group_legend(comparison: Comparison) -> list[View]:
    """Return the groups of arms with their colours; empty if each arm has its own colour."""
    if not has_many_arms(comparison):
        return []
    groups = _groups(comparison)
    return [{"name": group, "color": _group_color(groups, group)} for group in dict.fromkeys(groups.values())]


def grey_name(comparison: Comparison) -> str:
    """Return what is grey if colours stand for groups: the reference, and the bare host."""
    return words.listed([words.reference(comparison), *("the host" for _ in _bare_host(comparison))])


def contrast_views(comparison: Comparison, views: dict[str, View]) -> list[View]:
    """Return what the page shows of every contrast."""
    return [
        {
            "arm": views[contrast.arm],
            "reference": views[contrast.reference],
            "seeds": len(contrast.seeds),
            "sentences": contrast_sentences(comparison, contrast),
            **judged_view(contrast),
        }
        for contrast in comparison.findings.contrasts
    ]


def judged_view(found: ArmResult | Contrast) -> View:
    """Return a difference and its verdict in words; empty words for the reference itself."""
    if found.difference is None or found.verdict is None:
        names = ("difference", "difference_interval", "verdict", "mark", "tone", "p")
        return dict.fromkeys(names, "")
    return {
        "difference": words.points(found.difference.mean),
        "difference_interval": words.interval(found.difference.low, found.difference.high),
        "verdict": found.verdict,
        "mark": words.MARKS[found.verdict],
        "tone": TONES.get(found.verdict, "open"),
        "p": words.p_value(found.p_holm),
    }


def _bare_host(comparison: Comparison) -> list[Contender]:
    """Return the bare host if it is not the reference."""
    return [item for item in comparison.contenders if item.role == "host" and item != comparison.baseline]


def _groups(comparison: Comparison) -> dict[str, str]:
    """Return the group of each arm: its mechanisms, or its places if mechanisms outnumber the colours.

    If there are too many places as well, the surplus mechanisms form the group "other".
    """
    parsed = {arm.arm: parse_arm(arm.arm) for arm in comparison.arms}
    mechanisms = {
        name: " + ".join(part.name for part in arm.parts) or "augmentation" for name, arm in parsed.items()
    }
    places = {
        name: " + ".join(getattr(part, "place", "head") for part in arm.parts) for name, arm in parsed.items()
    }
    for groups in (mechanisms, places):
        if 1 < len(set(groups.values())) <= ARM_COLORS:
            return groups
    named = list(dict.fromkeys(mechanisms.values()))[: ARM_COLORS - 1]
    return {name: group if group in named else "other" for name, group in mechanisms.items()}


def _group_color(groups: dict[str, str], group: str) -> int:
    return 1 + list(dict.fromkeys(groups.values())).index(group)


def _arm_view(comparison: Comparison, arm: Contender, color: int) -> View:
    result, baseline = comparison.result(arm.arm), comparison.result(comparison.baseline.arm)
    is_reference = arm == comparison.baseline
    view = {
        "name": arm.label,
        "pieces": _name_pieces(arm),
        "text": arm.arm if arm.name and arm.role != "host" else "",
        "role": arm.role,
        "is_reference": is_reference,
        "color": color,
        "note": _note(comparison, arm),
        "score": words.percent(result.score.mean),
        "interval": words.percent_interval(result.score.low, result.score.high),
        "costs": _costs(result.cost, None if is_reference else baseline.cost),
        **judged_view(result),
    }
    view["sorted_by"] = [
        arm.label.lower(),
        result.score.mean,
        result.difference.mean if result.difference is not None else 0.0,
        VERDICTS.index(view["verdict"]),
        result.cost.parameters,
        result.cost.flops,
        result.cost.latency_ms,
        result.cost.memory_bytes,
    ]
    return view | {"sentences": verdict_sentences(comparison, arm) if arm in comparison.arms else []}


def _note(comparison: Comparison, arm: Contender) -> str:
    """Return the role of an arm in words, and its number of seeds if others have another."""
    labels = {contender.arm: contender.label for contender in comparison.contenders}
    notes = []
    if arm.role == "host":
        notes.append("the bare host")
    elif arm == comparison.baseline:
        notes.append("the reference")
    if arm.beside:
        notes.append(f"placebo of {', '.join(labels[name] for name in arm.beside)}")
    if len({len(contender.seeds) for contender in comparison.contenders}) > 1:
        notes.append(words.counted(len(arm.seeds), "seed"))
    return ", ".join(notes)


def _costs(cost: Cost, base: Cost | None) -> list[View]:
    """Return each cost, and how it compares with the reference's; None for the reference itself."""
    against = base or cost
    costs = [
        (words.quantity(cost.parameters), words.added(cost.parameters, against.parameters)),
        (words.quantity(cost.flops), words.ratio(cost.flops, against.flops)),
        (f"{cost.latency_ms:.1f} ms", words.ratio(cost.latency_ms, against.latency_ms)),
        (words.mebibytes(cost.memory_bytes), words.ratio(cost.memory_bytes, against.memory_bytes)),
    ]
    return [{"value": value, "against": compared if base else ""} for value, compared in costs]


def _name_pieces(arm: Contender) -> list[str]:
    """Split an arm's label where a line may break."""
    return re.findall(r"[^_.-]*[_.-]?" if arm.name else r"[(+@]?[^(+@,]*,?", arm.label)[:-1]


def css_color(color: Sequence[int]) -> str:
    """Format an RGB colour for CSS.

    >>> css_color((0, 114, 178))
    'rgb(0, 114, 178)'
    """
    return "rgb({}, {}, {})".format(*color)
