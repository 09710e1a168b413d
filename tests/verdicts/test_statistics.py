from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from foveate.verdicts.statistics import (
    detectable_at_measured_spread,
    detectable_difference,
    estimate_mean,
    holm,
    leave_one_out,
    sample_of,
)


def means(gains):
    """The sample of the per-seed means of `seeds n`."""
    n = gains.shape[1]
    return sample_of(gains.mean(1), leave_one_out(gains[..., None])[..., 0] / (n - 1))


def draw(seeds, images, training=0.0, image=0.0, interaction=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, training, (seeds, 1))
        + rng.normal(0, image, (1, images))
        + rng.normal(0, interaction, (seeds, images))
    )


def test_without_image_variance_it_is_the_paired_t_test():
    gains = np.array([[0.02], [0.03], [0.01], [0.04]]) * np.ones(10)
    e = estimate_mean(means(gains))
    expected = stats.ttest_1samp(gains[:, 0], 0)
    low, high = expected.confidence_interval()
    assert (e.low, e.high, e.p) == pytest.approx((low, high, expected.pvalue))
    assert e.image_variance == pytest.approx(0, abs=1e-12)


def test_without_seed_variance_it_is_the_standard_error_over_images():
    gains = draw(3, 40, image=0.1)
    e = estimate_mean(means(gains))
    assert e.seed_variance == pytest.approx(0, abs=1e-12)
    assert e.image_variance == pytest.approx(gains[0].var(ddof=1) / 40)


def test_seed_and_image_variance_add_up_to_the_variance_of_the_mean():
    training, image, interaction, seeds, images = 0.02, 0.05, 0.08, 4, 50
    estimates = [
        estimate_mean(means(draw(seeds, images, training, image, interaction, s))) for s in range(400)
    ]
    a = training**2 / seeds + interaction**2 / images / seeds
    b = image**2 / images
    assert np.mean([e.seed_variance for e in estimates]) == pytest.approx(a, rel=0.1)
    assert np.mean([e.image_variance for e in estimates]) == pytest.approx(b, rel=0.15)
    total = np.var([e.mean for e in estimates])
    assert total == pytest.approx(a + b, rel=0.25)


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_seeds_that_agree_by_chance_give_no_small_p(seeds):
    """For each seed, one more image of 40 is right, another image for each seed."""
    wins = np.eye(40)[:seeds]
    e = estimate_mean(means(wins))
    assert e.mean == pytest.approx(1 / 40)
    assert not e.excludes_zero
    assert e.p > 0.05


def test_the_seed_variance_is_at_least_j_minus_b():
    wins = np.eye(40)[:3]
    e = estimate_mean(means(wins))
    own = wins[0].var(ddof=1) / 40
    between = (wins[0] - 1 / 40) @ (wins[1] - 1 / 40) / 39 / 40
    assert between < 0
    assert e.image_variance == 0
    assert e.seed_variance == pytest.approx((own + 2 * between) / 3)


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_is_at_least_that_of_fixed_seeds_on_new_images(seed):
    gains = draw(3, 20, 0.01, 0.03, 0.08, seed=seed)
    e = estimate_mean(means(gains))
    fixed_seeds = gains.mean(0).var(ddof=1) / 20
    assert e.seed_variance + e.image_variance >= fixed_seeds * (1 - 1e-9)
    assert e.high - e.mean >= stats.t.ppf(0.975, e.image_df) * np.sqrt(fixed_seeds) * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_interval_by_hand(seed):
    gains = draw(3, 20, 0.02, 0.05, 0.05, seed=seed)
    e = estimate_mean(means(gains))
    a, b = stats.t.ppf(0.975, [2, e.image_df])
    over_seeds, fixed_seeds = gains.mean(1).var(ddof=1) / 3, gains.mean(0).var(ddof=1) / 20
    half = max(np.sqrt(a**2 * over_seeds + b**2 * e.image_variance), b * np.sqrt(fixed_seeds))
    assert (e.low, e.high) == pytest.approx((e.mean - half, e.mean + half))
    assert (e.seeds, e.images) == (3, 20)


@pytest.mark.parametrize("seed", range(5))
def test_p_is_the_level_at_which_the_interval_touches_zero(seed):
    data = means(draw(3, 20, 0.02, 0.05, seed=seed) + 0.03)
    p = estimate_mean(data).p
    touching = estimate_mean(data, level=1 - p)
    assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-9)
    assert estimate_mean(data).excludes_zero == (p < 0.05)


def test_few_images_that_carry_the_difference_have_few_degrees_of_freedom():
    many = estimate_mean(means(draw(3, 60, image=0.1))).image_df
    gains = draw(3, 60, image=0.1) * (np.arange(60) < 3)
    assert estimate_mean(means(gains)).image_df < 10 < many


def test_one_seed_has_no_interval():
    e = estimate_mean(means(draw(1, 20, 0.02, 0.05)))
    assert np.isnan([e.low, e.high, e.p]).all()
    assert np.isfinite(e.mean)
    assert not e.excludes_zero


def test_a_score_that_is_undefined_without_one_image_has_no_interval():
    gains = draw(3, 20, 0.02, 0.05)
    left_out = leave_one_out(gains[..., None])[..., 0] / 19
    left_out[:, 7] = np.nan
    assert np.isnan(estimate_mean(sample_of(gains.mean(1), left_out)).p)


def test_no_difference_at_all_has_p_one():
    e = estimate_mean(means(np.zeros((3, 10))))
    assert (e.mean, e.low, e.high, e.p) == (0, 0, 0, 1)


def test_the_same_difference_everywhere_is_certain():
    e = estimate_mean(means(np.full((3, 10), 0.1)))
    assert e.p < 1e-9
    assert e.excludes_zero


def test_holm_by_hand_with_an_arm_that_has_no_p():
    assert holm([0.04, 0.01, float("nan"), 0.03]) == pytest.approx(
        (0.06, 0.03, float("nan"), 0.06), nan_ok=True
    )
    assert np.isnan(holm([float("nan")])).all()
    assert holm([]) == ()


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.02, 0.04], (0.03, 0.04, 0.04)),
        ([0.02, 0.02], (0.04, 0.04)),
        ([0.5, 0.001, 0.9], (1.0, 0.003, 1.0)),
        ([0.03], (0.03,)),
        ([0.0, 1.0], (0.0, 1.0)),
    ],
)
def test_holm_by_hand(p, adjusted):
    assert holm(p) == pytest.approx(adjusted)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 1024).map(lambda k: k / 1024), min_size=1, max_size=8), st.data())
def test_holm_rejects_the_same_as_its_step_down_procedure(p, data):
    level, rising = 0.0501, sorted(p)
    passed = [value <= level / (len(p) - k) for k, value in enumerate(rising)]
    rejected = passed.index(False) if False in passed else len(p)
    adjusted = holm(p)
    assert sum(value <= level for value in adjusted) == rejected
    assert all(min(1.0, raw * len(p)) >= value >= raw for raw, value in zip(p, adjusted, strict=True))
    order = data.draw(st.permutations(range(len(p))))
    assert holm([p[i] for i in order]) == tuple(adjusted[i] for i in order)


def test_a_detectable_difference_is_detected_with_the_given_power():
    seeds, images, training, image = 4, 50, 0.01, 0.05
    d = detectable_difference(seeds, images, training, image)
    detected = [
        estimate_mean(means(draw(seeds, images, training, image, seed=s) + d)).p <= 0.05 for s in range(400)
    ]
    assert np.mean(detected) == pytest.approx(0.8, abs=0.06)


def test_detectable_difference_grows_with_arms_and_is_infinite_for_one_seed():
    assert detectable_difference(3, 60, arms=4) > 1.2 * detectable_difference(3, 60)
    assert detectable_difference(1, 60) == float("inf")
    assert detectable_difference(3, 60, seed_sd=0.0, image_sd=0.0) == 0


def test_the_measured_spread_and_the_forecast_agree():
    e = estimate_mean(means(draw(200, 300, 0.01, 0.05)))
    assert detectable_at_measured_spread(e) == pytest.approx(
        detectable_difference(200, 300, 0.01, 0.05), rel=0.15
    )


@pytest.mark.parametrize("seeds", [2, 3, 8])
@pytest.mark.parametrize("images", [12, 60])
def test_a_detectable_difference_is_never_below_half_the_interval(seeds, images):
    """Heavy tails: a few images carry the difference, so that its variance has few degrees of freedom."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        training = rng.choice([0.0, 0.01]) * rng.standard_normal((seeds, 1))
        gains = training + 0.05 * rng.standard_t(1.5, (1, images)) + 0.01 * rng.standard_t(2, (seeds, images))
        e = estimate_mean(means(gains))
        assert detectable_at_measured_spread(e) >= (e.high - e.low) / 2


def test_detectable_difference_grows_with_fewer_degrees_of_freedom_and_is_0_without_variance():
    estimate = estimate_mean(means(draw(3, 40, 0.01, 0.05)))
    assert detectable_at_measured_spread(
        replace(estimate, image_df=4.0)
    ) > 1.1 * detectable_at_measured_spread(estimate)
    assert np.isnan(detectable_at_measured_spread(replace(estimate, seed_variance=float("nan"))))
    assert detectable_at_measured_spread(estimate_mean(means(np.full((3, 10), 0.1)))) < 1e-12
