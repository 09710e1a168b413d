"""Error rates of a network, from counts that add up over images."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from foveate.evaluation.errors import AREA_EDGES
from foveate.evaluation.ratios import mean_over_classes, ratio

BOUNDS = (0.0, *AREA_EDGES, 1.0)
ERROR_RATES = (
    *(f"objects found, {100 * low:g} to {100 * high:g}% of the image" for low, high in pairwise(BOUNDS)),
    "boundary IoU",
    "pixels near one half",
)
"""The names of the rates that `error_rates` returns, in order."""


def error_rates(sums: Num[ndarray, "*n f"]) -> Float[ndarray, "*n rates"]:
    """Return the rates named in `ERROR_RATES`, in [0, 1], from sums of rows of `ErrorCounts.per_image`.

    A size without objects has NaN. Boundary IoU is the mean over the classes that have a boundary.

    >>> one_image = np.array([4, 0, 0, 0, 1, 2, 0, 0, 0, 1, 8, 2, 24, 0, 6, 3, 12, 4])  # two classes
    >>> error_rates(one_image).tolist()
    [0.5, nan, nan, nan, 1.0, 0.625, 0.25]
    """
    sizes = len(BOUNDS) - 1
    objects, hits, near, boundaries = np.split(sums, [sizes, 2 * sizes, 2 * sizes + 4], axis=-1)
    intersection, union = np.split(boundaries, 2, axis=-1)
    boundary_iou = mean_over_classes(ratio(intersection, union))
    share = ratio(near[..., 0], near[..., 0] + near[..., 2])
    return np.concatenate([ratio(hits, objects), boundary_iou[..., None], share[..., None]], axis=-1)
