"""The verdict on a difference: helps, hurts, not shown or no verdict."""

import math
from typing import Literal

from foveate.verdicts.statistics import IntervalEstimate

Verdict = Literal["helps", "hurts", "not shown", "no verdict"]


def decide(difference: IntervalEstimate, p_holm: float) -> Verdict:
    """Return the verdict on a paired difference.

    "helps" or "hurts": the interval excludes 0 and the Holm-adjusted p-value `p_holm` is at most 0.05.
    "no verdict": there is no p-value, as with a single seed.

    >>> gain = IntervalEstimate(0.02, 0.01, 0.03, 0.001, 0.0, 0.0, 59.0, seeds=3, images=60)
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


def detectable_words(difference: float, basis: Literal["forecast", "measured"]) -> str:
    """Return a sentence about the smallest true difference that a comparison detects with a power of 80%.

    difference: in units of the score, 0 to 1. basis: whether the variances behind it are typical ones
    ("forecast") or measured.

    >>> print(detectable_words(0.0721, "forecast"))
    With the spread typical of small runs, a true difference of about 7.2 points is detected four times out of
    five.
    >>> print(detectable_words(1.04, "measured"))
    With the spread measured here, not even the largest difference is detected four times out of five.
    """
    spread = {"forecast": "typical of small runs", "measured": "measured here"}[basis]
    points = f"a true difference of about {100 * difference:.1f} points"
    size = points if difference < 1 else "not even the largest difference"
    return f"With the spread {spread}, {size} is detected four times out of five."
