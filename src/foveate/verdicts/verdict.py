"""From a difference to a verdict: helps, hurts, not shown."""

import math
from typing import Literal

from foveate.verdicts.statistics import IntervalEstimate

Verdict = Literal["helps", "hurts", "not shown", "no verdict"]


def decide(difference: IntervalEstimate, p_holm: float) -> Verdict:
    """Helps or hurts when the interval excludes 0 and the Holm-adjusted p agrees; no verdict from a single
    seed.

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
    """The smallest true difference (a score, 0 to 1) that a comparison shows with a power of 80%, and where
    the spread comes from that it was computed with.

    >>> print(detectable_words(0.0721, "forecast"))
    By the spread that small runs usually have, a true difference of about 7.2 points is shown four times out
    of five.
    >>> print(detectable_words(1.04, "measured"))
    By the spread measured here, not even the largest difference is shown four times out of five.
    """
    basis_words = {"forecast": "that small runs usually have", "measured": "measured here"}[basis]
    known = f"a true difference of about {100 * difference:.1f} points"
    size = known if difference < 1 else "not even the largest difference"
    return f"By the spread {basis_words}, {size} is shown four times out of five."
