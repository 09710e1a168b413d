"""One picture of what an arm attended to: of its maps the one that says most about places in the image."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from foveate.attention.maps import AttentionMap


@dataclass(frozen=True)
class Look:
    """Weights from 0 (smallest) to 255 (largest), what they are, whether they lie in the image, how many of
    its rows and columns they cover from the top left (None: all), and whose they are.
    """

    weights: UInt8[np.ndarray, "rows columns"]
    words: str
    spatial: bool
    reach: tuple[int, int] | None = None
    label: str = ""


def look(maps: Mapping[str, tuple[AttentionMap, ...]]) -> Look | None:
    """The picture of the first image of a recorded pass; None where no mechanism has a map.

    The maps' `rank` decides: pairwise maps come first, then factors of positions, masks, memories, maps
    across levels, and last factors of channels, drawn as a grid of cells. Of several of a kind it is the
    last, and the words say whose.

    >>> import torch
    >>> from foveate.attention.maps import SpatialMap
    >>> look({"a": (SpatialMap(torch.tensor([[[0.2, 0.4]]])),)}).words
    'factor of each position, 0.20 to 0.40'
    """
    drawn = [
        (label, one, digest)
        for label, several in maps.items()
        for one in several
        if (digest := one.digest()) is not None
    ]
    if not drawn:
        return None
    rank = min(one.rank for _, one, _ in drawn)
    chosen = [entry for entry in drawn if entry[1].rank == rank]
    label, last, (values, words) = chosen[-1]
    if len(chosen) > 1:
        words += f"; of {label}, the last of {len(chosen)} such maps"
    if values.ndim == 1:
        return Look(_cells(_scaled(values)), words, spatial=False, label=label)
    reach = None
    if last.patches is not None:
        (rows, columns), side = last.patches[1]
        reach = (rows * side, columns * side)
    return Look(_scaled(values), words, spatial=True, reach=reach, label=label)


def _cells(values: UInt8[np.ndarray, " c"]) -> UInt8[np.ndarray, "rows columns"]:
    """Values one after the other in rows, about four wide to three high; the rest is 0."""
    columns = math.ceil(math.sqrt(len(values) * 4 / 3))
    cells = np.zeros((math.ceil(len(values) / columns), columns), np.uint8)
    cells.ravel()[: len(values)] = values
    return cells


def _scaled(values: Float[Tensor, "*size"]) -> UInt8[np.ndarray, "*size"]:
    plain = values.float().numpy()
    low, high = float(plain.min()), float(plain.max())
    return (255 * (plain - low) / max(high - low, 1e-12)).round().astype(np.uint8)
