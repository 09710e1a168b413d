"""How the report writes numbers and verdicts: plain words, true minus signs, few digits."""

import math
from collections.abc import Sequence

from foveate.evaluation.cost import Cost
from foveate.experiments.result import Comparison, Contender
from foveate.verdicts.statistics import detectable_difference
from foveate.verdicts.verdict import detectable_words

SCORE_NAMES = {"miou": "mean IoU", "iou": "IoU"}

MARKS = {"helps": "▲", "hurts": "▼", "not shown": "≈", "no verdict": "?"}


def score_name(score: str) -> str:
    """The words for a score's key; a key without words of its own stands for itself."""
    return SCORE_NAMES.get(score, score.replace("_", " "))


def percent(value: float) -> str:
    """A score from 0 to 1 in percent.

    >>> percent(0.6127), percent(float("nan"))
    ('61.3', '–')
    """
    return f"{100 * value:.1f}" if math.isfinite(value) else "–"


def percent_interval(low: float, high: float) -> str:
    """The ends of a score's interval in percent, no further than a score can go; nothing where there is none.

    >>> percent_interval(-0.02, 0.22)
    '0.0 to 22.0'
    """
    return f"{percent(max(low, 0.0))} to {percent(min(high, 1.0))}" if math.isfinite(low + high) else ""


def points(value: float) -> str:
    """A difference of scores in percentage points, always with its sign.

    >>> points(0.0182), points(-0.0049), points(0.0)
    ('+1.82', '−0.49', '0.00')
    """
    if not math.isfinite(value):
        return "–"
    text = f"{100 * value:+.2f}".replace("-", "−")
    return text if text[1:] != "0.00" else "0.00"


def interval(low: float, high: float) -> str:
    """The ends of a difference's interval, in points, no further than scores can differ; nothing where there
    is none.

    >>> interval(-0.002, 0.022), interval(-9.5, 9.5)
    ('−0.20 to +2.20', '−100.00 to +100.00')
    """
    return f"{points(max(low, -1.0))} to {points(min(high, 1.0))}" if math.isfinite(low + high) else ""


def p_value(p: float) -> str:
    """A p-value with its relation.

    >>> p_value(0.0324), p_value(0.00002), p_value(1.0)
    ('p = 0.032', 'p < 0.001', 'p = 1.00')
    """
    if not math.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def quantity(value: float) -> str:
    """A count with three digits and a prefix.

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
    """Bytes in MiB.

    >>> mebibytes(5 * 2**19), mebibytes(212 * 2**20)
    ('2.5 MiB', '212 MiB')
    """
    value = count / 2**20
    return f"{value:.0f} MiB" if value >= 100 else f"{value:.1f} MiB"


def ratio(value: float, host: float) -> str:
    """How many times the host's.

    >>> ratio(31.0, 30.0)
    '×1.03'
    """
    return f"×{value / host:.2f}" if host and math.isfinite(value) else "–"


def added(value: int, host: int) -> str:
    """What was added to the host's count.

    >>> added(1_000_098, 1_000_000), added(7, 7)
    ('+98', '±0')
    """
    change = value - host
    return "±0" if change == 0 else ("+" if change > 0 else "−") + quantity(abs(change))


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "epoch"), counted(20, "epoch")
    ('1 epoch', '20 epochs')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def seeds_right(more: int) -> str:
    """In how many more seeds than the host's a label is right.

    >>> seeds_right(2), seeds_right(-1)
    ('right in 2 seeds more than the host', 'right in 1 seed fewer than the host')
    """
    if more == 0:
        return "right as often as the host"
    return f"right in {counted(abs(more), 'seed')} {'more' if more > 0 else 'fewer'} than the host"


def headline(comparison: Comparison) -> str:
    """All verdicts in one sentence, the arms that help first."""
    arms = comparison.arms
    said = {
        outcome: [a.label for a in arms if comparison.result(a.arm).verdict == outcome] for outcome in MARKS
    }
    helps, hurts, open_ = said["helps"], said["hurts"], said["not shown"] + said["no verdict"]
    if not arms:
        return "Only the bare host was trained; give arms to compare it with."
    if not helps and not hurts:
        if len(open_) == 1:
            return f"Not shown: {open_[0]} makes no difference that stands out from chance."
        return f"Not shown: none of the {len(open_)} arms makes a difference that stands out from chance."
    groups = ((helps, "help"), (hurts, "hurt"))
    parts = [f"{_list(names)} {verb}{'s' * (len(names) == 1)}" for names, verb in groups if names]
    if open_:
        parts.append(f"no effect is shown for {_list(open_)}")
    return f"{'Yes' if helps else 'No'}: {'; '.join(parts)}."


def verdict(comparison: Comparison, arm: Contender) -> list[str]:
    """The verdict on one arm in plain sentences: the change, what a placebo does, what it costs."""
    found, host = comparison.result(arm.arm), comparison.result(comparison.baseline.arm)
    score, mean = score_name(comparison.score), found.difference.mean
    chance = f"95% interval {interval(found.difference.low, found.difference.high)}, {p_value(found.p_holm)}"
    said = {
        "helps": f"Raises {score} by {points(abs(mean)).lstrip('+')} points ({chance}).",
        "hurts": f"Lowers {score} by {points(abs(mean)).lstrip('+')} points ({chance}).",
        "not shown": f"Changes {score} by {points(mean)} points ({chance}): chance alone could do this.",
        "no verdict": f"Changes {score} by {points(mean)} points; too few runs for a verdict.",
    }
    cost = (
        f"Costs {added(found.cost.parameters, host.cost.parameters)} parameters"
        f" and {latency(found.cost, host.cost)}."
    )
    return [said[found.verdict], *_placebo(comparison, arm), cost]


def latency(cost: Cost, host: Cost) -> str:
    """An arm's latency beside its host's; the middle halves of their timings tell whether they differ.

    >>> from dataclasses import replace
    >>> host = Cost(1, 1, latency_ms=8.0, latency_low_ms=7.0, latency_high_ms=9.0, memory_bytes=1)
    >>> latency(replace(host, latency_ms=12.0, latency_low_ms=11.0, latency_high_ms=13.0), host)
    "×1.50 the host's latency"
    >>> latency(replace(host, latency_ms=7.5, latency_high_ms=8.0), host)
    "no latency that repeated timings could tell from the host's (×0.94)"
    """
    times = ratio(cost.latency_ms, host.latency_ms)
    if cost.latency_low_ms > host.latency_high_ms or cost.latency_high_ms < host.latency_low_ms:
        return f"{times} the host's latency"
    return f"no latency that repeated timings could tell from the host's ({times})"


def _placebo(comparison: Comparison, arm: Contender) -> list[str]:
    placebo, over = comparison.placebo_of(arm.arm), comparison.result(arm.arm).versus_placebo
    if placebo is None or over is None:
        return []
    own = comparison.result(placebo.arm).difference.mean
    text = (
        f"A plain convolution of the same size (placebo) changes it by {points(own)};"
        f" over the placebo the arm is {points(over.mean)} ({interval(over.low, over.high)})"
    )
    if comparison.result(arm.arm).verdict == "helps" and not over.low > 0:
        text += ", so the gain may come from more parameters rather than from attention"
    return [text + "."]


def notes(comparison: Comparison) -> list[str]:
    """What a reader must know to trust a verdict no further than it goes."""
    score, seeds, images = score_name(comparison.score), len(comparison.seeds), comparison.findings.images
    said = [
        f"Every arm was trained with the same {seeds} seeds as the host. Runs of one seed share the host's"
        " initial weights, the order of the batches and the augmentation draws, so a difference is the"
        " arm's doing or chance, nothing else.",
        "The intervals cover both kinds of chance: another seed for the training, and another draw of the"
        f" {images} test images. They are 95% intervals for the difference of {score} on images like these.",
        "“Helps” and “hurts” mean that the p-value, corrected after Holm for the number of arms, is at most"
        " 0.05. “Not shown” does not mean “no effect”: it means that it cannot be told from chance here.",
    ]
    if (smallest := detectable(comparison)) is not None:
        forecast = detectable_difference(seeds, images, arms=len(comparison.contenders) - 1)
        said.append(
            f"{detectable_words(smallest, 'measured')} The forecast before training was:"
            f" {detectable_words(forecast, 'forecast')} Smaller effects take more seeds or test images."
        )
    if comparison.placebos:
        said.append(
            "A placebo is a plain convolution with as many parameters as the arm it stands beside. What an"
            " arm gains over its placebo comes from attention; what they share comes from more parameters."
        )
    return [*said, "The verdicts hold for this data, this host, this image size and this length of training."]


def detectable(comparison: Comparison) -> float | None:
    """The difference that could have been shown, the largest over the arms; None where it is unknown, as
    where no image was answered differently, so that nothing tells how large chance is.
    """
    known = [comparison.result(arm.arm).detectable for arm in comparison.arms]
    return max((value for value in known if math.isfinite(value) and value > 0), default=None)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
