"""The recorded maps of one image as numbers: `maps.npz`, and `maps.json`, which says what they mean."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from foveate.attention.maps import FactorMap
from foveate.files import write_whole
from foveate.inspection.subjects import Sight


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
    return f"{sight.label}-{sight.number + 1}-{sight.found.kind}"


def _meaning(sight: Sight) -> dict[str, Any]:
    found = sight.found
    rest = {name: value for name, value in asdict(found).items() if name != "values"}
    effect = {"effect": found.effect} if isinstance(found, FactorMap) else {}
    return {
        "attention": sight.label,
        "kind": found.kind,
        "shape": list(found.values.shape[1:]),
        "axes": found.axes,
        "meaning": found.meaning,
        **effect,
        "share_over_the_image": sight.covers,
        "gate": sight.gate,
        **{name: value.tolist() if isinstance(value, Tensor) else value for name, value in rest.items()},
        **({"pixels": sight.pixels} if "query" in found.axes and sight.pixels else {}),
    }
