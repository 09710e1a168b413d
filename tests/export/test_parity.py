import numpy as np
import pytest
import torch
from torch import nn

from foveate.export.parity import FLOAT, INT8, Parity, measure, trial_sizes


class Brightness(nn.Module):
    """Logits of two classes, dark and bright; `shift` moves the border between them."""

    task = "segmentation"

    def __init__(self, shift: float = 0.0):
        super().__init__()
        self.shift = shift

    def forward(self, image):
        bright = image.mean(1, keepdim=True) - 0.5 + self.shift
        return torch.cat([-bright, bright], 1)


class Label(Brightness):
    """The same of a whole image."""

    task = "classification"

    def forward(self, image):
        return super().forward(image).mean((2, 3))


SIZES = trial_sizes((20, 30))
HALVES = np.zeros((20, 30, 3), np.uint8)
HALVES[:, 15:] = 255
TRUTH = (HALVES[..., 0] > 0).astype(np.uint8)


def compared(network: nn.Module, other: nn.Module, truth=TRUTH) -> Parity:
    return measure(network, other, [(HALVES, truth)], SIZES, classes=("dark", "bright"))


def test_a_network_equals_itself():
    parity = compared(Brightness(), Brightness())
    assert (parity.difference, parity.changed, parity.mean) == (0, 0, 0)
    assert parity.score == parity.score_exported == pytest.approx(1, abs=0.1)
    assert parity.excess(FLOAT) == ""
    assert len(parity.trials) == 6


def test_changed_classes_and_scores_are_beyond_the_bounds():
    parity = compared(Brightness(), Brightness(shift=1.0))  # all is bright
    assert parity.changed == pytest.approx(0.5, abs=0.05)
    assert parity.score_exported < 0.6 < parity.score
    assert r"of the pixels change their class, at most 0.01% may; most, " in parity.excess(FLOAT)
    assert parity.excess(INT8)


def test_other_logits_with_the_same_classes_are_beyond_the_bounds():
    parity = compared(Brightness(), Brightness(shift=0.1))
    assert parity.changed == 0
    assert "logits change by" in parity.excess(FLOAT)


def test_without_truth_there_is_no_score():
    parity = compared(Brightness(), Brightness(), truth=None)
    assert np.isnan(parity.score)
    assert parity.excess(FLOAT) == ""


def test_logits_that_are_no_numbers_are_beyond_the_bounds():
    assert compared(Brightness(), Brightness(shift=float("nan"))).excess(FLOAT)


def test_a_classifier_is_compared_by_images_and_accuracy():
    bright = np.full((20, 30, 3), 200, np.uint8)
    samples = [(bright, 1), (255 - bright, 0)]
    same = measure(Label(), Label(), samples, SIZES, classes=("dark", "bright"))
    assert (same.score, same.score_name, same.counted) == (1, "accuracy", "images")
    moved = measure(Label(), Label(shift=1.0), samples, SIZES, classes=("dark", "bright"))
    assert moved.score_exported == pytest.approx(0.5)
    assert "of the images change their class" in moved.excess(INT8)


def test_sizes_of_trials_differ():
    for size in ((64, 64), (360, 480), (33, 33), (5, 400)):
        sizes = trial_sizes(size)
        assert sizes[0] == size
        assert all(side % 2 for side in sizes[1])
        assert sizes[2][0] != sizes[2][1]
        assert len(set(sizes)) == 3
