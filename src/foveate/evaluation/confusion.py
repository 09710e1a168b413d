"""One confusion matrix per image: all scores are computed from them, and statistics resample them.

Rows are the truth, columns the prediction, as in torchmetrics and scikit-learn.
"""

import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from foveate.data.pixels.masks import IGNORE


def confusion_matrices(
    prediction: Integer[Tensor, "n *size"], truth: Integer[Tensor, "n *size"], classes: int
) -> Int64[Tensor, "n classes classes"]:
    """Count, for each image, the pixels of true class t (row) that were predicted as p (column).

    `prediction` holds class ids 0..classes-1, `truth` the same or 255, which is ignored. For classification
    both are labels of shape `n`, and each matrix counts one image. Raises `ValueError` for ids outside the
    classes.

    >>> confusion_matrices(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 255]]), classes=2)
    tensor([[[1, 1],
             [0, 0]]])
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and truth {tuple(truth.shape)} differ in shape"
        )
    images = truth.shape[0]
    if images == 0:
        return torch.zeros(0, classes, classes, dtype=torch.int64, device=truth.device)
    flat_truth, flat_prediction = truth.reshape(images, -1).long(), prediction.reshape(images, -1).long()
    counted = flat_truth != IGNORE
    for name, ids in (("truth", flat_truth), ("prediction", flat_prediction)):
        outside = counted & ((ids < 0) | (ids >= classes))
        if outside.any():
            raise ValueError(f"{name} holds class {ids[outside][0].item()}, outside 0..{classes - 1}")
    image = torch.arange(images, device=truth.device)[:, None].expand_as(flat_truth)
    cells = (image * classes + flat_truth) * classes + flat_prediction
    counts = torch.bincount(cells[counted], minlength=images * classes * classes)
    return counts.reshape(images, classes, classes)
