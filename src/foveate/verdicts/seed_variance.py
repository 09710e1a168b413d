"""Share the seed variance over the arms of a comparison.

With 3 seeds the variance of an arm's differences over seeds has 2 degrees of freedom, and Student's t is 4.3
instead of 2. All arms of a comparison measure similar noise, so that their variances can be shrunk towards
their mean (moderated, as in limma: Smyth 2004, "Linear models and empirical Bayes methods for assessing
differential expression in microarray experiments"):

    s~_k^2 = (d0 s0^2 + d_k s_k^2) / (d0 + d_k)     with d0 + d_k degrees of freedom

s0^2 is the mean of the s_k^2, weighted by their degrees of freedom d_k. Smyth estimates d0 from the spread of
the log variances of thousands of genes. A comparison has 2 to 10 arms, which all share the noise of the host:
their variances look more alike than they are, and the estimated d0 gives 8 to 18% false alarms with 3 seeds
(`benchmarks/power.py`). Therefore d0 is fixed and small: `PRIOR_DF` at most, and less with few arms.

Only an arm whose variance is below the mean takes from the others: its variance may be small by chance, and
the mean raises it. An arm that is noisier than the others keeps its own variance and degrees of freedom. If
it were shrunk, too, its interval would miss the truth far more often than in 5% of all comparisons. With 2
seeds nothing is shared.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from foveate.verdicts.statistics import Variances

PRIOR_DF = 2.0
"""The most degrees of freedom that an arm takes from the others."""

FEWEST_DF = 2.0
"""With fewer degrees of freedom of its own, an arm takes none from the others."""


def share_seed_variance(arms: Sequence[Variances | None]) -> list[Variances | None]:
    """Return the variances of all arms with shared seed variances. None stays None and is not counted.

    >>> arms = [Variances(s, 2.0, 0.0, 9.0, 0.0, seeds=3, images=10) for s in (1.0, 3.0, 3.0, 5.0, 3.0)]
    >>> shared = share_seed_variance(arms)
    >>> (shared[0].seed, shared[0].seed_df), (shared[3].seed, shared[3].seed_df)
    ((2.0, 4.0), (5.0, 2.0))
    """
    known = [arm for arm in arms if arm is not None]
    if len(known) < 2:
        return list(arms)
    prior = min(PRIOR_DF, (len(known) - 1) / 2)
    mean = float(np.average([arm.seed for arm in known], weights=[arm.seed_df for arm in known]))

    def shared(arm: Variances) -> Variances:
        if arm.seed >= mean or arm.seed_df < FEWEST_DF:
            return arm
        df = prior + arm.seed_df
        return replace(arm, seed=(prior * mean + arm.seed_df * arm.seed) / df, seed_df=df)

    return [None if arm is None else shared(arm) for arm in arms]
