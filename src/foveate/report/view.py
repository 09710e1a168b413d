"""Prepare a comparison for the template: names, formatted numbers, and positions on axes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from foveate.experiments.result import Comparison, Contender
from foveate.report import words
from foveate.report.scales import Scale, fit_scale
from foveate.specs.arm import parse_arm
from foveate.verdicts.statistics import IntervalEstimate

ARM_COLORS = 6
MANY = 7
"""From this many arms on, a sortable table replaces the cards, and colours stand for groups of arms."""
PANELS = 4
"""Number of arms shown beside the host for each gallery image, if there are many arms."""
VERDICTS = ("helps", "not shown", "no verdict", "", "hurts")
"""The sort order of verdicts; the host has the verdict ""."""
View = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval on a strip: positions in percent of its width, y and radius in pixels."""

    color: int
    hollow: bool
    at: float
    low: float
    high: float
    y: float
    radius: float
    seeds: tuple[float, ...] = ()


def arm_views(comparison: Comparison) -> dict[str, View]:
    """Return what the page shows of every arm, by arm; a placebo has the colour of its arm."""
    colors = {comparison.baseline.arm: 0}
    if has_many_arms(comparison):
        groups = _groups(comparison)
        colors |= {arm.arm: _group_color(groups, groups[arm.arm]) for arm in comparison.arms}
    else:
        colors |= {arm.arm: 1 + number % ARM_COLORS for number, arm in enumerate(comparison.arms)}
    colors |= {arm.arm: colors[arm.beside[0]] for arm in comparison.placebos}
    return {arm.arm: _arm_view(comparison, arm, colors[arm.arm]) for arm in comparison.contenders}


def has_many_arms(comparison: Comparison) -> bool:
    """Return whether there are too many arms for a card and a colour each."""
    return len(comparison.arms) >= MANY


def group_legend(comparison: Comparison) -> list[View]:
    """Return the groups of arms with their colours; empty if each arm has its own colour."""
    if not has_many_arms(comparison):
        return []
    groups = _groups(comparison)
    return [{"name": group, "color": _group_color(groups, group)} for group in dict.fromkeys(groups.values())]


def _groups(comparison: Comparison) -> dict[str, str]:
    """Return the group of each arm: its mechanisms, or its places if mechanisms outnumber the colours.

    If there are too many places as well, the surplus mechanisms form the group "other".
    """
    parsed = {arm.arm: parse_arm(arm.arm) for arm in comparison.arms}
    mechanisms = {name: " + ".join(part.name for part in arm.parts) for name, arm in parsed.items()}
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
    result, host = comparison.result(arm.arm), comparison.result(comparison.baseline.arm)
    labels = {contender.arm: contender.label for contender in comparison.contenders}
    cost, base, is_host = result.cost, host.cost, arm.role == "host"
    costs = [
        (words.quantity(cost.parameters), words.added(cost.parameters, base.parameters)),
        (words.quantity(cost.flops), words.ratio(cost.flops, base.flops)),
        (f"{cost.latency_ms:.1f} ms", words.ratio(cost.latency_ms, base.latency_ms)),
        (words.mebibytes(cost.memory_bytes), words.ratio(cost.memory_bytes, base.memory_bytes)),
    ]
    view = {
        "name": arm.label,
        "pieces": _name_pieces(arm),
        "text": arm.arm if arm.name and not is_host else "",
        "role": arm.role,
        "color": color,
        "note": "the bare host"
        if is_host
        else f"placebo of {', '.join(labels[name] for name in arm.beside)}"
        if arm.beside
        else "",
        "score": words.percent(result.score.mean),
        "interval": words.percent_interval(result.score.low, result.score.high),
        "costs": [{"value": value, "against": "" if is_host else against} for value, against in costs],
        **dict.fromkeys(("difference", "difference_interval", "verdict", "mark", "tone", "p"), ""),
    }
    if result.difference is not None:
        view |= {
            "difference": words.points(result.difference.mean),
            "difference_interval": words.interval(result.difference.low, result.difference.high),
            "verdict": result.verdict,
            "mark": words.MARKS[result.verdict],
            "tone": result.verdict if result.verdict in ("helps", "hurts") else "open",
            "p": words.p_value(result.p_holm),
        }
    difference = result.difference.mean if result.difference is not None else 0.0
    view["sorted_by"] = [
        arm.label.lower(),
        result.score.mean,
        difference,
        VERDICTS.index(view["verdict"]),
        cost.parameters,
        cost.flops,
        cost.latency_ms,
        cost.memory_bytes,
    ]
    return view | {"sentences": words.verdict_sentences(comparison, arm) if arm.role == "arm" else []}


def _name_pieces(arm: Contender) -> list[str]:
    """Split an arm's label where a line may break."""
    return re.findall(r"[^_.-]*[_.-]?" if arm.name else r"[(+@]?[^(+@,]*,?", arm.label)[:-1]


def forest(comparison: Comparison, views: dict[str, View]) -> View:
    """Return the forest plot of paired differences: each arm, its placebo below it, single seeds as dots."""
    ordered: list[Contender] = []
    for arm in comparison.arms:
        placebo = comparison.placebo_of(arm.arm)
        ordered += [arm] if placebo is None or placebo in ordered else [arm, placebo]
    if has_many_arms(comparison):
        ordered.sort(key=lambda arm: -comparison.result(arm.arm).difference.mean)
    means = {arm.arm: comparison.result(arm.arm).difference for arm in ordered}
    seeds = {
        arm.arm: [100 * value for value in comparison.result(arm.arm).seed_differences] for arm in ordered
    }
    scale = fit_scale(
        [*_ends(means.values()), *(v for values in seeds.values() for v in values)], 6, include=0.0
    )
    rows = []
    for arm in ordered:
        view, difference = views[arm.arm], means[arm.arm]
        mark = replace(_mark(scale, difference, view, 17, 6.5), seeds=tuple(map(scale, seeds[arm.arm])))
        alt = f"{arm.label}: {view['difference']} points, 95% interval {view['difference_interval']}"
        rows.append(_strip(scale, alt) | {"arm": view, "marks": [mark]})
    return {"rows": rows, "ticks": _ticks(scale, signed=True)}


def by_class(comparison: Comparison, views: dict[str, View]) -> View:
    """Return the difference of every class score: one row a class, with one mark and one cell an arm."""
    others = [arm for arm in comparison.contenders if arm.role != "host"]
    changes = {
        (arm.arm, change.name): change.difference
        for arm in others
        for change in comparison.result(arm.arm).measures[comparison.class_score]
        if change.difference is not None and math.isfinite(change.difference.mean)
    }
    scale = fit_scale(_ends(changes.values()), 6, include=0.0)
    baseline = comparison.result(comparison.baseline.arm)
    host = {change.name: change.score for change in baseline.measures[comparison.class_score]}
    rows = []
    for name, color in zip(comparison.classes, comparison.colors, strict=True):
        known = [(line, views[arm.arm], changes.get((arm.arm, name))) for line, arm in enumerate(others)]
        alt = "; ".join(
            f"{view['name']} {words.points(change.mean)} points" for _, view, change in known if change
        )
        rows.append(
            _strip(scale, f"{name}: {alt or 'not in the test images'}")
            | {
                "name": name,
                "swatch": css_color(color),
                "host": words.percent(host.get(name, math.nan)),
                "marks": [
                    _mark(scale, change, view, 11 + 13 * line, 4) for line, view, change in known if change
                ],
                "height": 22 + 13 * max(len(others) - 1, 0),
                "cells": [_cell(change) for _, _, change in known],
            }
        )
    return {"rows": rows, "ticks": _ticks(scale, signed=True)}


def by_error(comparison: Comparison) -> list[View]:
    """Return the host's rate of every kind of error, and each arm's difference to it."""
    others = [comparison.result(arm.arm) for arm in comparison.contenders if arm.role != "host"]
    rows = []
    for number, host in enumerate(comparison.result(comparison.baseline.arm).errors):
        cells = [_cell(other.errors[number].difference) for other in others]
        name = host.name[0].upper() + host.name[1:]
        rows.append({"name": name, "host": words.percent(host.score), "cells": cells})
    return rows


def curves(comparison: Comparison, views: dict[str, View]) -> list[View]:
    """Return one plot each of validation score, validation loss and training loss.

    A quantity that was measured in one epoch at most has no plot.
    """
    titles = (
        ("val_score", f"Validation {words.score_name(comparison.score)}, %", 100.0),
        ("val_loss", "Validation loss", 1.0),
        ("train_loss", "Training loss", 1.0),
    )
    plots = [_plot(comparison, views, name, title, factor) for name, title, factor in titles]
    return [plot for plot in plots if plot]


def css_color(color: Sequence[int]) -> str:
    """Format an RGB colour for CSS.

    >>> css_color((0, 114, 178))
    'rgb(0, 114, 178)'
    """
    return "rgb({}, {}, {})".format(*color)


def _plot(comparison: Comparison, views: dict[str, View], quantity: str, title: str, factor: float) -> View:
    runs: dict[str, dict[int, dict[int, float]]] = {}
    for point in comparison.curves:
        if math.isfinite(value := getattr(point, quantity)):
            runs.setdefault(point.arm, {}).setdefault(point.seed, {})[point.epoch] = factor * value
    lines = [line for by_seed in runs.values() for line in by_seed.values()]
    if not lines:
        return {}
    vertical = fit_scale((value for line in lines for value in line.values()), 5)
    first, last = min(min(line) for line in lines), max(max(line) for line in lines)
    if first == last:
        return {}
    ticks = tuple(
        tick for tick in fit_scale([first, last], min(6, last - first), margin=0.0).ticks if tick % 1 == 0
    )
    horizontal = Scale(first, last, ticks)
    drawn = []
    for arm, by_seed in runs.items():
        shared = sorted(set.intersection(*(set(line) for line in by_seed.values())))
        mean = {epoch: sum(line[epoch] for line in by_seed.values()) / len(by_seed) for epoch in shared}
        singles = len(by_seed) > 1 and not has_many_arms(comparison)
        weighted = [(line, "thin") for line in by_seed.values() if singles] + [(mean, "thick")]
        for line, weight in weighted:
            placed = " ".join(
                f"{horizontal(x)},{round(100 - vertical(y), 2)}" for x, y in sorted(line.items())
            )
            drawn.append({"points": placed, "weight": weight, "arm": views[arm]})
    return {
        "title": title,
        "alt": f"{title}, by epoch, one line a run",
        "ticks": _ticks(vertical),
        "epochs": _ticks(horizontal),
        "lines": sorted(drawn, key=lambda line: line["weight"] == "thick"),
    }


def _ends(estimates: Any) -> list[float]:
    return [end for estimate in estimates for end in _interval_points(estimate)]


def _interval_points(change: IntervalEstimate) -> tuple[float, float, float]:
    """Return the mean and the ends of its interval in points, clipped to ±100.

    Without an interval, both ends are the mean.
    """
    ends = (change.low, change.high)
    low, high = (min(max(end, -1.0), 1.0) if math.isfinite(end) else change.mean for end in ends)
    return 100 * change.mean, 100 * low, 100 * high


def _cell(change: IntervalEstimate | None) -> View:
    if change is None:
        return {"value": "–", "interval": ""}
    return {"value": words.points(change.mean), "interval": words.interval(change.low, change.high)}


def _strip(scale: Scale, alt: str) -> View:
    return {"alt": alt, "zero": scale(0.0), "ticks": [scale(tick) for tick in scale.ticks]}


def _mark(scale: Scale, change: IntervalEstimate, view: View, y: float, radius: float) -> Mark:
    at, low, high = map(scale, _interval_points(change))
    return Mark(view["color"], view["role"] == "placebo", at, low, high, y, radius)


def _ticks(scale: Scale, signed: bool = False) -> list[View]:
    return [{"at": scale(tick), "label": scale.label(tick, signed)} for tick in scale.ticks]
