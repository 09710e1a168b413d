"""Intervals of the scores of one run: by how much they would differ on other images of the same kind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64, Num
from numpy import ndarray

from foveate.evaluation.ratios import mean_over_classes
from foveate.evaluation.scores import Counts, accuracy, counts, iou, recall
from foveate.verdicts.samples import Runs
from foveate.verdicts.statistics import image_interval


@dataclass(frozen=True)
class ScoreInterval:
    """A score in [0, 1] with its 95% interval over images, within [0, 1]; NaN where it is not known."""

    value: float
    low: float
    high: float


def score_intervals(
    confusions: Int64[ndarray, "n c c"], task: str, groups: Sequence[str] | None = None
) -> tuple[ScoreInterval, tuple[ScoreInterval, ...]]:
    """Return the mean IoU with the IoU of each class; of labels, the accuracy with the recall of each class.

    confusions: one matrix per image, rows truth, columns prediction. groups: the group of each image, such as
    the scene of a tile; groups count as independent. Without them, images do: where several are of one
    patient or one video, the intervals are too narrow.

    >>> images = np.array([[[4, 1], [0, 3]], [[5, 0], [1, 2]], [[4, 0], [2, 2]]])
    >>> whole, classes = score_intervals(images, "segmentation")
    >>> round(whole.value, 3), round(whole.low, 3), round(whole.high, 3), len(classes)
    (0.701, 0.417, 0.984, 2)
    """
    size = confusions.shape[-1]

    def scores(sums: Num[ndarray, "*n f"]) -> Float[ndarray, "*n s"]:
        totals = Counts(*np.split(sums, [size, 2 * size], axis=-1))
        by_class = iou(totals) if task == "segmentation" else recall(totals)
        whole = mean_over_classes(by_class) if task == "segmentation" else accuracy(totals)
        return np.concatenate([whole[..., None], by_class], axis=-1)

    numbers = np.unique(groups, return_inverse=True)[1] if groups else np.arange(len(confusions))
    sums = np.zeros((max(numbers, default=-1) + 1, size, size), dtype=np.int64)
    np.add.at(sums, numbers, confusions)
    runs = Runs(np.concatenate(counts(sums), axis=-1)[None], scores)
    whole, *classes = (_interval(runs, index) for index in range(size + 1))
    return whole, tuple(classes)


def _interval(runs: Runs, index: int) -> ScoreInterval:
    sample = runs.sample(index)
    low, high = image_interval(sample)
    return ScoreInterval(sample.mean, *np.clip((low, high), 0, 1).tolist())
