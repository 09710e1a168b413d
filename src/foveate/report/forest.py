"""Place differences and their intervals on axes: the forest plot of all arms, and that of all classes."""

import math
from dataclasses import dataclass, replace
from typing import Any

from foveate.experiments.result import Comparison, Contender
from foveate.report import words
from foveate.report.scales import Scale, fit_scale
from foveate.report.tables import change_cell, compared
from foveate.report.view import View, contrast_views, css_color, has_many_arms
from foveate.verdicts.findings import ArmResult, Contrast
from foveate.verdicts.statistics import IntervalEstimate


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


def forest(comparison: Comparison, views: dict[str, View]) -> View:
    """Return the forest plot of paired differences with the margin as a band.

    Each arm has a row, with its placebo below it and single seeds as dots; contrasts follow.
    """
    rows = [
        (comparison.result(arm.arm), views[arm.arm], views[arm.arm]["name"], None)
        for arm in _ordered(comparison)
    ]
    rows += [
        (found, view, f"{view['arm']['name']} vs {view['reference']['name']}", view["reference"])
        for found, view in zip(comparison.findings.contrasts, contrast_views(comparison, views), strict=True)
    ]
    margin = 100 * comparison.findings.margin
    scale = fit_scale([end for found, *_ in rows for end in _extent(found)] + [-margin, margin], 6, 0.0)
    drawn = [_row(scale, margin, *row) for row in rows]
    return {"rows": drawn, "ticks": ticks_of(scale, signed=True)}


def _ordered(comparison: Comparison) -> list[Contender]:
    """Return all contenders but the reference, each placebo after its arm, the bare host last.

    Many arms are in the order of their differences.
    """
    ordered: list[Contender] = []
    for arm in comparison.arms:
        placebo = comparison.placebo_of(arm.arm)
        ordered += [arm] if placebo is None or placebo in ordered else [arm, placebo]
    left = [item for item in compared(comparison) if item not in ordered]
    ordered += sorted(left, key=lambda item: item.role == "host")
    if has_many_arms(comparison):
        ordered.sort(key=lambda arm: -comparison.result(arm.arm).difference.mean)
    return ordered


def _extent(found: ArmResult | Contrast) -> list[float]:
    """Return the ends of the interval and the differences of the seeds, in points."""
    known = (value for value in found.seed_differences if math.isfinite(value))
    return [*_interval_points(found.difference), *(100 * value for value in known)]


def _row(
    scale: Scale, margin: float, found: ArmResult | Contrast, view: View, name: str, reference: View | None
) -> View:
    """Return a row of the forest plot; view: of an arm, or of a contrast with its reference."""
    arm = view["arm"] if reference else view
    seeds = tuple(scale(100 * value) for value in found.seed_differences if math.isfinite(value))
    mark = replace(_mark(scale, found.difference, arm, 17, 6.5), seeds=seeds)
    alt = (
        f"{name}: {view['difference']} points, 95% interval {view['difference_interval']}, {view['verdict']}"
    )
    strip = _strip(scale, alt, (scale(-margin), scale(margin)))
    shown = {key: view[key] for key in ("difference", "difference_interval", "verdict")}
    return strip | shown | {"arm": arm, "reference": reference, "marks": [mark]}


def by_class(comparison: Comparison, views: dict[str, View]) -> View:
    """Return the difference of every class score: one row a class, with one mark and one cell an arm."""
    others = compared(comparison)
    changes = {
        (arm.arm, change.name): change.difference
        for arm in others
        for change in comparison.result(arm.arm).measures[comparison.class_score]
        if change.difference is not None and math.isfinite(change.difference.mean)
    }
    scale = fit_scale(_ends(changes.values()), 6, include=0.0)
    baseline = comparison.result(comparison.baseline.arm)
    base = {change.name: change.score for change in baseline.measures[comparison.class_score]}
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
                "base": words.percent(base.get(name, math.nan)),
                "marks": [
                    _mark(scale, change, view, 11 + 13 * line, 4) for line, view, change in known if change
                ],
                "height": 22 + 13 * max(len(others) - 1, 0),
                "cells": [change_cell(change) for _, _, change in known],
            }
        )
    return {"rows": rows, "ticks": ticks_of(scale, signed=True)}


def _ends(estimates: Any) -> list[float]:
    return [end for estimate in estimates for end in _interval_points(estimate)]


def _interval_points(change: IntervalEstimate) -> tuple[float, float, float]:
    """Return the mean and the ends of its interval in points, clipped to ±100.

    Without an interval, both ends are the mean.
    """
    ends = (change.low, change.high)
    low, high = (min(max(end, -1.0), 1.0) if math.isfinite(end) else change.mean for end in ends)
    return 100 * change.mean, 100 * low, 100 * high


def _strip(scale: Scale, alt: str, band: tuple[float, float] | None = None) -> View:
    """Return an empty strip; band: the ends of a shaded part, in percent of its width."""
    return {"alt": alt, "band": band, "zero": scale(0.0), "ticks": [scale(tick) for tick in scale.ticks]}


def _mark(scale: Scale, change: IntervalEstimate, view: View, y: float, radius: float) -> Mark:
    at, low, high = map(scale, _interval_points(change))
    return Mark(view["color"], view["role"] == "placebo", at, low, high, y, radius)


def ticks_of(scale: Scale, signed: bool = False) -> list[View]:
    return [{"at": scale(tick), "label": scale.label(tick, signed)} for tick in scale.ticks]
