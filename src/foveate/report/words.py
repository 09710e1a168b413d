"""Format numbers and names for the report, with typographic minus signs and few digits."""

import math
from collections.abc import Sequence

from foveate.evaluation.judges import score_words
from foveate.experiments.result import Comparison

MARKS = {
    "helps": "▲",
    "hurts": "▼",
    "no difference": "=",
    "not shown": "?",
    "not tested": "○",
    "no verdict": "–",
}
"""The sign of each verdict."""


def score_name(score: str) -> str:
    """Return the name of a score for its key, such as "mean IoU" for "miou"."""
    return score_words(score)


def image_score(comparison: Comparison) -> str:
    """Return the name of the score of validation curves and single images, whatever the judge is."""
    return score_words("miou" if comparison.task == "segmentation" else "accuracy")


def reference(comparison: Comparison) -> str:
    """Return what differences are taken from: "the host", or the label of the arm that the user chose."""
    return "the host" if comparison.baseline.role == "host" else comparison.baseline.label


def margin(comparison: Comparison) -> str:
    """Return the margin of a comparison in points, such as "1 point"."""
    size = f"{100 * comparison.findings.margin:g}"
    return f"{size} point{'s' * (size != '1')}"


def seed_count(comparison: Comparison) -> str:
    """Return how many seeds the arms have, such as "3 seeds" or "3 to 8 seeds"."""
    counts = sorted({len(item.seeds) for item in comparison.contenders})
    return f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else counted(counts[0], "seed")


def test_images(comparison: Comparison) -> str:
    """Return the number of test images and of their groups, such as "60 test images in 12 groups"."""
    found = comparison.findings
    images = counted(found.images, "test image")
    return f"{images} in {counted(found.groups, 'group')}" if found.groups < found.images else images


def listed(names: Sequence[str]) -> str:
    """Join names.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def value_range(low: float, high: float, digits: int = 2) -> str:
    """Format a range, as one number if its ends look the same.

    >>> value_range(0.004, 0.02), value_range(1.5, 1.5)
    ('0.00 to 0.02', '1.50')
    """
    ends = [f"{end:.{digits}f}" for end in (low, high)]
    return " to ".join(dict.fromkeys(ends))


def percent(value: float) -> str:
    """Format a score from 0 to 1 in percent; NaN is a dash.

    >>> percent(0.6127), percent(float("nan"))
    ('61.3', '–')
    """
    return f"{100 * value:.1f}" if math.isfinite(value) else "–"


def percent_interval(low: float, high: float) -> str:
    """Format the interval of a score in percent, clipped to 0 to 100; NaN gives "".

    >>> percent_interval(-0.02, 0.22)
    '0.0 to 22.0'
    """
    return f"{percent(max(low, 0.0))} to {percent(min(high, 1.0))}" if math.isfinite(low + high) else ""


def points(value: float) -> str:
    """Format a difference of scores in percentage points, with its sign.

    >>> points(0.0182), points(-0.0049), points(0.0)
    ('+1.82', '−0.49', '0.00')
    """
    if not math.isfinite(value):
        return "–"
    text = f"{100 * value:+.2f}".replace("-", "−")
    return text if text[1:] != "0.00" else "0.00"


def interval(low: float, high: float) -> str:
    """Format the interval of a difference in percentage points, clipped to ±100; NaN gives "".

    >>> interval(-0.002, 0.022), interval(-9.5, 9.5)
    ('−0.20 to +2.20', '−100.00 to +100.00')
    """
    return f"{points(max(low, -1.0))} to {points(min(high, 1.0))}" if math.isfinite(low + high) else ""


def p_value(p: float) -> str:
    """Format a p-value as "p = ..." or "p < 0.001"; NaN gives "".

    >>> p_value(0.0324), p_value(0.00002), p_value(1.0)
    ('p = 0.032', 'p < 0.001', 'p = 1.00')
    """
    if not math.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def quantity(value: float) -> str:
    """Format a count with three digits and an SI prefix.

    >>> quantity(14_328_209), quantity(7.2e9), quantity(98)
    ('14.3 M', '7.20 G', '98')
    """
    for limit, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            scaled = value / limit
            digits = max(0, 2 - math.floor(math.log10(abs(scaled))))
            return f"{scaled:.{digits}f} {sign}"
    return f"{value:.0f}"


def mebibytes(count: int) -> str:
    """Format bytes in MiB.

    >>> mebibytes(5 * 2**19), mebibytes(212 * 2**20)
    ('2.5 MiB', '212 MiB')
    """
    value = count / 2**20
    return f"{value:.0f} MiB" if value >= 100 else f"{value:.1f} MiB"


def ratio(value: float, host: float) -> str:
    """Format a value as a multiple of the host's.

    >>> ratio(31.0, 30.0)
    '×1.03'
    """
    return f"×{value / host:.2f}" if host and math.isfinite(value) else "–"


def added(value: int, host: int) -> str:
    """Format the difference to the host's count.

    >>> added(1_000_098, 1_000_000), added(7, 7)
    ('+98', '±0')
    """
    change = value - host
    return "±0" if change == 0 else ("+" if change > 0 else "−") + quantity(abs(change))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    >>> counted(1, "epoch"), counted(20, "epoch")
    ('1 epoch', '20 epochs')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def seeds_right(more: int) -> str:
    """Say in how many more (or fewer) seeds than for the host an image's label is right.

    >>> seeds_right(2), seeds_right(-1)
    ('right in 2 seeds more than the host', 'right in 1 seed fewer than the host')
    """
    if more == 0:
        return "right as often as the host"
    return f"right in {counted(abs(more), 'seed')} {'more' if more > 0 else 'fewer'} than the host"
