"""The score that a comparison's verdicts are about, named by the user: "miou", "dice:polyp", ...

A judge computes its score from sums over images, so that images can be left out. Means are over the classes
that occur in the truth of the counted images; a class that only a prediction has is left out, so that two
networks are averaged over the same classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from foveate.errors import UserError, choose
from foveate.evaluation.error_rates import BOUNDS
from foveate.evaluation.ratios import mean_over_classes, ratio
from foveate.evaluation.scores import Counts, accuracy, dice, iou, precision, recall

BY_CLASS: dict[str, Callable[[Counts], Float[ndarray, "*n c"]]] = {
    "iou": iou,
    "dice": dice,
    "precision": precision,
    "recall": recall,
}
"""Scores of single classes from their counts."""

ALIASES = {"miou": "iou", "f1": "dice", "balanced_accuracy": "recall", "mean_accuracy": "recall"}
"""Other names of the scores in `BY_CLASS`, and of their means over classes."""

WORDS = {
    "miou": "mean IoU",
    "iou": "IoU",
    "dice": "Dice",
    "f1": "F1",
    "boundary_iou": "boundary IoU",
}
"""Names of scores in text, where they differ from the key."""

NAMES = ("accuracy", *BY_CLASS, *ALIASES, "boundary_iou")
"""All scores that may judge."""


@dataclass(frozen=True)
class Judge:
    """A score: its key, such as "dice" or "boundary_iou", and the class it is about, "" for the mean.

    number: the id of that class; None for the mean. classes: how many classes there are.
    """

    key: str
    of_class: str
    number: int | None
    classes: int

    @property
    def text(self) -> str:
        """The judge as the user writes it, such as "dice:polyp"."""
        return f"{self.key}:{self.of_class}" if self.of_class else self.key

    @property
    def name(self) -> str:
        """The score in words, such as "Dice of polyp"."""
        return score_words(self.text)

    def __call__(self, sums: Num[ndarray, "*n f"]) -> Float[ndarray, "*n"]:
        """Return the score, in [0, 1]; NaN for a class that is not in the truth.

        sums: `Counts` of each class, joined along the last axis, then those of `ErrorCounts` if any.
        """
        counts, errors = np.split(sums, [3 * self.classes], axis=-1)
        totals = Counts(*np.split(counts, 3, axis=-1))
        if self.key == "accuracy":
            return accuracy(totals)
        if self.key == "boundary_iou":
            parts = np.split(errors[..., 2 * (len(BOUNDS) - 1) + 4 :], 2, axis=-1)
            values = ratio(*parts)
        else:
            values = BY_CLASS[ALIASES.get(self.key, self.key)](totals)
        values = np.where(totals.true > 0, values, np.nan)
        return mean_over_classes(values) if self.number is None else values[..., self.number]


def score_words(text: str) -> str:
    """Return the name of a score for its key.

    >>> score_words("miou"), score_words("dice:polyp"), score_words("mean_accuracy")
    ('mean IoU', 'Dice of polyp', 'mean accuracy')
    """
    key, _, of_class = text.partition(":")
    words = WORDS.get(key, key.replace("_", " "))
    return f"{words} of {of_class}" if of_class else words


def parse_judge(text: str | None, classes: Sequence[str], task: str) -> Judge:
    """Return the judge that a text names; without a text, the mIoU or (for labels) the accuracy.

    Raises `UserError` for an unknown score or class, and for one that the task does not have.

    >>> parse_judge("dice:car", ["road", "car"], "segmentation").number
    1
    """
    if text is None:
        text = "miou" if task == "segmentation" else "accuracy"
    key, colon, of_class = text.partition(":")
    choose(key, NAMES, "score (--judge)")
    if key == "boundary_iou" and task != "segmentation":
        raise UserError("judge: boundary_iou needs masks, but this data has labels; choose accuracy or f1")
    if not colon:
        return Judge(key, "", None, len(classes))
    if key not in (*BY_CLASS, "f1", "boundary_iou"):
        raise UserError(f"judge: {key} is a mean over classes and takes no class; write {key}")
    choose(of_class, classes, f"class of the judge '{key}'")
    return Judge(key, of_class, list(classes).index(of_class), len(classes))
