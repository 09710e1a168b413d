import numpy as np
import pytest

from foveate.errors import UserError
from foveate.evaluation.errors import boundary_counts
from foveate.evaluation.judges import NAMES, parse_judge, score_words
from foveate.evaluation.scores import counts, scores

CLASSES = ("background", "polyp", "tool")
MATRIX = np.array([[50, 3, 2], [4, 20, 1], [0, 5, 15]])


def sums(matrix, errors=()):
    return np.concatenate([*counts(matrix), np.asarray(errors, dtype=np.int64)], axis=-1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("miou", lambda s: s.miou),
        ("dice", lambda s: s.dice),
        ("f1", lambda s: s.dice),
        ("accuracy", lambda s: s.accuracy),
        ("balanced_accuracy", lambda s: s.mean_accuracy),
        ("precision", lambda s: s.precision),
        ("dice:polyp", lambda s: s.classes[1].dice),
        ("iou:tool", lambda s: s.classes[2].iou),
        ("recall:background", lambda s: s.classes[0].recall),
        ("precision:tool", lambda s: s.classes[2].precision),
    ],
)
def test_a_judge_gives_the_score_of_that_name(text, expected):
    judge = parse_judge(text, CLASSES, "segmentation")
    assert judge(sums(MATRIX)) == pytest.approx(expected(scores(MATRIX, CLASSES)))
    assert judge.text == text


def test_boundary_iou_comes_from_the_error_counts():
    truth = np.zeros((20, 20), dtype=int)
    truth[5:12, 5:12] = 1
    prediction = np.roll(truth, 1, axis=0)
    found = boundary_counts(prediction, truth, 2)
    columns = [0] * 14 + found.ravel().tolist()
    matrix = np.bincount((2 * truth + prediction).ravel(), minlength=4).reshape(2, 2)
    by_class = found[0] / found[1]
    for text, expected in (("boundary_iou", by_class.mean()), ("boundary_iou:square", by_class[1])):
        judge = parse_judge(text, ("ground", "square"), "segmentation")
        assert judge(sums(matrix, columns)) == pytest.approx(expected)


def test_a_class_that_only_a_prediction_has_does_not_count():
    matrix = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
    judge = parse_judge("dice", CLASSES, "segmentation")
    assert judge(sums(matrix)) == pytest.approx((16 / 19 + 18 / 21) / 2)
    assert np.isnan(parse_judge("dice:tool", CLASSES, "segmentation")(sums(matrix)))


def test_without_a_name_masks_are_judged_by_miou_and_labels_by_accuracy():
    assert parse_judge(None, CLASSES, "segmentation").text == "miou"
    assert parse_judge(None, CLASSES, "classification").text == "accuracy"


@pytest.mark.parametrize(
    ("text", "task", "message"),
    [
        ("dise", "segmentation", "did you mean 'dice'"),
        ("dice:polip", "segmentation", "did you mean 'polyp'"),
        ("miou:polyp", "segmentation", "takes no class; write miou"),
        ("boundary_iou", "classification", "needs masks"),
    ],
)
def test_a_judge_that_cannot_be_is_refused(text, task, message):
    with pytest.raises(UserError, match=message):
        parse_judge(text, CLASSES, task)


def test_every_judge_has_words():
    assert all(score_words(name) for name in NAMES)
    assert score_words("boundary_iou:polyp") == "boundary IoU of polyp"
