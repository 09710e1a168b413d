import numpy as np
import pytest
from scipy import special

from foveate.verdicts.seed_variance import share_seed_variance
from foveate.verdicts.statistics import Variances, holm


def arm(seed, df=2.0):
    return Variances(seed, df, image=0.1, image_df=9.0, fixed=0.2, seeds=3, images=10)


def test_variances_below_the_mean_move_to_it_and_gain_degrees_of_freedom():
    shared = share_seed_variance([arm(s) for s in (1.0, 2.0, 3.0, 4.0, 5.0)])
    assert [v.seed for v in shared] == pytest.approx([2.0, 2.5, 3.0, 4.0, 5.0])
    assert [v.seed_df for v in shared] == [4.0, 4.0, 2.0, 2.0, 2.0]
    assert [(v.image, v.fixed, v.seeds) for v in shared] == [(0.1, 0.2, 3)] * 5


def test_two_arms_share_less_than_five_and_one_arm_or_two_seeds_nothing():
    assert share_seed_variance([arm(1.0), arm(3.0)])[0].seed_df == 2.5
    assert share_seed_variance([arm(1.0)]) == [arm(1.0)]
    assert share_seed_variance([arm(1.0), None]) == [arm(1.0), None]
    two_seeds = [arm(1.0, df=1.0), arm(3.0, df=1.0)]
    assert share_seed_variance(two_seeds) == two_seeds


def test_arms_with_more_seeds_weigh_more_in_the_mean():
    few, many = share_seed_variance([arm(1.0, 2.0), arm(4.0, 8.0)])
    mean = (2 * 1 + 8 * 4) / 10
    assert few.seed == pytest.approx((0.5 * mean + 2 * 1) / 2.5)
    assert many == arm(4.0, 8.0)


def test_a_noisy_arm_among_quiet_ones_is_not_called_different_by_chance():
    """One arm of five has five times the noise of the others; all share the host's."""
    rng, alarms, misses = np.random.default_rng(0), 0, 0
    for _ in range(1500):
        host = rng.standard_normal(3)
        gains = rng.standard_normal((5, 3)) * np.array([5, 1, 1, 1, 1])[:, None] - host
        shared = share_seed_variance([arm(float(g.var(ddof=1))) for g in gains])
        p = [
            2 * special.stdtr(v.seed_df, -abs(g.mean()) / np.sqrt(v.seed / 3))
            for g, v in zip(gains, shared, strict=True)
        ]
        alarms += min(holm(p)) <= 0.05
        misses += p[0] <= 0.05
    assert alarms <= 75
    assert misses <= 100
