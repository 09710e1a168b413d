"""One picture of what an arm attended to: of its maps the one that says most about places in the image."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from foveate.attention.maps import (
    AcrossLevelsMap,
    AttentionMap,
    ChannelMap,
    MaskMap,
    MemoryMap,
    PairwiseMap,
    SpatialMap,
)


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

    Pairwise maps come first (mean over heads and query positions), then one factor a position, then masks
    (mean over channels), then the memory slot whose share varies most, then what patches of the image have in
    common with those of an encoder level (mean over classes and query patches), then one factor a channel,
    drawn as a grid of cells. Of several of a kind it is the last, and the words say whose.

    >>> import torch
    >>> look({"a": (SpatialMap(torch.tensor([[[0.2, 0.4]]])),)}).words
    'factor of each position, 0.20 to 0.40'
    """
    found = [(label, one) for label, several in maps.items() for one in several]
    for kind, draw in (
        (PairwiseMap, _pairwise),
        (SpatialMap, _spatial),
        (MaskMap, _mask),
        (MemoryMap, _memory),
        (AcrossLevelsMap, _across_levels),
        (ChannelMap, _channel),
    ):
        if chosen := [(label, one) for label, one in found if isinstance(one, kind)]:
            label, last = chosen[-1]
            seen = draw(last)
            rest = f"; of {label}, the last of {len(chosen)} such maps" if len(chosen) > 1 else ""
            return replace(seen, words=seen.words + rest, label=label)
    return None


def _pairwise(found: PairwiseMap) -> Look:
    weights = found.values[0].float().mean((0, 1)).reshape(found.grid)
    return Look(
        _scaled(weights), f"where {len(found.queries)} positions spread over the image look, on average", True
    )


def _spatial(found: SpatialMap) -> Look:
    return Look(_scaled(found.values[0]), f"factor of each position, {_range(found.values[0])}", True)


def _mask(found: MaskMap) -> Look:
    weights = found.values[0].float().mean(0)
    return Look(_scaled(weights), f"mean factor of each position, {_range(weights)}", True)


def _memory(found: MemoryMap) -> Look:
    shares = found.values[0].float()
    slot = int(shares.flatten(1).std(1, correction=0).argmax())
    words = f"share of memory slot {slot} of {len(shares)}, {_range(shares[slot])}"
    return Look(_scaled(shares[slot]), words, True)


def _across_levels(found: AcrossLevelsMap) -> Look:
    weights = found.values[0].float().mean((0, 1)).reshape(found.feature_grid)
    count, side = len(found.queries), found.patch_size * found.cell
    words = (
        f"what each patch of the level has in common with {count} patches spread over the image, on average, "
        f"{_range(weights)}; dark where no whole patch fits"
    )
    return Look(_scaled(weights), words, True, (weights.shape[0] * side, weights.shape[1] * side))


def _channel(found: ChannelMap) -> Look:
    values = found.values[0]
    columns = math.ceil(math.sqrt(len(values) * 4 / 3))
    cells = np.zeros((math.ceil(len(values) / columns), columns), np.uint8)
    cells.ravel()[: len(values)] = _scaled(values)
    return Look(cells, f"factor of each of {len(values)} channels, {_range(values)}", False)


def _scaled(values: Float[Tensor, "*size"]) -> UInt8[np.ndarray, "*size"]:
    plain = values.float().numpy()
    low, high = float(plain.min()), float(plain.max())
    return (255 * (plain - low) / max(high - low, 1e-12)).round().astype(np.uint8)


def _range(values: Tensor) -> str:
    return f"{float(values.min()):.2f} to {float(values.max()):.2f}"
