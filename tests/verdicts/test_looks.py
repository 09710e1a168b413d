import numpy as np
import pytest
from scipy import stats

from foveate.verdicts.looks import SHARE, LookPlan, Looks
from foveate.verdicts.statistics import ALPHA


def crossings(levels, simulations=4000):
    """The share of samples of noise whose t-test falls below the level of any look."""
    noise = np.random.default_rng(7).standard_normal((simulations, max(levels)))
    p = [stats.ttest_1samp(noise[:, :look], 0, axis=1).pvalue <= level for look, level in levels.items()]
    return np.any(p, axis=0).mean()


def test_a_single_look_spends_its_share_of_the_false_alarms():
    (level,) = Looks.once(3).levels.values()
    assert level == pytest.approx(SHARE * ALPHA, rel=0.05)


def test_looking_after_every_seed_has_no_more_false_alarms_than_one_look():
    looks = Looks((LookPlan(tuple(range(3, 21))),))
    levels = looks.levels
    assert len(set(levels.values())) == 1
    assert crossings(levels) <= ALPHA
    assert crossings(dict.fromkeys(levels, ALPHA)) > 2 * ALPHA


def test_seeds_that_are_added_later_are_paid_for_by_stricter_levels():
    first = Looks.once(3).take(3)
    second = first.plan((5,)).take(5)
    third = second.plan((8,))
    levels = third.levels
    assert levels[3] > levels[5] > levels[8] > 0
    assert levels[3] == pytest.approx(first.levels[3], rel=0.05)
    assert crossings(levels) <= ALPHA


def test_looks_that_were_never_taken_cost_nothing():
    stopped_early = Looks((LookPlan((3, 4, 5, 6)),)).take(3).plan((9,))
    went_on = Looks((LookPlan((3, 4, 5, 6)),)).take(3).take(4).take(5).take(6).plan((9,))
    assert stopped_early.levels[9] > went_on.levels[9]
    assert 4 not in stopped_early.levels


def test_planning_what_is_planned_changes_nothing():
    looks = Looks((LookPlan((3, 4, 5)),)).take(3)
    assert looks.plan((3, 4, 5)) == looks
    assert looks.plan((3,)) == looks
    assert looks.take(3) == looks
    with pytest.raises(ValueError, match="a look at 7 seeds is not planned"):
        looks.take(7)
