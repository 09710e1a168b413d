import numpy as np
import pytest

from foveate.verdicts.samples import Runs, TestImages, runs_of
from foveate.verdicts.statistics import estimate_mean, variances_of


def share(sums):
    """Right over all, from sums of (right, all)."""
    return sums[..., :1] / np.maximum(sums[..., 1:], 1e-12)


def counts(values):
    return np.stack([np.asarray(values), np.full(np.shape(values), 10)], axis=-1)


def rotating(rng, seeds, images, folds, training=0.0):
    """Counts of 1000 by seed; seed s tests the images of fold s mod `folds`."""
    names = [f"{number:02d}" for number in range(images)]
    shown = {s: [name for k, name in enumerate(names) if k % folds == s % folds] for s in range(seeds)}
    hardness = rng.normal(0, 100, images)
    tables = {}
    for s, tested in shown.items():
        right = 600 + hardness[[int(name) for name in tested]] + training * rng.standard_normal()
        tables[s] = np.stack([np.round(right), np.full(len(tested), 1000)], -1).astype(np.int64)
    return tables, TestImages(shown)


def test_seeds_that_share_their_images_score_the_mean_over_seeds():
    features = counts([[5, 7, 9], [1, 2, 3]])
    sample = Runs(features, share).sample()
    assert sample.mean == pytest.approx((0.7 + 0.2) / 2)
    assert sample.effects == pytest.approx([0.7, 0.2])
    assert sample.tested.all()


def test_rotating_folds_score_the_pooled_counts_and_a_fold_that_is_tested_twice_counts_once():
    images = TestImages({0: ["a", "b"], 1: ["c", "d"], 2: ["a", "b"]})
    tables = {0: counts([2, 4]), 1: counts([9, 9]), 2: counts([6, 8])}
    sample = runs_of(tables, [0, 1, 2], images, share).sample()
    assert sample.mean == pytest.approx((5 + 9) / 2 / 10)
    assert sample.effects.mean() == pytest.approx(sample.mean)
    assert sample.tested.astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]]


def test_the_variance_over_rotating_folds_is_that_of_the_pooled_score():
    """Without training noise all chance is in the images, each of which is tested once."""
    means, estimates = [], []
    for seed in range(300):
        tables, images = rotating(np.random.default_rng(seed), 5, 40, 5)
        sample = runs_of(tables, range(5), images, share).sample()
        means.append(sample.mean)
        estimates.append(variances_of(sample))
    true = np.var(means)
    assert np.mean([v.seed / v.seeds + v.image for v in estimates]) == pytest.approx(true, rel=0.2)
    assert np.mean([v.fixed for v in estimates]) == pytest.approx(true, rel=0.2)
    assert all(v.images == 40 for v in estimates)


def test_two_turns_of_the_folds_share_their_images():
    variances, means = [], []
    for seed in range(300):
        tables, images = rotating(np.random.default_rng(seed), 10, 40, 5, training=30)
        sample = runs_of(tables, range(10), images, share).sample()
        means.append(sample.mean)
        variances.append(variances_of(sample))
    assert np.mean([v.seed / v.seeds + v.image for v in variances]) == pytest.approx(np.var(means), rel=0.25)
    assert np.mean([v.image for v in variances]) > 0


def test_images_of_a_group_are_left_out_together():
    names = ["a1", "a2", "b1", "b2", "c1"]
    images = TestImages({0: names, 1: names}, {name: name[0] for name in names[:4]})
    tables = {s: counts([1, 2, 3, 4, 5 + s]) for s in (0, 1)}
    runs = runs_of(tables, [0, 1], images, share)
    assert runs.features[0].tolist() == [[3, 20], [7, 20], [5, 10]]
    assert images.count == 5
    single = runs_of(tables, [0, 1], TestImages({0: names, 1: names}), share)
    assert runs.sample().mean == pytest.approx(single.sample().mean)
    assert (variances_of(runs.sample()).images, variances_of(single.sample()).images) == (3, 5)


def test_the_first_seeds_leave_out_images_that_only_later_seeds_test():
    tables, images = rotating(np.random.default_rng(0), 5, 20, 5, training=20)
    runs = runs_of(tables, range(5), images, share)
    first = runs.first(2).sample()
    again = runs_of(tables, range(2), images, share).sample()
    assert first.mean == pytest.approx(again.mean)
    assert estimate_mean(first).images == 8
    assert estimate_mean(first).high == pytest.approx(estimate_mean(again).high)
