"""Whether the reference of a comparison was trained to the end."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy import ndarray

from foveate.experiments.result import CurvePoint

LAST = 0.2
"""The share of the epochs, at the end, in which the score should no longer rise."""


def still_rising(curves: Sequence[CurvePoint], arm: str) -> float:
    """Return by how much the best validation score of an arm rose in the last fifth of its epochs.

    The mean over its seeds, 0 to 1; 0 if there are too few epochs to tell.

    >>> scores = [0.1, 0.5, 0.6, 0.6, 0.7]
    >>> points = [CurvePoint("none", 0, epoch, 0.1, 0.1, score) for epoch, score in enumerate(scores)]
    >>> round(still_rising(points, "none"), 2)
    0.1
    """
    rises = []
    for seed in sorted({point.seed for point in curves if point.arm == arm}):
        scored = [
            (point.epoch, point.val_score)
            for point in curves
            if (point.arm, point.seed) == (arm, seed) and point.val_score == point.val_score
        ]
        last = max(epoch for epoch, _ in scored) if scored else 0
        before = [score for epoch, score in scored if epoch < last - LAST * (last - scored[0][0])]
        if before and len(scored) >= 1 / LAST:
            rises.append(max(score for _, score in scored) - max(before))
    return float(np.mean(rises)) if rises else 0.0


def only_class(confusions: Mapping[int, ndarray], classes: Sequence[str]) -> str:
    """Return the only class that all runs of an arm predict, "" if they predict several.

    confusions: per-image confusion matrices by seed.

    >>> only_class({0: np.array([[[5, 0], [3, 0]]])}, ["background", "polyp"])
    'background'
    """
    predicted = sum(matrices.sum((0, 1)) for matrices in confusions.values())
    named = np.flatnonzero(predicted)
    return classes[named[0]] if len(named) == 1 and len(classes) > 1 else ""
