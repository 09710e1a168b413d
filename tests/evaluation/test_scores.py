import json

import numpy as np
import pytest
import torch
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
)

from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.errors import NearHalf, SizeBin
from foveate.evaluation.scores import Scores, scores
from foveate.plain import from_json, to_json

NAMES = ("road", "car", "sign", "pole")


def test_by_hand():
    s = scores(np.array([[6, 2], [1, 1]]), NAMES[:2], images=1)
    assert s.iou == pytest.approx((6 / 9, 1 / 4))
    assert [c.dice for c in s.classes] == pytest.approx([12 / 15, 2 / 5])
    assert [c.precision for c in s.classes] == pytest.approx([6 / 7, 1 / 3])
    assert [c.recall for c in s.classes] == pytest.approx([6 / 8, 1 / 2])
    assert [c.share for c in s.classes] == [0.8, 0.2]
    assert s.accuracy == 0.7
    assert s.balanced_accuracy == s.mean_accuracy == s.recall == 0.625
    assert s.miou == pytest.approx((6 / 9 + 1 / 4) / 2)
    assert s.f1 == s.dice == pytest.approx(0.6)


def test_means_agree_with_torchmetrics():
    generator = torch.Generator().manual_seed(0)
    prediction, truth = torch.randint(0, 4, (2, 5, 8, 8), generator=generator)
    truth[:, 0] = 255
    s = scores(confusion_matrices(prediction, truth, 4).sum(0).numpy(), NAMES)
    options = {"num_classes": 4, "ignore_index": 255, "average": "macro"}
    assert s.miou == pytest.approx(MulticlassJaccardIndex(**options)(prediction, truth).item())
    assert s.f1 == pytest.approx(MulticlassF1Score(**options)(prediction, truth).item())
    assert s.precision == pytest.approx(MulticlassPrecision(**options)(prediction, truth).item())
    assert s.mean_accuracy == pytest.approx(MulticlassAccuracy(**options)(prediction, truth).item())
    micro = MulticlassAccuracy(4, average="micro", ignore_index=255)
    assert s.accuracy == pytest.approx(micro(prediction, truth).item())


def test_miou_is_of_the_summed_matrix_not_a_mean_over_images():
    first, second = np.array([[9, 0], [1, 0]]), np.array([[0, 0], [0, 10]])
    assert scores(first + second, NAMES[:2]).miou == pytest.approx((9 / 10 + 10 / 11) / 2)


def test_a_class_in_neither_truth_nor_prediction_is_nan_and_left_out_of_every_mean():
    s = scores(np.array([[4, 0, 0], [1, 5, 0], [0, 0, 0]]), NAMES[:3])
    absent = s.classes[2]
    assert np.isnan([absent.iou, absent.dice, absent.precision, absent.recall]).all()
    two = scores(np.array([[4, 0], [1, 5]]), NAMES[:2])
    assert (s.miou, s.dice, s.precision, s.recall) == (two.miou, two.dice, two.precision, two.recall)


def test_a_class_that_is_only_predicted_scores_0_except_for_recall():
    invented = scores(np.array([[4, 2], [0, 0]]), NAMES[:2])
    assert (invented.iou[1], invented.classes[1].precision) == (0, 0)
    assert np.isnan(invented.classes[1].recall)
    assert invented.mean_accuracy == pytest.approx(4 / 6)


def test_a_true_class_that_is_never_predicted_has_precision_0():
    never_predicted = scores(np.array([[4, 0], [2, 0]]), NAMES[:2])
    assert never_predicted.classes[1].precision == 0
    assert never_predicted.precision == pytest.approx(4 / 6 / 2)


def test_nothing_counted_gives_nan():
    s = scores(np.zeros((2, 2), dtype=int), NAMES[:2])
    assert np.isnan([s.miou, s.accuracy, s.f1]).all()


def test_a_matrix_that_does_not_fit_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\) does not fit 3 classes"):
        scores(np.eye(2), NAMES[:3])


def test_scores_survive_json_with_nan_as_null():
    import dataclasses

    s = scores(np.array([[4, 0, 0], [1, 5, 0], [0, 0, 0]]), NAMES[:3], images=2)
    s = dataclasses.replace(
        s, near_half=NearHalf(0.5, float("nan"), 0.0), objects=(SizeBin(0.0, 1.0, 0, float("nan"), 0.5),)
    )
    text = json.dumps(to_json(s), allow_nan=False)
    back = from_json(Scores, json.loads(text))
    assert str(dataclasses.asdict(back)) == str(dataclasses.asdict(s))
