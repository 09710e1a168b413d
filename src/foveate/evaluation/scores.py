"""Scores of a whole data set, all from its one confusion matrix (rows truth, columns prediction).

What happens to classes that do not occur (a score that is NaN is left out of the mean over classes):

| score                   | NaN for a class in               | 0 for a class that is, without a hit |
| ----------------------- | -------------------------------- | ------------------------------------ |
| IoU: hits / union       | neither truth nor prediction     | predicted or true                    |
| Dice, F1: 2 hits / (predicted + true) | neither            | predicted or true                    |
| precision: hits / predicted | neither                      | predicted, or true and not predicted |
| recall: hits / true     | not in the truth                 | true                                 |

Precision counts a class that is never predicted as 0: leaving it out would reward a network that gives up on
it. Mean class accuracy, balanced accuracy and mean recall are three names of one number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from foveate.evaluation.calibration import Calibration
from foveate.evaluation.errors import NearHalf, SizeBin
from foveate.evaluation.ratios import mean_over_classes, ratio


class Counts(NamedTuple):
    """Pixels (or images) a class: predicted rightly, predicted at all, and true. All that these scores need.

    Sums of counts are the counts of the sum, so data sets can be resampled image by image.
    """

    hits: Num[ndarray, "*n c"]
    predicted: Num[ndarray, "*n c"]
    true: Num[ndarray, "*n c"]


def counts(confusion: Num[ndarray, "*n c c"]) -> Counts:
    """Reduce confusion matrices to hits, predicted and true a class.

    >>> counts(np.array([[3, 1], [0, 2]])).true
    array([4, 2])
    """
    return Counts(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2), confusion.sum(-1))


def iou(of: Counts) -> Float[ndarray, "*n c"]:
    """Intersection over union (Jaccard) a class."""
    return ratio(of.hits, of.predicted + of.true - of.hits)


def dice(of: Counts) -> Float[ndarray, "*n c"]:
    """Dice, which is F1, a class."""
    return ratio(2 * of.hits, of.predicted + of.true)


def precision(of: Counts) -> Float[ndarray, "*n c"]:
    """The share of a class's predictions that are right; 0 for a class that occurs and is never predicted."""
    never = (of.predicted == 0) & (of.true > 0)
    return np.where(never, 0.0, ratio(of.hits, of.predicted))


def recall(of: Counts) -> Float[ndarray, "*n c"]:
    """The share of a class that is found: class accuracy."""
    return ratio(of.hits, of.true)


def accuracy(of: Counts) -> Float[ndarray, "*n"]:
    """The share of all pixels (or images) that are right."""
    return ratio(of.hits.sum(-1), of.true.sum(-1))


@dataclass(frozen=True)
class ClassScores:
    """One class: the share of pixels (images) that are truly of it, and its scores in [0, 1] or NaN."""

    name: str
    share: float
    iou: float
    dice: float
    precision: float
    recall: float


@dataclass(frozen=True, repr=False)
class Scores:
    """A data set's scores in [0, 1]: means over classes, overall accuracy, and each class.

    `f1` is `dice` and `recall` is `mean_accuracy` under the names used in classification. The last four
    fields need more than a confusion matrix and are filled in by `foveate.evaluation.evaluate` for
    segmentation (calibration for classification too).
    """

    images: int
    miou: float
    dice: float
    f1: float
    accuracy: float
    mean_accuracy: float
    precision: float
    recall: float
    classes: tuple[ClassScores, ...]
    boundary_iou: tuple[float, ...] | None = None
    objects: tuple[SizeBin, ...] | None = None
    near_half: NearHalf | None = None
    calibration: Calibration | None = None

    @property
    def iou(self) -> tuple[float, ...]:
        """IoU of each class."""
        return tuple(c.iou for c in self.classes)

    @property
    def balanced_accuracy(self) -> float:
        """Mean class accuracy under its name in classification."""
        return self.mean_accuracy

    def __repr__(self) -> str:
        """The means in percent.

        >>> scores(np.array([[3, 1], [0, 4]]), ["road", "car"], images=2)
        Scores(mIoU 77.5%, Dice 87.3%, accuracy 87.5%, mean accuracy 87.5%; 2 classes, 2 images)
        """
        means = {
            "mIoU": self.miou,
            "Dice": self.dice,
            "accuracy": self.accuracy,
            "mean accuracy": self.mean_accuracy,
        }
        shown = ", ".join(f"{name} {100 * value:.1f}%" for name, value in means.items())
        return f"Scores({shown}; {len(self.classes)} classes, {self.images} images)"


def scores(confusion: Num[ndarray, "c c"], classes: Sequence[str], images: int = 0) -> Scores:
    """Compute every score of one confusion matrix; raises `ValueError` when it does not fit the classes.

    >>> scores(np.array([[3, 1], [0, 0]]), ["road", "car"]).iou
    (0.75, 0.0)
    >>> scores(np.array([[3, 1], [0, 0]]), ["road", "car"]).miou
    0.375
    """
    confusion = np.asarray(confusion)
    if confusion.shape != (len(classes), len(classes)):
        raise ValueError(f"a confusion matrix of {confusion.shape} does not fit {len(classes)} classes")
    of = counts(confusion)
    columns = (
        ratio(of.true, np.full_like(of.true, of.true.sum())),
        iou(of),
        dice(of),
        precision(of),
        recall(of),
    )
    means = [float(mean_over_classes(values)) for values in columns[1:]]
    rows = zip(classes, *(values.tolist() for values in columns), strict=True)
    return Scores(
        images=images,
        miou=means[0],
        dice=means[1],
        f1=means[1],
        accuracy=float(accuracy(of)),
        mean_accuracy=means[3],
        precision=means[2],
        recall=means[3],
        classes=tuple(ClassScores(*row) for row in rows),
    )
