"""Whether more seeds can decide an arm."""

import math

import numpy as np
from scipy import stats

from foveate.verdicts.statistics import ALPHA, IntervalEstimate

DRIFT = 2.0
"""How far the mean may move with more seeds, in standard errors of that move."""


def half_width_with(estimate: IntervalEstimate, seeds: int, seed_level: float) -> float:
    """Return half the length of the interval that so many seeds would give, with the measured variances.

    The images stay the same, so that `image_variance` stays, whatever the number of seeds.
    """
    seed_variance = estimate.seed_variance * estimate.seeds / seeds
    df = estimate.seed_df + seeds - estimate.seeds
    t_a, t_b = stats.t.isf(seed_level / 2, df), stats.t.isf(ALPHA / 2, estimate.image_df)
    return float(np.sqrt(t_a**2 * seed_variance + t_b**2 * estimate.image_variance))


def can_decide(estimate: IntervalEstimate, seeds: int, seed_level: float, margin: float) -> bool:
    """Return whether an arm may be decided with so many seeds, as far as the measured variances tell.

    It cannot if, wherever the mean may move, the interval would neither exclude 0 nor lie within the margin.

    >>> wide = IntervalEstimate(0.01, -0.09, 0.11, 0.7, 1e-5, 2.0, 1e-3, 11.0, seeds=3, images=12)
    >>> can_decide(wide, 20, 0.006, margin=0.01)
    False
    >>> narrow = IntervalEstimate(0.01, -0.01, 0.03, 0.1, 1e-5, 2.0, 1e-6, 59.0, seeds=3, images=60)
    >>> can_decide(narrow, 20, 0.006, margin=0.01)
    True
    """
    if math.isnan(estimate.p):
        return False
    half = half_width_with(estimate, seeds, seed_level)
    variance = estimate.seed_variance * estimate.seeds
    move = DRIFT * math.sqrt(max(variance / estimate.seeds - variance / seeds, 0.0))
    largest, smallest = abs(estimate.mean) + move, max(abs(estimate.mean) - move, 0.0)
    return largest >= half or smallest + half <= margin
