"""The recorded maps of one image as numbers: `maps.npz`, and `maps.json`, which says what they mean."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from foveate.attention.maps import (
    AcrossLevelsMap,
    ChannelMap,
    ChannelPairsMap,
    MaskMap,
    MemoryMap,
    PairwiseMap,
    SpatialMap,
)
from foveate.files import write_whole
from foveate.inspection.subjects import Sight

MEANINGS = {
    ChannelMap: (("channel",), "factor of each channel"),
    SpatialMap: (("row", "column"), "factor of each position of the feature map"),
    MaskMap: (("channel", "row", "column"), "factor of each element of the feature map"),
    PairwiseMap: (
        ("head", "query", "key"),
        "attention of position queries[query] to position key, flat positions (row * width + column) of the "
        "grid; the first queries are those of the pixels, the others those of the matrix",
    ),
    AcrossLevelsMap: (
        ("class", "query", "key"),
        "what patch queries[query] of the image's grid has in common with patch key of the feature grid, "
        "each row * columns + column; the first queries are those of the pixels",
    ),
    ChannelPairsMap: (("query", "key"), "attention of channel query to channel key"),
    MemoryMap: (("slot", "row", "column"), "share of each slot of the memory at each position"),
}


def save_values(folder: Path, sights: Sequence[Sight]) -> None:
    """Write `maps.npz` (float32, one array a map) and `maps.json` (by array, what its axes are)."""
    arrays = {_key(sight): sight.found.values[0].float().numpy() for sight in sights}
    with write_whole(folder / "maps.npz") as file:
        np.savez_compressed(file, **arrays)
    maps = {_key(sight): _meaning(sight) for sight in sights}
    view = sights[0].view
    with write_whole(folder / "maps.json", "w") as file:
        json.dump({"image": view.name, "size": view.size, "maps": maps}, file, indent=1)


def _key(sight: Sight) -> str:
    return f"{sight.label}-{sight.number + 1}-{sight.kind}"


def _meaning(sight: Sight) -> dict[str, Any]:
    axes, meaning = MEANINGS[type(sight.found)]
    rest = {name: value for name, value in asdict(sight.found).items() if name != "values"}
    return {
        "attention": sight.label,
        "kind": sight.kind,
        "shape": list(sight.found.values.shape[1:]),
        "axes": axes,
        "meaning": meaning,
        "share_over_the_image": sight.covers,
        "gate": sight.gate,
        **{name: value.tolist() if isinstance(value, Tensor) else value for name, value in rest.items()},
        **({"pixels": sight.pixels} if "query" in axes and sight.pixels else {}),
    }
