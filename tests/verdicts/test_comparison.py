import json
from dataclasses import replace

import numpy as np
import pytest

from foveate.errors import UserError
from foveate.evaluation.cost import Cost
from foveate.evaluation.scores import scores
from foveate.verdicts.comparison import CountedRuns, Question, compare_arms, paired_difference
from foveate.verdicts.findings import Findings
from foveate.verdicts.looks import LookPlan, Looks
from foveate.verdicts.samples import TestImages
from foveate.verdicts.statistics import IntervalEstimate
from foveate.verdicts.verdict import decide

CLASSES = ("road", "car", "pole")
COST = Cost(
    parameters=1000, flops=10**6, latency_ms=10.0, latency_low_ms=9.0, latency_high_ms=11.0, memory_bytes=10
)


def compare(runs, classes=CLASSES, task="segmentation", errors=None, images=None, costs=None, **asked):
    return compare_arms(CountedRuns(runs, classes, task, errors, images), Question(**asked), costs)


def draw(accuracy, seed, images=12, truth_seed=0):
    """Per-image confusion matrices with the same truth for every arm and seed."""
    truth = np.random.default_rng(truth_seed).integers(200, 400, (images, 3))
    rng = np.random.default_rng(seed)
    hits = rng.binomial(truth, accuracy)
    confusion = np.zeros((images, 3, 3), dtype=np.int64)
    for c in range(3):
        confusion[:, c, c] = hits[:, c]
        confusion[:, c, (c + 1) % 3] = truth[:, c] - hits[:, c]
    return confusion


@pytest.fixture
def runs():
    """A host, an arm that helps, one that hurts, one that is a placebo."""
    levels = {"none": 0.8, "cbam@decoder": 0.9, "se@decoder": 0.7, "placebo@decoder": 0.8}
    return {
        arm: {seed: draw(level, 100 * k + seed) for seed in range(3)}
        for k, (arm, level) in enumerate(levels.items())
    }


def test_verdicts(runs):
    result = compare(runs, CLASSES, placebos={"cbam@decoder": "placebo@decoder"})
    assert {r.arm: r.verdict for r in result.arms} == {
        "none": None,
        "cbam@decoder": "helps",
        "se@decoder": "hurts",
        "placebo@decoder": "not shown",
    }
    cbam = result["cbam@decoder"]
    assert cbam.versus_placebo.low > 0
    assert cbam.p_placebo == cbam.versus_placebo.p
    assert cbam.p_holm >= cbam.difference.p
    assert cbam.difference.low > 0.1
    assert (result.judge, result.images, cbam.seeds) == ("miou", 12, (0, 1, 2))


def test_the_score_is_the_mean_over_seeds_of_the_dataset_wide_miou(runs):
    result = compare(runs, CLASSES)
    expected = [scores(c.sum(0), CLASSES) for c in runs["se@decoder"].values()]
    assert result["se@decoder"].score.mean == pytest.approx(np.mean([s.miou for s in expected]))
    per_class = np.mean([s.iou for s in expected], axis=0)
    assert [c.score for c in result["se@decoder"].measures["iou"]] == pytest.approx(per_class)
    assert all(c.difference.high < 0 for c in result["se@decoder"].measures["iou"])


def test_classification_compares_accuracy_and_recall(runs):
    labels = np.arange(60) % 3
    right = np.eye(3, dtype=np.int64)[labels][:, :, None] * np.eye(3, dtype=np.int64)[labels][:, None, :]
    wrong = np.roll(right, 1, axis=2)
    arms = {"none": [0, 10], "eca@4": [0]}
    runs = {
        arm: {s: np.where(np.isin(np.arange(60) % 12, bad)[:, None, None], wrong, right) for s in (0, 1)}
        for arm, bad in arms.items()
    }
    result = compare(runs, CLASSES, task="classification")
    assert result.judge == "accuracy"
    assert result["eca@4"].score.mean == pytest.approx(55 / 60)
    assert result["eca@4"].difference.mean == pytest.approx(5 / 60)
    assert [c.score for c in result["eca@4"].measures["recall"]] == pytest.approx([0.75, 1, 1])


def test_kinds_of_error_are_compared_over_all_images(runs):
    def errors(found, near):
        counts = np.zeros((12, 14 + 2 * len(CLASSES)), dtype=np.int64)
        counts[:, 0], counts[:, 5] = 4, found  # small objects, and how many of them are found
        counts[:, 10], counts[:, 12] = near, 100 - near
        counts[:, 14:17], counts[:, 17:] = 3, [4, 6, 0]
        return counts

    two = {arm: runs[arm] for arm in ("none", "cbam@decoder")}
    error_counts = {
        "none": {seed: errors(np.arange(12) % 2, 20) for seed in range(3)},
        "cbam@decoder": {seed: errors(1 + np.arange(12) % 2, 15 + seed) for seed in range(3)},
    }
    result = compare(two, CLASSES, errors=error_counts)
    small, boundary, near = result["cbam@decoder"].errors
    assert [detail.name for detail in (small, boundary, near)] == [
        "objects found, 0 to 0.05% of the image",
        "boundary IoU",
        "pixels near one half",
    ]
    assert result["none"].errors[0].score == 0.125
    assert result["none"].errors[0].difference is None
    assert (small.score, small.difference.mean) == (0.375, 0.25)
    assert boundary.score == (0.75 + 0.5) / 2
    assert near.difference.mean == pytest.approx(-0.04)
    assert -0.07 < near.difference.low < -0.04 < near.difference.high < -0.01
    assert compare(two, CLASSES)["cbam@decoder"].errors == ()


def test_arms_are_paired_on_the_seeds_they_share(runs):
    del runs["cbam@decoder"][0]
    result = compare(runs, CLASSES)
    assert result["cbam@decoder"].seeds == (1, 2)
    assert result["cbam@decoder"].difference.seeds == 2
    assert result["se@decoder"].difference.seeds == 3


def test_one_seed_has_no_verdict(runs):
    result = compare({arm: {0: by_seed[0]} for arm, by_seed in runs.items()}, CLASSES)
    assert result["cbam@decoder"].verdict == "no verdict"
    assert np.isnan(result["cbam@decoder"].difference.p)


def test_a_class_that_only_one_arm_predicts_is_not_averaged():
    def confusion(predicted):
        one = np.array([[90, 10, 0], [10, 90, 0], [0, 0, 0]])
        one[0, 2] += predicted
        one[0, 1] -= predicted
        return np.stack([one] * 5)

    host, arm = np.stack([confusion(0)] * 2), np.stack([confusion(1)] * 2)
    assert abs(paired_difference(arm, host).mean) < 0.01


def test_a_class_in_a_single_image_has_a_difference_but_no_interval(runs):
    rare = {arm: {s: c.copy() for s, c in by_seed.items()} for arm, by_seed in runs.items()}
    for by_seed in rare.values():
        for c in by_seed.values():
            c[1:, 2] = 0
    pole = compare(rare, CLASSES)["cbam@decoder"].measures["iou"][2]
    assert np.isfinite(pole.difference.mean)
    assert np.isnan(pole.difference.low)


def test_json_round_trip(runs):
    costs = dict.fromkeys(runs, COST)
    result = compare(runs, CLASSES, placebos={"se@decoder": "placebo@decoder"}, costs=costs)
    text = json.dumps(result.to_json(), allow_nan=False)
    assert repr(Findings.from_json(json.loads(text))) == repr(result)


def test_an_interval_within_the_margin_is_no_difference(runs):
    result = compare(runs, CLASSES, margin=0.2)
    assert {r.verdict for r in result.arms[1:]} == {"no difference"}
    assert result.margin == 0.2


def test_a_placebo_does_not_count_in_the_family(runs):
    alone = compare(runs, CLASSES)["se@decoder"]
    beside = compare(runs, CLASSES, placebos={"cbam@decoder": "placebo@decoder"})
    se, cbam = beside["se@decoder"], beside["cbam@decoder"]
    assert se.difference.p == alone.difference.p
    assert max(se.p_holm, cbam.p_holm) <= 2 * max(se.difference.p, cbam.difference.p)
    assert alone.p_holm > se.p_holm
    assert beside["placebo@decoder"].p_holm == beside["placebo@decoder"].difference.p


def test_another_reference_and_contrasts(runs):
    result = compare(runs, CLASSES, baseline="se@decoder", contrasts=[("cbam@decoder", "none")])
    assert result.arms[0].arm == "se@decoder"
    assert result["none"].verdict == "helps"
    (contrast,) = result.contrasts
    plain = compare(runs, CLASSES)["cbam@decoder"]
    assert (contrast.arm, contrast.reference, contrast.verdict) == ("cbam@decoder", "none", "helps")
    assert contrast.difference.mean == pytest.approx(plain.difference.mean)
    family = [r.difference.p for r in result.arms[1:]] + [contrast.difference.p]
    assert contrast.p_holm >= len(family) * min(family)


def test_another_judge(runs):
    result = compare(runs, CLASSES, judge="recall:pole")
    expected = [scores(c.sum(0), CLASSES).classes[2].recall for c in runs["cbam@decoder"].values()]
    assert result["cbam@decoder"].score.mean == pytest.approx(np.mean(expected))
    assert result.judge == "recall:pole"


def test_an_arm_that_could_not_open_is_not_tested(runs):
    result = compare(runs, CLASSES, closed={"cbam@decoder"})
    assert result["cbam@decoder"].verdict == "not tested"
    assert result["se@decoder"].verdict == "hurts"


def test_every_measure_of_a_class(runs):
    measures = compare(runs, CLASSES)["se@decoder"].measures
    expected = [scores(c.sum(0), CLASSES).classes[1] for c in runs["se@decoder"].values()]
    for measure in ("iou", "dice", "precision", "recall"):
        assert measures[measure][1].score == pytest.approx(np.mean([getattr(s, measure) for s in expected]))
        assert measures[measure][1].difference.high < 0


def test_more_looks_cost_and_a_decision_stands(runs):
    levels = {"none": 0.8, "cbam@decoder": 0.9, "se@decoder": 0.7, "placebo@decoder": 0.8}
    more = {
        arm: by_seed | {seed: draw(levels[arm], 900 + seed + 50 * k) for seed in (3, 4)}
        for k, (arm, by_seed) in enumerate(runs.items())
    }
    once = Looks.once(3).take(3)
    twice = once.plan((5,)).take(5)
    first = compare(runs, CLASSES, looks=once)["cbam@decoder"]
    later = compare(more, CLASSES, looks=twice)["cbam@decoder"]
    assert (first.verdict, later.verdict) == ("helps", "helps")
    assert later.difference.low >= first.difference.low - 1e-3
    assert later.difference.p <= first.difference.p * 1.1
    planned = Looks((LookPlan((3, 4, 5)),)).take(3)
    wider = compare(runs, CLASSES, looks=planned)["cbam@decoder"].difference
    assert wider.high - wider.low > first.difference.high - first.difference.low


def test_seeds_that_test_other_images_are_pooled(runs):
    halves = {arm: {s: c[s % 2 :: 2] for s, c in by_seed.items()} for arm, by_seed in runs.items()}
    names = [f"{number:02d}" for number in range(12)]
    images = TestImages({s: names[s % 2 :: 2] for s in range(3)})
    result = compare(halves, CLASSES, images=images)
    assert (result.images, result.groups) == (12, 12)
    assert result["cbam@decoder"].verdict == "helps"
    grouped = TestImages(images.by_seed, {name: name[1] for name in names})
    with_groups = compare(halves, CLASSES, images=grouped)
    assert (with_groups.images, with_groups.groups) == (12, 10)


def test_a_missing_baseline_is_refused(runs):
    with pytest.raises(UserError, match=r"there are no runs of 'host', only of none.*train 'host' too"):
        compare(runs, CLASSES, baseline="host")


def test_arms_without_a_shared_seed_are_refused(runs):
    runs["se@decoder"] = {7: runs["se@decoder"][0]}
    with pytest.raises(UserError, match=r"'se@decoder' and 'none' have no seed in common.*the same seeds"):
        compare(runs, CLASSES)


def test_other_images_are_refused(runs):
    runs["se@decoder"][1] = draw(0.7, 1, truth_seed=5)
    with pytest.raises(
        UserError,
        match=r"'se@decoder' seed 1 was scored on other images .*than 'none' seed 0.*same, unchanged",
    ):
        compare(runs, CLASSES)


def test_another_number_of_images_for_one_seed_is_refused(runs):
    runs["none"][2] = draw(0.8, 2, images=11)
    with pytest.raises(UserError, match="'none' seed 2 was scored on other images"):
        compare(runs, CLASSES)


def test_seed_differences_are_the_differences_of_the_scores_of_each_seed(runs):
    result = compare(runs, CLASSES)
    assert result["none"].seed_differences == ()
    for arm in result.arms[1:]:
        own, host = (
            [scores(c.sum(0), CLASSES).miou for c in runs[name].values()] for name in (arm.arm, "none")
        )
        assert arm.seed_differences == pytest.approx(np.subtract(own, host))
        assert arm.difference.mean == pytest.approx(np.mean(arm.seed_differences))


GAIN = IntervalEstimate(0.021, 0.008, 0.034, 0.002, 0.0, 2.0, 0.0, 59.0, seeds=3, images=60)


@pytest.mark.parametrize(("low", "high", "p", "verdict"), [
    (0.01, 0.03, 0.01, "helps"),
    (-0.03, -0.01, 0.05, "hurts"),
    (0.01, 0.03, 0.06, "not shown"),
    (-0.01, 0.03, 0.01, "not shown"),
])  # fmt: skip
def test_decide(low, high, p, verdict):
    assert decide(replace(GAIN, mean=(low + high) / 2, low=low, high=high), p, margin=0.005) == verdict


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (-0.009, 0.009, "no difference"),
    (0.001, 0.009, "no difference"),
    (-0.009, 0.011, "not shown"),
])  # fmt: skip
def test_equivalence(low, high, verdict):
    gain = replace(GAIN, mean=(low + high) / 2, low=low, high=high)
    assert decide(gain, 0.01, margin=0.01) == verdict
    assert decide(gain, 0.01, margin=0.01, tested=False) == "not tested"
