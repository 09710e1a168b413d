"""Format numbers and verdicts for the report, with typographic minus signs and few digits."""

import math
from collections.abc import Sequence

from foveate.evaluation.cost import Cost
from foveate.experiments.result import Comparison, Contender
from foveate.verdicts.statistics import detectable_difference
from foveate.verdicts.verdict import detectable_words

SCORE_NAMES = {"miou": "mean IoU", "iou": "IoU"}

MARKS = {"helps": "▲", "hurts": "▼", "not shown": "≈", "no verdict": "?"}


def score_name(score: str) -> str:
    """Return the name of a score for its key, such as "mean IoU" for "miou"."""
    return SCORE_NAMES.get(score, score.replace("_", " "))


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


def headline(comparison: Comparison) -> str:
    """Return all verdicts in one sentence; the arms that help come first."""
    arms = comparison.arms
    labels = {
        outcome: [a.label for a in arms if comparison.result(a.arm).verdict == outcome] for outcome in MARKS
    }
    helps, hurts = labels["helps"], labels["hurts"]
    undecided = labels["not shown"] + labels["no verdict"]
    if not arms:
        return "Only the bare host was trained; give arms to compare it with."
    if not helps and not hurts:
        if len(undecided) == 1:
            return f"Not shown: {undecided[0]} makes no difference that stands out from chance."
        return f"Not shown: none of the {len(undecided)} arms makes a difference that stands out from chance."
    groups = ((helps, "help"), (hurts, "hurt"))
    parts = [f"{_list(names)} {verb}{'s' * (len(names) == 1)}" for names, verb in groups if names]
    if undecided:
        parts.append(f"no effect is shown for {_list(undecided)}")
    return f"{'Yes' if helps else 'No'}: {'; '.join(parts)}."


def verdict_sentences(comparison: Comparison, arm: Contender) -> list[str]:
    """Return the verdict on one arm in sentences: the change, the placebo's change, and the cost."""
    result, host = comparison.result(arm.arm), comparison.result(comparison.baseline.arm)
    score, mean = score_name(comparison.score), result.difference.mean
    size = points(abs(mean)).lstrip("+")
    evidence = (
        f"95% interval {interval(result.difference.low, result.difference.high)}, {p_value(result.p_holm)}"
    )
    change = {
        "helps": f"Raises {score} by {size} points ({evidence}).",
        "hurts": f"Lowers {score} by {size} points ({evidence}).",
        "not shown": f"Changes {score} by {points(mean)} points ({evidence}): chance alone could do this.",
        "no verdict": f"Changes {score} by {points(mean)} points; too few runs for a verdict.",
    }[result.verdict]
    cost = (
        f"Costs {added(result.cost.parameters, host.cost.parameters)} parameters"
        f" and {latency(result.cost, host.cost)}."
    )
    return [change, *_placebo_sentences(comparison, arm), cost]


def latency(cost: Cost, host: Cost) -> str:
    """Compare an arm's latency with the host's; they differ if the middle halves of timings are disjoint.

    >>> from dataclasses import replace
    >>> host = Cost(1, 1, latency_ms=8.0, latency_low_ms=7.0, latency_high_ms=9.0, memory_bytes=1)
    >>> latency(replace(host, latency_ms=12.0, latency_low_ms=11.0, latency_high_ms=13.0), host)
    "×1.50 the host's latency"
    >>> latency(replace(host, latency_ms=7.5, latency_high_ms=8.0), host)
    'no measurable change in latency (×0.94)'
    """
    times = ratio(cost.latency_ms, host.latency_ms)
    if cost.latency_low_ms > host.latency_high_ms or cost.latency_high_ms < host.latency_low_ms:
        return f"{times} the host's latency"
    return f"no measurable change in latency ({times})"


def _placebo_sentences(comparison: Comparison, arm: Contender) -> list[str]:
    placebo, difference = comparison.placebo_of(arm.arm), comparison.result(arm.arm).versus_placebo
    if placebo is None or difference is None:
        return []
    change = comparison.result(placebo.arm).difference.mean
    bounds = interval(difference.low, difference.high)
    text = f"Compared with the placebo, the arm changes it by {points(difference.mean)} points"
    text += f" (95% interval {bounds})" if bounds else ""
    if comparison.result(arm.arm).verdict == "helps" and not difference.low > 0:
        text += ", so the gain may come from more parameters rather than from attention"
    return [
        f"A plain convolution with as many parameters (placebo) changes it by {points(change)} points.",
        f"{text}.",
    ]


def notes(comparison: Comparison) -> list[str]:
    """Return what the verdicts mean, and the limits of what they say."""
    score, seeds, images = score_name(comparison.score), len(comparison.seeds), comparison.findings.images
    texts = [
        f"Every arm was trained with the same {seeds} seeds as the host. Runs of one seed share the host's"
        " initial weights, the order of the batches and the random augmentations. A difference therefore"
        " comes from the arm or from chance.",
        f"The intervals cover two sources of chance: the seed of the training, and the choice of the {images}"
        f" test images. They are 95% intervals for the difference of {score} on images like these.",
        "“Helps” and “hurts” mean that the 95% interval excludes 0 and the p-value, adjusted for the number"
        " of arms (Holm), is at most 0.05. “Not shown” does not mean “no effect”: this comparison cannot tell"
        " the difference from chance.",
    ]
    if (smallest := detectable(comparison)) is not None:
        forecast = detectable_difference(seeds, images, arms=len(comparison.contenders) - 1)
        texts.append(
            f"{detectable_words(smallest, 'measured')} The forecast before training was:"
            f" {detectable_words(forecast, 'forecast')} Smaller effects need more seeds or test images."
        )
    if comparison.placebos:
        texts.append(
            "A placebo is a plain convolution with as many parameters as its arm. The arm's gain over its"
            " placebo comes from attention. A gain that both share comes from more parameters."
        )
    return [
        *texts,
        "The verdicts hold for this data, this host, this image size and this length of training.",
    ]


def detectable(comparison: Comparison) -> float | None:
    """Return the smallest detectable difference (0 to 1), the largest over the arms.

    None if it is unknown, for instance if no prediction differs, so that the size of chance cannot be
    measured.
    """
    known = [comparison.result(arm.arm).detectable for arm in comparison.arms]
    return max((value for value in known if math.isfinite(value) and value > 0), default=None)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
