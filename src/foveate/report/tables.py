"""Fill the tables of secondary scores: by kind of error, and Dice, precision and recall by class."""

import math

from foveate.experiments.result import Comparison, Contender
from foveate.report import words
from foveate.report.view import View
from foveate.verdicts.statistics import IntervalEstimate


def compared(comparison: Comparison) -> list[Contender]:
    """Return all contenders that have a difference: all but the reference."""
    return [arm for arm in comparison.contenders if arm.arm != comparison.baseline.arm]


def by_error(comparison: Comparison) -> list[View]:
    """Return the reference's rate of every kind of error, and each arm's difference from it."""
    others = [comparison.result(arm.arm) for arm in compared(comparison)]
    rows = []
    for number, base in enumerate(comparison.result(comparison.baseline.arm).errors):
        cells = [change_cell(other.errors[number].difference) for other in others]
        name = base.name[0].upper() + base.name[1:]
        rows.append({"name": name, "base": words.percent(base.score), "cells": cells})
    return rows


def by_measure(comparison: Comparison) -> list[View]:
    """Return a table for each further score by class: the value of each arm, with its difference."""
    is_masks = comparison.task == "segmentation"
    titles = {
        "dice": "Dice (F1)" if is_masks else "F1 (Dice)",
        "precision": "Precision",
        "recall": "Recall",
    }
    return [
        {"title": f"{title} by class", "rows": _rows(comparison, measure)}
        for measure, title in titles.items()
        if measure != comparison.class_score
    ]


def change_cell(change: IntervalEstimate | None) -> View:
    """Return a difference with its interval in words."""
    if change is None:
        return {"value": "–", "interval": ""}
    return {"value": words.points(change.mean), "interval": words.interval(change.low, change.high)}


def _rows(comparison: Comparison, measure: str) -> list[View]:
    base = comparison.result(comparison.baseline.arm).measures[measure]
    others = [comparison.result(arm.arm).measures[measure] for arm in compared(comparison)]
    rows = []
    for number, detail in enumerate(base):
        cells = []
        for other in others:
            change = change_cell(other[number].difference)
            text = " ".join([change["value"], f"({change['interval']})" * bool(change["interval"])])
            known = math.isfinite(other[number].score)
            cells.append({"value": words.percent(other[number].score), "interval": text if known else ""})
        rows.append({"name": detail.name, "base": words.percent(detail.score), "cells": cells})
    return rows
