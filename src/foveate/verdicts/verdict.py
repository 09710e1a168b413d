"""The verdict on a difference: helps, hurts, no difference, not shown, not tested or no verdict."""

import math
from typing import Literal

from foveate.verdicts.statistics import ALPHA, IntervalEstimate

Verdict = Literal["helps", "hurts", "no difference", "not shown", "not tested", "no verdict"]

MARGIN = 0.01
"""Smaller differences of the score do not matter, unless the user says otherwise: 1 point."""

DECIDED = ("helps", "hurts", "no difference")
"""The verdicts that more seeds do not change."""


def decide(
    difference: IntervalEstimate, p_holm: float, margin: float = MARGIN, tested: bool = True
) -> Verdict:
    """Return the verdict on a paired difference.

    "not tested": the arm could not have an effect in these runs (`tested` is False). "no difference": the
    whole interval lies within `margin` on either side of 0; this is equivalence by two one-sided tests, and
    holds even if the interval excludes 0. "helps" or "hurts": the interval excludes 0 and the Holm-adjusted
    p-value `p_holm` is at most 0.05. "not shown": none of these. "no verdict": there is no interval, as with
    a single seed.

    >>> gain = IntervalEstimate(0.02, 0.01, 0.03, 0.001, 0.0, 2.0, 0.0, 59.0, seeds=3, images=60)
    >>> decide(gain, p_holm=0.002), decide(gain, p_holm=0.002, margin=0.05)
    ('helps', 'no difference')
    >>> decide(gain, p_holm=0.08)
    'not shown'
    """
    if math.isnan(difference.p):
        return "no verdict"
    if not tested:
        return "not tested"
    if -margin < difference.low and difference.high < margin:
        return "no difference"
    if difference.excludes_zero and p_holm <= ALPHA:
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
