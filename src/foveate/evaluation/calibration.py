"""Expected calibration error (ECE) from the sums of bins, without storing pixels.

Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3: pixels are sorted into bins of equal
width by confidence, the probability of their predicted class, and
ECE = sum_b n_b / n |accuracy_b - confidence_b|.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from foveate.data.pixels.masks import IGNORE

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error in [0, 1]; for each bin its pixel count, mean confidence and accuracy.

    An empty bin has NaN for confidence and accuracy.
    """

    error: float
    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]


class CalibrationBins:
    """Accumulate the sums of each bin batch by batch; `result` is the calibration so far.

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
        """Add a batch: probabilities that sum to 1 over dimension 1, and true class ids with 255 = ignore."""
        confidence, predicted = probabilities.max(1)
        counted = truth != IGNORE
        confidence, correct = confidence[counted].double().cpu(), (predicted == truth)[counted].cpu()
        bins = len(self.count)
        bin_ids = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
        self.count += torch.bincount(bin_ids, minlength=bins)
        self.confidence += torch.bincount(bin_ids, weights=confidence, minlength=bins)
        self.hits += torch.bincount(bin_ids[correct], minlength=bins)

    def result(self) -> Calibration:
        """Return the calibration of everything added; the error is NaN if nothing was."""
        confidence, accuracy = self.confidence / self.count, self.hits / self.count
        share = self.count / self.count.sum()
        gap = torch.where(self.count > 0, share * (accuracy - confidence).abs(), 0.0)
        error = gap.sum().item() if self.count.sum() else float("nan")
        return Calibration(error, *(tuple(v.tolist()) for v in (self.count, confidence, accuracy)))
