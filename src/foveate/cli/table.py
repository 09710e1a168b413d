"""Format scores for a terminal: percent, one row a class."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveate.evaluation.scores import Scores


def score_table(scores: "Scores", task: str, split: str = "") -> str:
    """Return the overall scores in one line, then a row for each class; `split` is named if it is not ""."""
    if task == "classification":
        heads = {"accuracy": scores.accuracy, "balanced accuracy": scores.balanced_accuracy, "F1": scores.f1}
        columns = ("recall", "precision", "F1")
        rows = {c.name: (c.share, c.recall, c.precision, c.dice) for c in scores.classes}
    else:
        heads = {"mIoU": scores.miou, "Dice": scores.dice, "accuracy": scores.accuracy}
        columns = ("IoU", "Dice", "recall", "precision")
        rows = {c.name: (c.share, c.iou, c.dice, c.recall, c.precision) for c in scores.classes}
    if scores.calibration is not None:
        heads["calibration error"] = scores.calibration.error
    width = max(map(len, ("class", *rows)))
    images = f"{split} images" if split else "images"
    lines = [
        f"{scores.images} {images}: "
        + ", ".join(f"{name} {percent(v).strip()}" for name, v in heads.items()),
        "",
        f"{'class':<{width}}  {'share':>6}" + "".join(f"  {column:>9}" for column in columns),
    ]
    for name, (share, *values) in rows.items():
        lines.append(f"{name:<{width}}  {percent(share):>6}" + "".join(f"  {percent(v):>9}" for v in values))
    return "\n".join(lines)


def percent(value: float) -> str:
    """Format a share in percent; NaN is a dash.

    >>> percent(0.4567), percent(float("nan"))
    ('45.7%', '-')
    """
    return "-" if math.isnan(value) else f"{100 * value:.1f}%"
