"""The page on sweeps: one table of the family, curves and heat maps of the score over swept values."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.evaluation.judges import score_words
from foveate.experiments.sweeps.collect import Collection
from foveate.experiments.sweeps.family import Entry
from foveate.files import write_whole
from foveate.report import words
from foveate.report.forest import ticks_of
from foveate.report.html import render_template
from foveate.report.scales import Scale, fit_scale
from foveate.specs.arm import parse_arm

View = dict[str, Any]

COLORS = 6
"""Colours of lines."""


def write_page(collection: Collection, source: Path, path: Path) -> Path:
    """Write the page about the results in the folder `source` to `path`, and return it."""
    page = render_template(
        "swept.html",
        source=str(source),
        headline=headline(collection),
        rows=[_row(entry) for entry in collection.entries],
        plots=[plot for group in _groups(collection.entries) for plot in _plots(group)],
        left_out=collection.left_out,
    )
    with write_whole(path, "w") as file:
        file.write(page)
    return path


def headline(collection: Collection) -> str:
    """Return how many runs are done, and how many questions were decided how, in words."""
    status = [row["status"] for row in collection.rows]
    counts = {name: status.count(name) for name in dict.fromkeys(status)}
    runs = ", ".join(f"{number} {name}" for name, number in counts.items())
    text = f"{words.counted(len(status), 'run')}: {runs}."
    if not collection.questions and set(counts) == {"done"}:
        return (
            f"{text} Nothing is set against a reference: verdicts need the reference among the arms, or "
            "`versus` and `reference` for a swept field, and at least 2 seeds or folds."
        )
    if not collection.questions:
        return f"{text} No question is complete yet: verdicts need the reference and all seeds."
    asked = [entry.verdict for entry in collection.entries if entry.difference is not None and entry.asks]
    verdicts = ", ".join(f"{asked.count(name)} {name}" for name in words.MARKS if name in asked)
    number = words.counted(collection.questions, "question")
    return f"{text} {number} in one family, p-values by Holm: {verdicts}."


def table_lines(collection: Collection) -> list[str]:
    """Return the entries as the lines of a text table."""
    shown = ("data", "arm", "values", "score", "difference", "interval", "p", "verdict")
    table = [dict(zip(shown, shown, strict=True)) | {"values": "swept"}]
    table += [_row(entry) for entry in collection.entries]
    widths = [max(len(row[name]) for row in table) for name in shown]
    return [
        "  ".join(row[name].ljust(width) for name, width in zip(shown, widths, strict=True)).rstrip()
        for row in table
    ]


def _row(entry: Entry) -> View:
    change = entry.difference
    return {
        "data": entry.data,
        "arm": entry.arm,
        "values": _values(entry.values),
        "trainings": entry.trainings,
        "score_name": score_words(entry.score_name),
        "score": _with_interval(entry.score),
        "reference": entry.reference,
        "difference": "" if change is None else words.points(change.mean),
        "interval": "" if change is None else words.interval(change.low, change.high),
        "p": "" if change is None else words.p_value(entry.p),
        "verdict": f"{words.MARKS[entry.verdict]} {entry.verdict}" if entry.verdict else "",
        "parameters": f"{entry.parameters:,}",
        "source": entry.source,
    }


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _with_interval(score: Any) -> str:
    """Return a score in percent with its interval, if there is one.

    >>> from types import SimpleNamespace
    >>> _with_interval(SimpleNamespace(mean=0.228, low=-1.496, high=1.952))
    '22.8 (0.0 to 100.0)'
    """
    mean, interval = words.percent(score.mean), words.percent_interval(score.low, score.high)
    return f"{mean} ({interval})" if interval else mean


def axes(entry: Entry) -> dict[str, Any]:
    """Return what was swept to train an entry: fields, and options of its arm by "arm: option".

    The arm without its options is "arm" itself.
    """
    try:
        arm = parse_arm(entry.arm)
    except UserError:  # a name of the user
        return {"arm": entry.arm} | entry.values
    options = {f"{part.name}: {name}": value for part in arm.parts for name, value in part.options}
    options |= {"augment": arm.augment} if arm.augment else {}
    kind = "+".join(f"{part.name}@{getattr(part, 'place', '')}".rstrip("@") for part in arm.parts) or "none"
    return {"arm": kind} | options | entry.values


def _groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the entries by sweep, data and score."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.source, entry.data, entry.score_name), []).append(entry)
    return list(groups.values())


def _plots(group: Sequence[Entry]) -> list[View]:
    """Return a curve for each swept number, and a heat map for each pair of swept axes."""
    placed = [(axes(entry), entry) for entry in group]
    names = list(dict.fromkeys(name for own, _ in placed for name in own))
    values = {name: list(dict.fromkeys(str(own[name]) for own, _ in placed if name in own)) for name in names}
    swept = [name for name in names if len(values[name]) > 1]
    title = f"{group[0].data}: {score_words(group[0].score_name)}, %"
    plots = []
    for name in swept:
        if all(_is_number(own[name]) for own, _ in placed if name in own):
            plots.append(_curve(title, name, placed))
    for number, down in enumerate(swept):
        for across in swept[number + 1 :]:
            plots.append(_heat_map(title, down, across, placed))
    return [plot for plot in plots if plot]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _curve(title: str, name: str, placed: Sequence[tuple[View, Entry]]) -> View:
    """Return lines of the score over a swept number, one for each combination of everything else."""
    lines: dict[str, list[tuple[float, Any]]] = {}
    for own, entry in placed:
        if name in own:
            rest = ", ".join(str(value) for key, value in own.items() if key != name)
            lines.setdefault(rest, []).append((float(own[name]), entry.score))
    lines = {rest: sorted(points, key=lambda point: point[0]) for rest, points in lines.items()}
    numbers = sorted({x for points in lines.values() for x, _ in points})
    if len(numbers) < 2:
        return {}
    is_logarithmic = numbers[0] > 0 and numbers[-1] / numbers[0] >= 30
    place = math.log10 if is_logarithmic else float
    ticks = tuple(map(place, numbers)) if len(numbers) <= 8 else ()
    low, high = place(numbers[0]), place(numbers[-1])
    across = Scale(low, high, ticks)
    scores = [score for points in lines.values() for _, score in points]
    ends = [end for score in scores for end in (score.mean, score.low, score.high) if math.isfinite(end)]
    up = fit_scale([100 * end for end in ends], 5)
    drawn = []
    for number, (rest, points) in enumerate(lines.items()):
        marks = [
            {
                "x": across(place(x)),
                "y": round(100 - up(100 * score.mean), 2),
                "low": round(100 - up(100 * _end(score, "low")), 2),
                "high": round(100 - up(100 * _end(score, "high")), 2),
                "words": f"{rest}, {name} {x:g}: {_with_interval(score)}",
            }
            for x, score in points
        ]
        text = " ".join(f"{mark['x']},{mark['y']}" for mark in marks)
        drawn.append({"name": rest, "marks": marks, "points": text, "color": number % COLORS + 1})
    return {
        "kind": "curve",
        "title": f"{title}, over {name}",
        "ticks": ticks_of(up),
        "numbers": [{"at": across(place(x)), "label": f"{x:g}"} for x in numbers if ticks],
        "lines": drawn,
    }


def _end(score: Any, side: str) -> float:
    value = getattr(score, side)
    return value if math.isfinite(value) else score.mean


def _heat_map(title: str, down: str, across: str, placed: Sequence[tuple[View, Entry]]) -> View:
    """Return a table of the mean score over two axes; a cell averages over everything else that was swept."""
    cells: dict[tuple[str, str], list[Entry]] = {}
    for own, entry in placed:
        if down in own and across in own:
            cells.setdefault((str(own[down]), str(own[across])), []).append(entry)
    rows, columns = (list(dict.fromkeys(key[side] for key in cells)) for side in (0, 1))
    if len(rows) < 2 or len(columns) < 2:
        return {}
    means = {key: sum(entry.score.mean for entry in found) / len(found) for key, found in cells.items()}
    low, high = min(means.values()), max(means.values())
    span = max(high - low, 1e-9)
    shades = {key: round(100 * (mean - low) / span) for key, mean in means.items()}

    def cell(row: str, column: str) -> View:
        found = cells.get((row, column), [])
        text = _with_interval(found[0].score) if len(found) == 1 else ""
        if len(found) > 1:
            text = f"{words.percent(means[row, column])} (mean of {len(found)})"
        return {"text": text, "shade": shades.get((row, column), 0)}

    return {
        "kind": "heat map",
        "title": title,
        "down": down,
        "across": across,
        "columns": columns,
        "rows": [{"name": row, "cells": [cell(row, column) for column in columns]} for row in rows],
    }
