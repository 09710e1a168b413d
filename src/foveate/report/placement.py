"""The page on a search for places: the Pareto front of score and latency, and how far each candidate came."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foveate.evaluation.slowdown import Slowdown
from foveate.experiments.placing.placement import (
    COMPARISON,
    FrontPoint,
    Placed,
    Placement,
    load_placement,
    pareto_front,
)
from foveate.experiments.placing.plan import slowdown_words
from foveate.experiments.result import Comparison
from foveate.files import write_whole
from foveate.report import sentences, words
from foveate.report.forest import ticks_of
from foveate.report.html import render_template
from foveate.report.scales import Scale, fit_scale

REPORT = "report.html"
COLORS = 6
View = dict[str, Any]


def write_placement_report(folder: Path | str) -> Path:
    """Write `report.html` into the folder of a finished search and return its path.

    Reads only the files of results there. Raises `UserError` if no search has finished there.
    """
    path = Path(folder) / REPORT
    text = render(*load_placement(folder))
    with write_whole(path, "w") as file:
        file.write(text)
    return path


def render(placement: Placement, comparison: Comparison) -> str:
    """Return the page as a string of HTML."""
    front = pareto_front(placement, comparison)
    colors = {name: 1 + number % COLORS for number, name in enumerate(placement.attention)}
    by_arm = {one.arm: one for one in placement.candidates}
    height, width = placement.size
    budget = placement.latency_budget
    return render_template(
        "placement.html",
        title=f"Where does attention pay on {placement.dataset}?",
        answer=headline(placement, comparison),
        warnings=[text for text in (placement.skipped, *sentences.warnings(comparison)) if text],
        facts=[
            ("Host", placement.host),
            ("Candidates", str(len(placement.candidates))),
            ("Latency budget", "none" if budget is None else f"{budget:g} × the host"),
            ("Final comparison", f"{len(comparison.arms)} arms × {words.seed_count(comparison)}"),
            ("Tested on", words.test_images(comparison)),
            ("Images", f"{height}×{width} pixels"),
        ],
        score=words.score_name(comparison.score),
        front=[_front_row(point, by_arm, colors) for point in front],
        plot=_front_plot(front, by_arm, colors),
        rounds=[
            f"Round {number}, {words.counted(epochs, 'epoch')}"
            for number, epochs in enumerate(placement.epochs, start=1)
        ],
        scores=_score_names(placement),
        rows=[_row(placement, one, colors) for one in _ordered(placement)],
        left_out=placement.left_out,
        screen=placement.screen,
        trial_seeds=words.counted(placement.trial_seeds, "seed"),
        legend=[{"name": name, "color": color} for name, color in colors.items()],
        comparison=f"{COMPARISON}/report.html",
        made=[
            ("Data", placement.description),
            ("Command", placement.command),
            ("Finished", placement.finished),
        ],
    )


def headline(placement: Placement, comparison: Comparison) -> str:
    """Return where attention pays, in a sentence."""
    front = [point for point in pareto_front(placement, comparison) if point.arm != "none"]
    helping = [point for point in front if point.verdict == "helps"]
    searched = f"{words.counted(len(placement.candidates), 'candidate')} on {placement.host}"
    if not helping:
        return (
            f"At no place was attention shown to help, of {searched}: none of the {len(front)} that were "
            f"compared with the host got the verdict helps."
        )
    best = [point for point in helping if point.on_front] or helping
    named = [
        f"{point.label} ({words.points(point.gain)} points at {point.slowdown.ratio:.2f} times the latency)"
        for point in best
    ]
    return f"Attention pays at {words.listed(named)}, of {searched}."


def summary_lines(placement: Placement, comparison: Comparison) -> list[str]:
    """Return the headline, warnings, and a line for the host and each survivor, the fastest first."""
    lines = [headline(placement, comparison), *([placement.skipped] if placement.skipped else []), ""]
    for point in pareto_front(placement, comparison):
        mark = "front" if point.on_front else ""
        if point.arm == "none":
            lines.append(f"  {'none':<40} latency 1.00  {mark}".rstrip())
            continue
        change = f"{words.points(point.gain)} points ({words.interval(point.low, point.high)})"
        latency = slowdown_words(point.slowdown)
        lines.append(f"  {point.label:<40} latency {latency}  {change}  {point.verdict}  {mark}".rstrip())
    return lines


def _front_row(point: FrontPoint, by_arm: dict[str, Placed], colors: dict[str, int]) -> View:
    host = point.arm == "none"
    return {
        "name": "the bare host" if host else point.label,
        "color": 0 if host else colors[by_arm[point.arm].mechanism],
        "latency": "1" if host else slowdown_words(point.slowdown),
        "gain": "" if host else words.points(point.gain),
        "interval": "" if host else words.interval(point.low, point.high),
        "verdict": f"{words.MARKS[point.verdict]} {point.verdict}" if point.verdict else "",
        "front": "yes" if point.on_front else "",
    }


def _front_plot(front: Sequence[FrontPoint], by_arm: dict[str, Placed], colors: dict[str, int]) -> View:
    """Return the plane of latency and score: a cross of intervals for each arm, and the front as steps."""
    across = fit_scale([end for point in front for end in _ends(point.slowdown)], 5)
    gains = [100 * value for point in front for value in _gains(point)]
    up = fit_scale(gains, 5, include=0.0)
    marks = []
    for point in front:
        gain, low, high = (100 * value for value in _gains(point))
        time, fast, slow = (point.slowdown.ratio, *_ends(point.slowdown))
        row = _front_row(point, by_arm, colors)
        marks.append(
            {
                "x": across(time),
                "left": across(fast),
                "right": across(slow),
                "y": _down(up, gain),
                "low": _down(up, low),
                "high": _down(up, high),
                "color": row["color"],
                "name": row["name"],
                "words": f"{row['name']}: {row['gain']} points {row['interval']}, latency {row['latency']}",
            }
        )
    return {
        "marks": marks,
        "steps": _steps([mark for mark, point in zip(marks, front, strict=True) if point.on_front]),
        "ticks": ticks_of(up, signed=True),
        "numbers": ticks_of(across),
    }


def _steps(marks: Sequence[View]) -> str:
    """Return the front as the points of a staircase that rises with latency, to the right edge."""
    corners: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda mark: mark["x"]):
        if corners:
            corners.append((mark["x"], corners[-1][1]))
        corners.append((mark["x"], mark["y"]))
    if corners:
        corners.append((100.0, corners[-1][1]))
    return " ".join(f"{x},{y}" for x, y in corners)


def _down(scale: Scale, value: float) -> float:
    return round(100 - scale(value), 2)


def _ends(found: Slowdown) -> tuple[float, float]:
    return found.low, found.high


def _gains(point: FrontPoint) -> tuple[float, float, float]:
    """Return the gain and the ends of its interval, clipped to ±1; without an interval, the gain itself."""
    ends = (min(max(end, -1.0), 1.0) if math.isfinite(end) else point.gain for end in (point.low, point.high))
    return (point.gain, *ends)


def _score_names(placement: Placement) -> list[str]:
    return list(dict.fromkeys(name for one in placement.candidates for name in one.scores))


def _ordered(placement: Placement) -> list[Placed]:
    """Return the candidates that came furthest first, each round by its gain; those too slow last."""
    return sorted(
        placement.candidates,
        key=lambda one: (
            not one.fits,
            not one.survived,
            -len(one.rounds),
            *(-gain for gain in one.rounds[-1:]),
        ),
    )


def _row(placement: Placement, one: Placed, colors: dict[str, int]) -> View:
    gains = [words.points(gain) for gain in one.rounds]
    if one.failed:
        fate = f"failed: {one.failed}"
    elif not one.fits:
        fate = "beyond the latency budget"
    elif one.survived:
        fate = "compared with the host"
    elif not one.rounds and placement.screen != "none":
        fate = f"left out by the score '{placement.screen}'"
    else:
        fate = f"left out after round {len(one.rounds)}" if one.rounds else "left out by the budget of time"
    return {
        "name": one.arm,
        "color": colors[one.mechanism],
        "map": f"{one.channels} channels, stride {one.stride:g}",
        "latency": slowdown_words(one.slowdown),
        "scores": [
            f"{one.scores[name]:.3g}" if name in one.scores else "" for name in _score_names(placement)
        ],
        "rounds": [*gains, *[""] * (len(placement.epochs) - len(gains))],
        "fate": fate,
    }
