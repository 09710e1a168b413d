"""A table of scores by image: which images are hard, and for which classes."""

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
    """Return a header and one row per image.

    Segmentation: accuracy, means over classes, and the recall of each class, in [0, 1]; NaN for classes that
    the image lacks. Classification: the true class, the predicted class, and 1 if they agree, else 0.

    >>> header, row = per_image_table(["street"], np.array([[[3, 1], [0, 0]]]), ["road", "car"])
    >>> dict(zip(header, row))["miou"], dict(zip(header, row))["recall road"]
    (0.375, 0.75)
    >>> per_image_table(["leaf"], np.array([[[0, 1], [0, 0]]]), ["healthy", "ill"], "classification")[1]
    ['leaf', 'healthy', 'ill', 0]
    """
    if task == "classification":
        pairs = [np.unravel_index(int(matrix.argmax()), matrix.shape) for matrix in confusions]
        rows = [
            [stem, classes[truth], classes[predicted], int(truth == predicted)]
            for stem, (truth, predicted) in zip(stems, pairs, strict=True)
        ]
        return [["image", "truth", "prediction", "right"], *rows]
    class_counts = counts(confusions)
    means = [mean_over_classes(score(class_counts)) for score in MEANS.values()]
    columns = np.column_stack([accuracy(class_counts), *means, recall(class_counts)])
    header = ["image", "accuracy", *MEANS, *(f"recall {name}" for name in classes)]
    return [header, *([stem, *row] for stem, row in zip(stems, columns.tolist(), strict=True))]


def write_per_image(
    path: Path,
    stems: Sequence[str],
    confusions: Num[ndarray, "n c c"],
    classes: Sequence[str],
    task: str = "segmentation",
) -> None:
    """Write the table as a CSV file in one piece; NaN cells are empty."""
    with write_whole(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in per_image_table(stems, confusions, classes, task):
            writer.writerow(["" if value != value else value for value in row])
