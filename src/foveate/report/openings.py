"""Say how far an arm's attention is open at the end of its training."""

import math

from foveate.experiments.result import Comparison, Contender, OpeningPoint
from foveate.report import words

SHUT = 0.1
"""A gate below it is shut."""

NOTHING = 0.01
"""A smaller relative change of the features is next to none."""


def last_openings(comparison: Comparison, arm: str) -> list[OpeningPoint]:
    """Return the openings of an arm's attentions after the last epoch of every run."""
    last: dict[tuple[int, str], OpeningPoint] = {}
    for point in comparison.openings:
        if point.arm == arm:
            known = last.get((point.seed, point.label))
            last[point.seed, point.label] = point if known is None else max(known, point, key=_epoch)
    return list(last.values())


def widest(comparison: Comparison, arm: str) -> str:
    """Return the label of the attention of an arm that changes its features most, "" without any."""
    total: dict[str, float] = {}
    for point in last_openings(comparison, arm):
        total[point.label] = total.get(point.label, 0.0) + point.change
    return max(total, key=lambda label: total[label], default="")


def opening_sentence(comparison: Comparison, arm: Contender) -> str:
    """Return how far the attention of an arm opened, as a range over its seeds and places.

    "" for an arm without records.
    """
    points = last_openings(comparison, arm.arm)
    if not points:
        return ""
    changes = [point.change for point in points]
    gates = [abs(point.gate) for point in points if math.isfinite(point.gate)]
    changed = f"it changes the features by {_percents(changes)}"
    if len({point.label for point in points}) > 1 and max(changes) >= NOTHING:
        changed += f", most at {widest(comparison, arm.arm).partition('@')[2]}"
    if not gates:
        return f"{changed[0].upper()}{changed[1:]}."
    number = len({point.label for point in points if math.isfinite(point.gate)})
    its = "its gate" if number == 1 else f"its {number} gates"
    opened = words.value_range(min(gates), max(gates), digits=1 if min(gates) >= 1 else 2)
    if max(changes) >= NOTHING:
        return f"I{its[1:]} opened to {opened} and {changed}."
    if max(gates) < SHUT:
        return f"Training kept {its} shut ({opened}): {changed}."
    return f"I{its[1:]} opened to {opened}, but {changed}."


def _percents(changes: list[float]) -> str:
    """Format relative changes as a range.

    >>> _percents([0.48, 0.6]), _percents([0.001, 0.002]), _percents([0.004, 0.3])
    ('48 to 60%', 'less than 1%', '0.4 to 30%')
    """
    low, high = min(changes), max(changes)
    if high < NOTHING:
        return "less than 1%"
    ends = [f"{100 * end:.{0 if end >= NOTHING else 1}f}" for end in (low, high)]
    return f"{' to '.join(dict.fromkeys(ends))}%"


def _epoch(point: OpeningPoint) -> int:
    return point.epoch
