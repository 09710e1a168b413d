"""One small picture of what an arm attended to, chosen among the maps of a recorded pass."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from foveate.attention.maps import AttentionMap


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of one map.

    weights: from 0 (smallest value) to 255 (largest). caption: what the weights are. spatial: whether rows
    and columns are positions in the image. extent: height and width in pixels that the weights span from the
    top left corner, None for the whole padded image. label: the attention that made the map.
    """

    weights: UInt8[np.ndarray, "rows columns"]
    caption: str
    spatial: bool
    extent: tuple[int, int] | None = None
    label: str = ""


def choose_thumbnail(maps: Mapping[str, tuple[AttentionMap, ...]]) -> Thumbnail | None:
    """Return the picture of the first image of a recorded pass, or None if no map can be drawn small.

    The maps with the smallest `rank` win: pairwise maps, then position factors, masks, memories, maps across
    levels, and last channel factors, which are drawn as a grid of cells. Of several maps of that rank the
    last one is drawn, and the caption names its attention.

    >>> import torch
    >>> from foveate.attention.maps import SpatialMap
    >>> choose_thumbnail({"a": (SpatialMap(torch.tensor([[[0.2, 0.4]]])),)}).caption
    'factor of each position, 0.20 to 0.40'
    """
    digests = [
        (label, one_map, digest)
        for label, maps_of_one in maps.items()
        for one_map in maps_of_one
        if (digest := one_map.digest()) is not None
    ]
    if not digests:
        return None
    rank = min(one_map.rank for _, one_map, _ in digests)
    candidates = [entry for entry in digests if entry[1].rank == rank]
    label, chosen, (values, caption) = candidates[-1]
    if len(candidates) > 1:
        caption += f"; of {label}, the last of {len(candidates)} such maps"
    if values.ndim == 1:
        return Thumbnail(_cells(_scaled(values)), caption, spatial=False, label=label)
    extent = None
    if chosen.patches is not None:
        (rows, columns), side = chosen.patches[1]
        extent = (rows * side, columns * side)
    return Thumbnail(_scaled(values), caption, spatial=True, extent=extent, label=label)


def _cells(values: UInt8[np.ndarray, " c"]) -> UInt8[np.ndarray, "rows columns"]:
    """Arrange values row by row in a grid of about 4:3 (width to height), padded with 0."""
    columns = math.ceil(math.sqrt(len(values) * 4 / 3))
    cells = np.zeros((math.ceil(len(values) / columns), columns), np.uint8)
    cells.ravel()[: len(values)] = values
    return cells


def _scaled(values: Float[Tensor, "*size"]) -> UInt8[np.ndarray, "*size"]:
    array = values.float().numpy()
    low, high = float(array.min()), float(array.max())
    return (255 * (array - low) / max(high - low, 1e-12)).round().astype(np.uint8)
