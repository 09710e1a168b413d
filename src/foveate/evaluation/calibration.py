"""Is a network as sure as it is right? Expected calibration error from bins, without keeping a single pixel.

Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3: pixels are sorted by the probability
of the class they were called (confidence) into equal bins, and ECE = sum_b n_b / n |accuracy_b -
confidence_b|.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from foveate.data.pixels.masks import IGNORE

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error in [0, 1] and, for each bin of confidence, count, mean confidence,
    accuracy.

    An empty bin has NaN for confidence and accuracy.
    """

    error: float
    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]


class CalibrationBins:
    """Sums a bin, added to batch by batch; `result` gives the calibration so far.

    >>> bins = CalibrationBins()
    >>> bins.add(torch.tensor([[0.8, 0.2], [0.8, 0.2]]), torch.tensor([0, 1]))
    >>> round(bins.result().error, 3)
    0.3
    """

    def __init__(self, bins: int = BINS):
        self.count = torch.zeros(bins, dtype=torch.int64)
        self.confidence = torch.zeros(bins, dtype=torch.float64)
        self.hits = torch.zeros(bins, dtype=torch.int64)

    def add(self, probabilities: Float[Tensor, "n c *size"], truth: Integer[Tensor, "n *size"]) -> None:
        """Add a batch: probabilities over dimension 1 that sum to 1, true class ids with 255 = ignore."""
        confidence, called = probabilities.max(1)
        counted = truth != IGNORE
        confidence, right = confidence[counted].double().cpu(), (called == truth)[counted].cpu()
        bins = len(self.count)
        place = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
        self.count += torch.bincount(place, minlength=bins)
        self.confidence += torch.bincount(place, weights=confidence, minlength=bins)
        self.hits += torch.bincount(place[right], minlength=bins)

    def result(self) -> Calibration:
        """The calibration of everything added; the error is NaN when nothing was."""
        confidence, accuracy = self.confidence / self.count, self.hits / self.count
        share = self.count / self.count.sum()
        gap = torch.where(self.count > 0, share * (accuracy - confidence).abs(), 0.0)
        error = gap.sum().item() if self.count.sum() else float("nan")
        return Calibration(error, *(tuple(v.tolist()) for v in (self.count, confidence, accuracy)))
