import jaxtyping
import pytest
import torch
from torchmetrics.classification import MulticlassConfusionMatrix

from foveate.evaluation.confusion import confusion_matrices


def draw(classes, *shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, classes, shape, generator=generator)


@pytest.mark.parametrize("classes", [2, 11])
def test_each_image_agrees_with_torchmetrics(classes):
    prediction, truth = draw(classes, 4, 9, 13), draw(classes, 4, 9, 13, seed=1)
    truth[:, :2] = 255
    expected = [
        MulticlassConfusionMatrix(classes, ignore_index=255)(p, t)
        for p, t in zip(prediction, truth, strict=True)
    ]
    assert torch.equal(confusion_matrices(prediction, truth, classes), torch.stack(expected))


def test_rows_are_truth_and_columns_prediction():
    found = confusion_matrices(torch.tensor([[[1, 1, 0]]]), torch.tensor([[[0, 0, 1]]]), 2)
    assert found.tolist() == [[[0, 2], [1, 0]]]


def test_labels_give_one_entry_an_image():
    found = confusion_matrices(torch.tensor([2, 0]), torch.tensor([1, 0]), 3)
    assert found.sum((1, 2)).tolist() == [1, 1]
    assert found[0, 1, 2] == 1


def test_a_wholly_ignored_image_counts_nothing():
    found = confusion_matrices(torch.full((1, 2, 2), 7), torch.full((1, 2, 2), 255), 3)
    assert found.shape == (1, 3, 3)
    assert found.sum() == 0


def test_small_integers_do_not_overflow():
    truth = torch.full((1, 4, 4), 10, dtype=torch.uint8)
    assert confusion_matrices(truth, truth, 11)[0, 10, 10] == 16


@pytest.mark.parametrize(
    ("prediction", "truth", "words"), [(3, 0, "prediction"), (0, 3, "truth"), (0, -1, "truth")]
)
def test_ids_outside_the_classes_are_refused(prediction, truth, words):
    with pytest.raises(ValueError, match=rf"{words} holds class -?\d, outside 0..2"):
        confusion_matrices(torch.tensor([[prediction]]), torch.tensor([[truth]]), 3)


def test_shapes_that_differ_are_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="differ in shape"):
        confusion_matrices(torch.zeros(1, 2, 2).long(), torch.zeros(1, 2, 3).long(), 3)
