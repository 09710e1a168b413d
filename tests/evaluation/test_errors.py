import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from foveate.evaluation.calibration import CalibrationBins
from foveate.evaluation.error_rates import ERROR_RATES, error_rates
from foveate.evaluation.errors import (
    ErrorCounts,
    NearHalf,
    boundary,
    boundary_counts,
    near_half,
    near_half_counts,
    object_coverage,
    size_bins,
)
from foveate.evaluation.ratios import ratio


def test_objects_connect_at_corners_and_are_separated_by_class():
    truth = np.array([[1, 0, 2, 2], [0, 1, 0, 0], [0, 0, 0, 1]])
    prediction = np.array([[1, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, 2]])
    rows = object_coverage(prediction, truth, 3)
    assert [tuple(r) for r in rows.round(3)] == [
        (0.0, 0.583, 1.0),
        (1.0, 0.167, 0.5),
        (1.0, 0.083, 0.0),
        (2.0, 0.167, 0.5),
    ]


def test_size_bins_by_hand():
    rows = np.array([[0, 0.5, 1.0], [1, 0.01, 0.4], [1, 0.02, 0.6], [1, 0.001, 0.0]])
    small, middle, large = size_bins(rows, edges=(0.01, 0.1))
    assert (small.objects, small.recall, small.coverage) == (1, 0.0, 0.0)
    assert (middle.objects, middle.recall, middle.coverage) == (2, 0.5, 0.5)
    assert (large.objects, large.high) == (1, 1.0)
    assert np.isnan(size_bins(rows[:1], edges=(0.01,))[0].recall)


def test_boundary_of_all_classes_equals_erosion_class_by_class():
    ids = np.random.default_rng(0).integers(0, 3, (5, 6)).repeat(6, 0).repeat(6, 1)
    for width in (1, 2):
        found = boundary(ids, width)
        for c in range(3):
            region = ids == c
            kept = ndimage.binary_erosion(region, np.ones((3, 3)), iterations=width)
            assert np.array_equal(found & region, region & ~kept)


def test_boundary_iou_falls_by_a_shift_that_iou_hardly_shows():
    truth = np.zeros((40, 40), dtype=int)
    truth[5:35, 5:35] = 1
    shifted = np.roll(truth, 1, axis=1)
    shared, union = boundary_counts(shifted, truth, 2)[:, 1]
    assert shared / union < 0.4
    area = ((truth == 1) & (shifted == 1)).sum() / ((truth == 1) | (shifted == 1)).sum()
    assert area > 0.93


def boundary_iou(prediction, truth, classes, width_share=0.02):
    shared, union = boundary_counts(prediction, truth, classes, width_share)
    return ratio(shared, union)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(8, 12), slice(8, 12)),  # inside an object
        (slice(3, 7), slice(8, 12)),  # across its outline
        (slice(0, 20), slice(0, 2)),  # along the image's border
        (slice(5, 15), slice(5, 15)),  # all of it
    ],
)
def test_a_perfect_prediction_scores_1_beside_ignored_pixels(rows, columns):
    drawn = np.zeros((20, 20), dtype=int)
    drawn[5:15, 5:15] = 1
    truth = drawn.copy()
    truth[rows, columns] = 255
    expected = [1.0, 1.0 if (truth == 1).any() else np.nan]
    assert boundary_iou(drawn, truth, 2) == pytest.approx(expected, nan_ok=True)


def test_predictions_on_ignored_pixels_change_nothing():
    truth = np.zeros((20, 20), dtype=int)
    truth[5:15, 5:15] = 1
    truth[:, 9:12] = 255
    noise = np.where(truth == 255, np.random.default_rng(0).integers(0, 2, truth.shape), truth)
    assert boundary_iou(noise, truth, 2).tolist() == [1.0, 1.0]


def test_a_boundary_across_an_ignored_strip_still_counts():
    truth = np.zeros((30, 30), dtype=int)
    truth[:, 14:16], truth[:, 16:] = 255, 1
    moved = np.where(truth == 255, 255, np.arange(30) >= 11)
    assert boundary_iou(moved, truth, 2, width_share=0.08).max() < 0.9


def test_boundary_iou_of_a_wholly_ignored_image_is_nan():
    truth = np.full((6, 6), 255)
    assert np.isnan(boundary_iou(np.zeros((6, 6), dtype=int), truth, 2)).all()


masks = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: arrays(np.uint8, size, elements=st.sampled_from((0, 1, 2, 255)))
)


@given(masks, st.integers(1, 3))
def test_a_perfect_prediction_scores_1_or_nan_on_any_truth(truth, width):
    share = width / np.hypot(*truth.shape)
    perfect = boundary_iou(np.where(truth == 255, 0, truth), truth, 3, share)
    assert ((perfect == 1) | np.isnan(perfect)).all()


@given(masks, st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_boundaries_agree_with_their_definition(truth, seed, width):
    prediction = np.random.default_rng(seed).integers(0, 3, truth.shape, dtype=np.uint8)
    counts = boundary_counts(prediction, truth, 3, width / np.hypot(*truth.shape))
    assert counts.tolist() == naive_boundary_counts(prediction, truth, 3, width)


def naive_boundary_counts(prediction, truth, classes, width):
    counted = truth != 255
    height, across = truth.shape

    def near_an_outline(ids, i, j):
        if min(i, j, height - 1 - i, across - 1 - j) < width:
            return True
        window = (slice(i - width, i + width + 1), slice(j - width, j + width + 1))
        return (ids[window][counted[window]] != ids[i, j]).any()

    shared, union = [0] * classes, [0] * classes
    for i, j in zip(*counted.nonzero(), strict=True):
        for c in range(classes):
            true = truth[i, j] == c and near_an_outline(truth, i, j)
            called = prediction[i, j] == c and near_an_outline(prediction, i, j)
            shared[c] += bool(true and called)
            union[c] += bool(true or called)
    return [shared, union]


def test_near_half_renormalises_over_the_two_most_probable_classes():
    p = torch.tensor([[0.35, 0.30, 0.35], [0.6, 0.1, 0.3], [0.98, 0.01, 0.01], [0.4, 0.3, 0.3]]).T[None]
    counts = near_half_counts(p, torch.tensor([[0, 0, 1, 255]]))
    assert counts.tolist() == [[1, 0, 2, 1]]
    assert near_half(counts.sum(0)) == NearHalf(share=1 / 3, error=0.0, error_elsewhere=0.5)


def test_errors_have_the_names_of_the_fields_of_scores():
    errors = ErrorCounts(2)
    truth = torch.zeros(1, 8, 8, dtype=torch.long)
    truth[0, 2:5, 2:5] = 1
    p = torch.stack([truth[0] == 0, truth[0] == 1]).float()[None]
    errors.add(p, truth)
    found = errors.result()
    assert found["boundary_iou"] == (1.0, 1.0)
    assert found["near_half"].share == 0
    assert sum(b.objects for b in found["objects"]) == 1  # the background is not an object


def test_rates_of_summed_counts_equal_rates_of_the_data_set():
    generator = torch.Generator().manual_seed(0)
    truth = (
        torch.randint(0, 3, (4, 6, 6), generator=generator).repeat_interleave(5, 1).repeat_interleave(5, 2)
    )
    truth[0, :3] = 255
    p = torch.randn(4, 3, 30, 30, generator=generator).softmax(1)
    p.scatter_add_(1, truth.where(truth < 3, 0)[:, None], torch.ones(4, 1, 30, 30))
    errors = ErrorCounts(3)
    for half in (slice(0, 2), slice(2, 4)):
        errors.add(p[half] / 2, truth[half])
    whole, rates = errors.result(), error_rates(errors.per_image().sum(0))
    assert len(rates) == len(ERROR_RATES)
    expected = [
        *(b.recall for b in whole["objects"]),
        np.mean(whole["boundary_iou"]),
        whole["near_half"].share,
    ]
    assert rates == pytest.approx(expected, nan_ok=True)
    assert np.isfinite(rates).sum() >= 4


def test_calibration_by_hand_in_two_batches():
    bins = CalibrationBins(bins=2)
    bins.add(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1]))
    bins.add(torch.tensor([[0.5, 0.5], [0.1, 0.9]]), torch.tensor([0, 255]))
    found = bins.result()
    assert found.counts == (1, 2)
    assert found.accuracy == (1.0, 0.5)
    assert found.confidence == pytest.approx((0.5, 0.85))
    assert found.error == pytest.approx((1 * 0.5 + 2 * 0.35) / 3)


def test_calibration_agrees_with_torchmetrics():
    from torchmetrics.classification import MulticlassCalibrationError

    generator = torch.Generator().manual_seed(0)
    p = torch.randn(2, 5, 16, 16, generator=generator).softmax(1)
    truth = torch.randint(0, 5, (2, 16, 16), generator=generator)
    bins = CalibrationBins()
    bins.add(p, truth)
    expected = MulticlassCalibrationError(5, n_bins=15)(p, truth).item()
    assert bins.result().error == pytest.approx(expected, abs=1e-6)


def test_calibration_of_nothing_is_nan():
    assert np.isnan(CalibrationBins().result().error)
