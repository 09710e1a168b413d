"""Place curves by epoch on axes: scores and losses of all runs, and how far their attention is open."""

import math

from foveate.experiments.result import Comparison
from foveate.report import words
from foveate.report.openings import widest
from foveate.report.plots import Line, plot
from foveate.report.view import View, has_many_arms

Lines = dict[str, dict[int, dict[int, float]]]
"""A value by arm, seed and epoch."""


def curves(comparison: Comparison, views: dict[str, View]) -> list[View]:
    """Return one plot each of validation score, validation loss and training loss.

    A quantity that was measured in one epoch at most has no plot.
    """
    titles = (
        ("val_score", f"Validation {words.image_score(comparison)}, %", 100.0),
        ("val_loss", "Validation loss", 1.0),
        ("train_loss", "Training loss", 1.0),
    )
    plots = []
    for quantity, title, factor in titles:
        lines: Lines = {}
        for point in comparison.curves:
            if math.isfinite(value := getattr(point, quantity)):
                lines.setdefault(point.arm, {}).setdefault(point.seed, {})[point.epoch] = factor * value
        plots.append(_plot(comparison, views, lines, title))
    return [plot for plot in plots if plot]


def opening_curves(comparison: Comparison, views: dict[str, View]) -> list[View]:
    """Return one plot each of the gates and of the relative changes of the features.

    Of an arm with several attentions, they show the one that changes its features most.
    """
    shown = {arm.arm: widest(comparison, arm.arm) for arm in comparison.contenders}
    titles = (
        ("gate", "Gate", float),
        ("change", "Change of the features, %", lambda change: 100 * change),
    )
    plots = []
    for quantity, title, scaled in titles:
        lines: Lines = {}
        for point in comparison.openings:
            if point.label == shown[point.arm] and math.isfinite(value := getattr(point, quantity)):
                lines.setdefault(point.arm, {}).setdefault(point.seed, {})[point.epoch] = scaled(value)
        plots.append(_plot(comparison, views, lines, title, include=0.0))
    return [plot for plot in plots if plot]


def _plot(
    comparison: Comparison,
    views: dict[str, View],
    runs: Lines,
    title: str,
    include: float | None = None,
) -> View:
    drawn = []
    for arm, by_seed in runs.items():
        shared = sorted(set.intersection(*(set(line) for line in by_seed.values())))
        mean = {epoch: sum(line[epoch] for line in by_seed.values()) / len(by_seed) for epoch in shared}
        singles = len(by_seed) > 1 and not has_many_arms(comparison)
        drawn += [Line(line, "thin", views[arm]) for line in by_seed.values() if singles]
        drawn.append(Line(mean, "thick", views[arm]))
    lines = [line for by_seed in runs.values() for line in by_seed.values()]
    return plot(drawn, title, f"{title}, by epoch, one line a run", include, lines)
