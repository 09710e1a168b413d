"""Drift: the population stability index of each sign, and whether chance alone explains it.

The index is the sum over bins of (p - q) log(p / q), for the shares p and q of two sets of images. By its
usual reading, less than 0.1 is nothing and more than 0.2 a change, but that holds for thousands: between two
sets of n and m images it is about (bins - 1) (1 / n + 1 / m) by chance (Yurdakul, 2018). So the sets are
mixed and divided anew many times. Drift is an index that few divisions reach, over all signs together:
the step-down minP of Westfall and Young (1993), in its single-step form. Exact if images are exchangeable;
frames of one video are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from foveate.errors import UserError
from foveate.watching.signs import Signs

FEWEST = 10
"""Images that either set needs."""
ALPHA = 0.01
"""Share of comparisons without drift in which any sign is taken for one."""
SMALLEST = 0.2
"""A smaller index is never called drift."""

BINS, DIVISIONS = 5, 2000
HISTOGRAM = "confidence histogram"


@dataclass(frozen=True)
class Drift:
    """One sign in two sets of images.

    index: the population stability index. p: share of random divisions with as unusual an index in any sign.
    before, now: means of the sign; NaN for the histogram.
    """

    sign: str
    index: float
    p: float
    before: float
    now: float

    @property
    def found(self) -> bool:
        """Whether the sign has drifted."""
        return self.p <= ALPHA and self.index >= SMALLEST

    def __str__(self) -> str:
        """Say it in a line.

        >>> print(Drift("brightness", 1.25, 0.0005, 0.5, 0.75))
        brightness: index 1.25 (p 0.0005), mean 0.5 before, 0.75 now
        """
        means = "" if np.isnan(self.now) else f", mean {self.before:.3g} before, {self.now:.3g} now"
        return f"{self.sign}: index {self.index:.2f} (p {self.p:.2g}){means}"


def drift(before: Sequence[Signs], now: Sequence[Signs]) -> tuple[Drift, ...]:
    """Compare the signs that two sets of images share, the largest index first.

    Raises `UserError` if either set has fewer than `FEWEST` images.

    >>> dark, bright = ([Signs({"brightness": x + n / 100}, (0.0, 1.0)) for n in range(20)] for x in (0, 0.5))
    >>> [found.sign for found in drift(dark, bright) if found.found]
    ['brightness']
    """
    check_counts(len(before), len(now))
    names = [name for name in before[0].values if all(name in signs.values for signs in (*before, *now))]
    columns = {name: np.array([signs.values[name] for signs in (*before, *now)]) for name in names}
    tables = {name: _in_bins(values) for name, values in columns.items()}
    tables[HISTOGRAM] = np.array([signs.confidence for signs in (*before, *now)])
    divisions = _divisions(len(before), len(now))
    indices = np.stack([_indices(table, divisions) for table in tables.values()])
    found = [
        Drift(name, float(row[0]), float(p), *_means(columns.get(name), len(before)))
        for name, row, p in zip(tables, indices, _adjusted(indices), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: -one.index))


def check_counts(before: int, now: int) -> None:
    """Raise `UserError` if either set has fewer than `FEWEST` images."""
    if min(before, now) < FEWEST:
        raise UserError(
            f"drift cannot be told from {now} new images beside {before} of the run; {FEWEST} of each are "
            "needed"
        )


@lru_cache(2)
def _divisions(before: int, now: int) -> Float[ndarray, "divisions images"]:
    """Return who belongs to the first set: as it is in the first row, by chance in the others."""
    generator = np.random.default_rng(0)
    own = np.arange(before + now) < before
    return np.stack([own, *(generator.permutation(own) for _ in range(DIVISIONS))]).astype(float)


def _in_bins(values: Float[ndarray, " images"]) -> Float[ndarray, "images bins"]:
    """Return one-hot rows. Each bin holds about as many of all values; equal values share one."""
    inner = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    edges = np.unique(inner)
    return np.eye(len(edges) + 1)[np.searchsorted(edges, values, side="left")]


def _indices(
    table: Float[ndarray, "images bins"], first: Float[ndarray, "divisions images"]
) -> Float[ndarray, " divisions"]:
    """Return the stability index of each division; half an image is added to each bin: none is empty."""
    sums = first @ table
    bins = table.shape[1]
    counts = first[0].sum(), (1 - first[0]).sum()
    p, q = (
        (part + 0.5) / (count + 0.5 * bins)
        for part, count in zip((sums, table.sum(0) - sums), counts, strict=True)
    )
    return ((p - q) * np.log(p / q)).sum(1)


def _adjusted(indices: Float[ndarray, "signs divisions"]) -> Float[ndarray, " signs"]:
    """Return, for the first division, the share of all whose most unusual sign is as unusual as each sign."""
    order = np.sort(indices, axis=1)
    rounded = np.stack(
        [np.searchsorted(row, values - 1e-9, side="left") for row, values in zip(order, indices, strict=True)]
    )
    p = 1 - rounded / indices.shape[1]
    return (p.min(0)[None] <= p[:, :1]).mean(1)


def _means(values: ndarray | None, before: int) -> tuple[float, float]:
    if values is None:
        return float("nan"), float("nan")
    return float(values[:before].mean()), float(values[before:].mean())
