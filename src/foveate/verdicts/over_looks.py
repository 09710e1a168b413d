"""Differences of pairs of runs: at one look, and over all looks that were taken.

The interval of a difference is what the intervals of all looks have in common, and its p-value is the
smallest of all looks: a decision stands when seeds are added, unless these seeds contradict it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from foveate.verdicts.looks import Looks
from foveate.verdicts.samples import Runs
from foveate.verdicts.seed_variance import share_seed_variance
from foveate.verdicts.statistics import IntervalEstimate, estimate_mean, variances_of


def differences_over_looks(pairs: Sequence[tuple[Runs, Runs]], looks: Looks) -> list[IntervalEstimate]:
    """Return the interval of the difference of each pair of runs over all looks that were taken.

    The seed variance is shared over the pairs. The score is the first of each runs' scores. A pair with
    fewer seeds than a look takes part in the looks up to its own number of seeds.
    """
    intervals: list[list[IntervalEstimate]] = [[] for _ in pairs]
    for look in sorted({*looks.taken, *(len(own.per_seed) for own, _ in pairs)}):
        level = looks.levels.get(look, looks.levels[max(looks.levels)])
        for number, estimate in enumerate(differences_at_look(pairs, look, level)):
            if look <= len(pairs[number][0].per_seed):
                intervals[number].append(estimate)
    return [in_common(found) for found in intervals]


def differences_at_look(
    pairs: Sequence[tuple[Runs, Runs]], look: int, level: float
) -> list[IntervalEstimate]:
    """Return the interval of the difference of each pair on the first `look` seeds, or on all it has.

    level: significance level of the seed part, see `estimate_mean`.
    """
    samples = [own.first(look).sample() - other.first(look).sample() for own, other in pairs]
    shared = share_seed_variance([variances_of(sample) for sample in samples])
    return [
        estimate_mean(sample, variances, seed_level=level)
        for sample, variances in zip(samples, shared, strict=True)
    ]


def in_common(looks: Sequence[IntervalEstimate]) -> IntervalEstimate:
    """Return the last look's estimate with the interval that all looks share, and the smallest p-value.

    If they do not share the last mean, later seeds speak against the earlier ones: then the last look stands.
    """
    *_, last = looks
    known = [look for look in looks if not np.isnan(look.p)]
    if np.isnan(last.p):
        return last
    low, high = max(look.low for look in known), min(look.high for look in known)
    if not low <= last.mean <= high:
        return last
    return replace(last, low=low, high=high, p=min(look.p for look in known))
