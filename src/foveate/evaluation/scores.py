"""Scores of a whole data set from its confusion matrix (rows truth, columns prediction).

Classes without hits score 0 or NaN. Means over classes skip NaN.

| score                                 | NaN for a class that is    | 0 for a class without hits that is |
| ------------------------------------- | -------------------------- | ---------------------------------- |
| IoU: hits / union                     | neither true nor predicted | true or predicted                  |
| Dice, F1: 2 hits / (predicted + true) | neither true nor predicted | true or predicted                  |
| precision: hits / predicted           | neither true nor predicted | true or predicted                  |
| recall: hits / true                   | not true                   | true                               |

Precision of a class that is true but never predicted is 0: NaN would reward a network that never predicts it.
Mean class accuracy, balanced accuracy and mean recall are the same number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from foveate.evaluation.calibration import Calibration
from foveate.evaluation.errors import NearHalf, SizeBin
from foveate.evaluation.ratios import mean_over_classes, ratio


class Counts(NamedTuple):
    """Pixels (or images) of each class: predicted correctly, predicted, and true.

    Counts add up over images: data sets can be resampled image by image.
    """

    hits: Num[ndarray, "*n c"]
    predicted: Num[ndarray, "*n c"]
    true: Num[ndarray, "*n c"]


def counts(confusion: Num[ndarray, "*n c c"]) -> Counts:
    """Reduce confusion matrices to the hits, predicted and true pixels of each class.

    >>> counts(np.array([[3, 1], [0, 2]])).true
    array([4, 2])
    """
    return Counts(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2), confusion.sum(-1))


def iou(counts: Counts) -> Float[ndarray, "*n c"]:
    """Intersection over union (Jaccard index) of each class."""
    return ratio(counts.hits, counts.predicted + counts.true - counts.hits)


def dice(counts: Counts) -> Float[ndarray, "*n c"]:
    """Dice (equal to F1) of each class."""
    return ratio(2 * counts.hits, counts.predicted + counts.true)


def precision(counts: Counts) -> Float[ndarray, "*n c"]:
    """The share of correct predictions of each class; 0 for a true class that is never predicted."""
    never_predicted = (counts.predicted == 0) & (counts.true > 0)
    return np.where(never_predicted, 0.0, ratio(counts.hits, counts.predicted))


def recall(counts: Counts) -> Float[ndarray, "*n c"]:
    """The share of correct pixels (or images) of each true class: class accuracy."""
    return ratio(counts.hits, counts.true)


def accuracy(counts: Counts) -> Float[ndarray, "*n"]:
    """The share of correct pixels (or images) of all."""
    return ratio(counts.hits.sum(-1), counts.true.sum(-1))


@dataclass(frozen=True)
class ClassScores:
    """One class: its share of the true pixels (or images), and its scores in [0, 1] or NaN."""

    name: str
    share: float
    iou: float
    dice: float
    precision: float
    recall: float


@dataclass(frozen=True, repr=False)
class Scores:
    """A data set's scores in [0, 1]: means over classes, overall accuracy, and each class.

    `f1` equals `dice`, and `recall` equals `mean_accuracy`: these are their names in classification. The last
    four fields need more than a confusion matrix: `foveate.evaluation.evaluate` sets them for segmentation,
    and `calibration` for classification, too.
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
        """Return the means in percent.

        >>> scores(np.array([[3, 1], [0, 4]]), ["road", "car"], images=2)
        Scores(mIoU 77.5%, Dice 87.3%, accuracy 87.5%, mean accuracy 87.5%; 2 classes, 2 images)
        """
        means = {
            "mIoU": self.miou,
            "Dice": self.dice,
            "accuracy": self.accuracy,
            "mean accuracy": self.mean_accuracy,
        }
        percents = ", ".join(f"{name} {100 * value:.1f}%" for name, value in means.items())
        return f"Scores({percents}; {len(self.classes)} classes, {self.images} images)"


def over_present(scores: Scores) -> Scores:
    """Return scores in which classes without a true pixel (or image) are NaN and left out of the means.

    For data that hold some of the classes of a run. What is taken for an absent class is counted where it
    belongs: as missed by the class that it is.

    >>> found = over_present(scores(np.array([[3, 1], [0, 0]]), ["road", "car"]))
    >>> found.iou, found.miou
    ((0.75, nan), 0.75)
    """
    absent = ClassScores("", 0.0, *[float("nan")] * 4)
    classes = tuple(c if c.share > 0 else replace(absent, name=c.name) for c in scores.classes)
    names = ("iou", "dice", "precision", "recall")
    means = {name: mean_over_classes(np.array([getattr(c, name) for c in classes])) for name in names}
    iou, dice, precision, recall = (float(means[name]) for name in names)
    return replace(
        scores,
        classes=classes,
        miou=iou,
        dice=dice,
        f1=dice,
        precision=precision,
        recall=recall,
        mean_accuracy=recall,
    )


def scores(confusion: Num[ndarray, "c c"], classes: Sequence[str], images: int = 0) -> Scores:
    """Compute all scores of one confusion matrix. Raise `ValueError` if it does not fit the classes.

    >>> scores(np.array([[3, 1], [0, 0]]), ["road", "car"]).iou
    (0.75, 0.0)
    >>> scores(np.array([[3, 1], [0, 0]]), ["road", "car"]).miou
    0.375
    """
    confusion = np.asarray(confusion)
    if confusion.shape != (len(classes), len(classes)):
        raise ValueError(f"a confusion matrix of {confusion.shape} does not fit {len(classes)} classes")
    class_counts = counts(confusion)
    true = class_counts.true
    columns = (
        ratio(true, np.full_like(true, true.sum())),
        iou(class_counts),
        dice(class_counts),
        precision(class_counts),
        recall(class_counts),
    )
    means = [float(mean_over_classes(values)) for values in columns[1:]]
    rows = zip(classes, *(values.tolist() for values in columns), strict=True)
    return Scores(
        images=images,
        miou=means[0],
        dice=means[1],
        f1=means[1],
        accuracy=float(accuracy(class_counts)),
        mean_accuracy=means[3],
        precision=means[2],
        recall=means[3],
        classes=tuple(ClassScores(*row) for row in rows),
    )
