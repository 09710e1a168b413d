"""Measure the bands of images that are neither grey nor RGB."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from foveate.data.bands import BandScale
from foveate.data.dataset import BandSet, Entry, Pixels, pixels_of

_SAMPLE = 256
"""Values of each band that are kept from each image."""


@dataclass(frozen=True)
class BandValues:
    """Measurements of the bands of one image.

    low, high: the extremes, NaN for a band without values. missing: share of the pixels that are NaN,
    infinite or marked as having no data, from 0 to 1. sample: evenly spaced values.
    """

    low: Float32[np.ndarray, " bands"]
    high: Float32[np.ndarray, " bands"]
    missing: Float32[np.ndarray, " bands"]
    sample: Float32[np.ndarray, "n bands"]


@dataclass(frozen=True)
class BandFacts:
    """Statistics of one band over all images; NaN if it holds no value. missing: share of the pixels."""

    name: str
    low: float
    percent_1: float
    mean: float
    percent_99: float
    high: float
    missing: float


def measure(pixels: Float32[np.ndarray, "h w bands"]) -> BandValues:
    """Measure the bands of one image.

    >>> measure(np.array([[[1, np.nan], [3, 5]]], dtype=np.float32)).missing.tolist()
    [0.0, 0.5]
    """
    flat = pixels.reshape(-1, pixels.shape[-1])
    known = ~np.isnan(flat)
    low = np.where(known, flat, np.inf).min(0)
    high = np.where(known, flat, -np.inf).max(0)
    empty = ~known.any(0)
    low[empty] = high[empty] = np.nan
    missing = (~known).mean(0, dtype=np.float32)
    return BandValues(low, high, missing, flat[:: max(1, len(flat) // _SAMPLE)].copy())


def summarise(measured: Sequence[BandValues], names: Sequence[str]) -> tuple[BandFacts, ...]:
    """Return the statistics of each band over all images."""
    values = np.concatenate([image.sample for image in measured])
    facts = []
    for band, name in enumerate(names):
        known = values[~np.isnan(values[:, band]), band].astype(np.float64)
        if len(known) == 0:
            facts.append(BandFacts(name, *(float("nan"),) * 5, 1.0))
            continue
        first, last = np.quantile(known, (0.01, 0.99))
        facts.append(
            BandFacts(
                name,
                float(np.nanmin([image.low[band] for image in measured])),
                float(first),
                float(known.mean()),
                float(last),
                float(np.nanmax([image.high[band] for image in measured])),
                float(np.mean([image.missing[band] for image in measured])),
            )
        )
    return tuple(facts)


def picture(entry: Entry) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an entry's image as RGB, to look at; bands are stretched by their own values."""
    return stretched(pixels_of(entry))


def stretched(pixels: Pixels) -> UInt8[np.ndarray, "h w 3"]:
    """Return pixels as RGB; the first three bands are stretched between their hundredths."""
    if pixels.dtype == np.uint8:
        return pixels
    count = pixels.shape[-1]
    flat = pixels.reshape(-1, count)
    empty = np.isnan(flat).all(0)
    ends = np.zeros((2, count))
    ends[:, ~empty] = np.nanquantile(flat[:, ~empty], (0.01, 0.99), axis=0)
    low, high = (tuple(map(float, end)) for end in ends)
    every = BandSet(tuple(map(str, range(count))), tuple(range(count)), count)
    return BandScale(every, low, high, (0.0,) * count, (1.0,) * count).shown(pixels)
