"""What tiles change in the mask of an image, by the distance to the nearest seam."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, UInt8

from foveate.data.dataset import Pixels
from foveate.prediction.predictor import Predictor
from foveate.prediction.prepare import prepare
from foveate.prediction.rows import PixelRows
from foveate.prediction.tiled import predict_tiles
from foveate.prediction.tiling import Tiling

DISTANCES = (0, 16, 64, 256)
"""Pixels from the nearest seam at which ranges of distances begin, if no others are asked for."""

TOLERANCE = 1e-3
"""Share of pixels that tiles may change, for a proposal."""


@dataclass(frozen=True)
class Seams:
    """The pixels that a tiling changes. changed: their share of all.

    by_distance: their share among the pixels of each range of distances; None for a range without pixels.
    """

    tiling: Tiling
    changed: float
    by_distance: tuple[float | None, ...]


def compare_tilings(
    predictor: Predictor, pixels: Pixels, tilings: Sequence[Tiling], distances: Sequence[int] = DISTANCES
) -> list[Seams]:
    """Predict an image whole and in tiles, both at its own scale, and count the pixels that differ.

    distances: pixels from the nearest seam at which ranges begin.
    """
    batch = prepare(pixels, None, predictor.facts.bands).to(predictor.device)
    whole = predictor.probabilities(batch)[0].cpu().numpy().argmax(0).astype(np.uint8)
    return [_seams(tiling, whole, _tiled(predictor, pixels, tiling), distances) for tiling in tilings]


def propose(seams: Sequence[Seams]) -> Seams:
    """Return the cheapest tiling that changes at most `TOLERANCE`, or else that which changes least.

    >>> near, far = Seams(Tiling(512, 64), 0.02, ()), Seams(Tiling(512, 128), 0.0005, ())
    >>> propose([near, far]).tiling.overlap
    128
    """
    good = [each for each in seams if each.changed <= TOLERANCE]
    if not good:
        return min(seams, key=lambda each: each.changed)
    return min(good, key=lambda each: (round(each.tiling.cost, 3), each.changed))


def _tiled(predictor: Predictor, pixels: Pixels, tiling: Tiling) -> UInt8[np.ndarray, "h w"]:
    parts = predict_tiles(predictor, [PixelRows(0, pixels)], pixels.shape[:2], tiling)
    with torch.inference_mode():
        return np.concatenate([part.mask for part in parts])


def _seams(
    tiling: Tiling,
    whole: UInt8[np.ndarray, "h w"],
    tiled: UInt8[np.ndarray, "h w"],
    distances: Sequence[int],
) -> Seams:
    differs = whole != tiled
    distance = _distance(tiling, whole.shape)
    shares = []
    for begin, end in pairwise((*distances, np.inf)):
        there = differs[(distance >= begin) & (distance < end)]
        shares.append(float(there.mean()) if there.size else None)
    return Seams(tiling, float(differs.mean()), tuple(shares))


def _distance(tiling: Tiling, size: Sequence[int]) -> Float[np.ndarray, "h w"]:
    """Return the distance of each pixel to the nearest seam: the middle of the overlap of two tiles."""
    sides = []
    for length in size:
        seams = np.array([span.start + tiling.overlap / 2 for span in tiling.spans(length)[1:]] or [np.inf])
        sides.append(np.abs(np.arange(length)[:, None] + 0.5 - seams).min(1))
    return np.minimum(sides[0][:, None], sides[1])
