"""From a difference to plain words: helps, hurts, not shown, always beside the price."""

import math
from typing import Literal

from foveate.evaluation.cost import Cost
from foveate.verdicts.statistics import Estimate

Verdict = Literal["helps", "hurts", "not shown", "no verdict"]


def decide(difference: Estimate, p_holm: float) -> Verdict:
    """Helps or hurts when the interval excludes 0 and the Holm-adjusted p agrees; no verdict from a single
    seed.

    >>> gain = Estimate(0.02, 0.01, 0.03, 0.001, 0.0, 0.0, 59.0, seeds=3, images=60)
    >>> decide(gain, p_holm=0.002)
    'helps'
    >>> decide(gain, p_holm=0.08)
    'not shown'
    """
    if math.isnan(difference.p):
        return "no verdict"
    if difference.excludes_zero and p_holm <= 0.05:
        return "helps" if difference.mean > 0 else "hurts"
    return "not shown"


def sentence(
    arm: str,
    metric: str,
    verdict: Verdict,
    difference: Estimate,
    p_holm: float,
    detectable: float,
    cost: Cost | None = None,
    baseline_cost: Cost | None = None,
) -> str:
    """Say the verdict in one sentence.

    >>> d = Estimate(0.021, 0.008, 0.034, 0.002, 0.0, 0.0, 59.0, seeds=3, images=60)
    >>> sentence("cbam@decoder", "mIoU", "helps", d, 0.004, 0.02)
    'cbam@decoder helps: mIoU +0.021 (95% CI +0.008 to +0.034, p = 0.004)'
    """
    price = _price(cost, baseline_cost)
    if verdict == "no verdict":
        few = (
            "one seed" if difference.seeds == 1 else f"{difference.seeds} seeds on {difference.images} images"
        )
        numbers = f"{metric} {difference.mean:+.3f}{price}"
        return f"{arm}: no verdict is possible from {few}: {numbers}; train at least 2 seeds, better 5"
    numbers = (
        f"{metric} {difference.mean:+.3f} "
        f"(95% CI {difference.low:+.3f} to {difference.high:+.3f}, {p_words(p_holm)}){price}"
    )
    if verdict == "not shown":
        runs = f"{difference.seeds} seeds on {difference.images} images"
        return (
            f"{arm}: no difference shown: {numbers}; {runs} would find differences of about {detectable:.3f}"
        )
    return f"{arm} {verdict}: {numbers}"


def p_words(p: float) -> str:
    """Write a p-value: 'p = 0.03', 'p < 0.001'."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"


def _price(cost: Cost | None, baseline: Cost | None) -> str:
    if cost is None or baseline is None:
        return ""
    parameters = _change(cost.parameters, baseline.parameters)
    return f" for {parameters} parameters, {_change(cost.latency_ms, baseline.latency_ms)} latency"


def _change(new: float, old: float) -> str:
    """A relative change with as many digits as it deserves: '+0.1%', '+35%'."""
    percent = 100 * (new / old - 1) if old else 0.0
    return f"{percent:+.1f}%" if abs(percent) < 2 else f"{percent:+.0f}%"
