"""Safe division: 0/0 is NaN; means skip NaN."""

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray


def ratio(
    part: Num[ndarray, "*n"] | np.number, whole: Num[ndarray, "*n"] | np.number
) -> Float[ndarray, "*n"]:
    """Return part / whole; NaN where the whole is 0.

    >>> ratio(np.array([1, 0]), np.array([2, 0]))
    array([0.5, nan])
    """
    whole = np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0)


def mean_over_classes(values: Float[ndarray, "*n c"]) -> Float[ndarray, "*n"]:
    """Return the mean over the last axis without NaN; NaN if all values are NaN.

    >>> float(mean_over_classes(np.array([0.5, np.nan, 1.0])))
    0.75
    """
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(-1), known.sum(-1))
