"""The scores of every image by itself, as a table: which images are hard, and for which classes."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Num
from numpy import ndarray

from foveate.evaluation.ratios import mean_over_classes
from foveate.evaluation.scores import accuracy, counts, dice, iou, precision, recall
from foveate.files import write_whole

MEANS = {"miou": iou, "f1": dice, "precision": precision, "recall": recall}


def per_image_table(
    stems: Sequence[str],
    confusions: Num[ndarray, "n c c"],
    classes: Sequence[str],
    task: str = "segmentation",
) -> list[list[str | float]]:
    """A header and one row an image.

    Of a mask: accuracy, means over the classes in it, and the recall of each class, all in [0, 1], NaN for
    what an image has not. Of a label (task "classification"): the true class, the predicted one, and whether
    they agree, 1 or 0.

    >>> header, row = per_image_table(["street"], np.array([[[3, 1], [0, 0]]]), ["road", "car"])
    >>> dict(zip(header, row))["miou"], dict(zip(header, row))["recall road"]
    (0.375, 0.75)
    >>> per_image_table(["leaf"], np.array([[[0, 1], [0, 0]]]), ["healthy", "ill"], "classification")[1]
    ['leaf', 'healthy', 'ill', 0]
    """
    if task == "classification":
        pairs = [np.unravel_index(int(one.argmax()), one.shape) for one in confusions]
        rows = [
            [stem, classes[truth], classes[called], int(truth == called)]
            for stem, (truth, called) in zip(stems, pairs, strict=True)
        ]
        return [["image", "truth", "prediction", "right"], *rows]
    of = counts(confusions)
    means = [mean_over_classes(score(of)) for score in MEANS.values()]
    columns = np.column_stack([accuracy(of), *means, recall(of)])
    header = ["image", "accuracy", *MEANS, *(f"recall {name}" for name in classes)]
    return [header, *([stem, *row] for stem, row in zip(stems, columns.tolist(), strict=True))]


def write_per_image(
    path: Path,
    stems: Sequence[str],
    confusions: Num[ndarray, "n c c"],
    classes: Sequence[str],
    task: str = "segmentation",
) -> None:
    """Write the table as CSV, whole or not at all; what is NaN is left empty."""
    with write_whole(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in per_image_table(stems, confusions, classes, task):
            writer.writerow(["" if value != value else value for value in row])
