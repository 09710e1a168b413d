"""Save the recorded maps of one image as numbers: `maps.npz`, explained by `maps.json`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from foveate.attention.maps import FactorMap
from foveate.files import write_whole
from foveate.inspection.subjects import RecordedMap


def save_values(folder: Path, maps: Sequence[RecordedMap]) -> None:
    """Write `maps.npz` (float32 arrays, one a map; some kinds have more beside it) and `maps.json`.

    maps.json says of each map what its axes and values mean; "beside" names what else was saved of it, as
    MAP-NAME.
    """
    arrays = {_key(recorded): recorded.map.values[0].float().numpy() for recorded in maps}
    arrays |= {
        f"{_key(recorded)}-{name}": getattr(recorded.map, name)[0].float().numpy()
        for recorded in maps
        for name in recorded.map.beside
    }
    with write_whole(folder / "maps.npz") as file:
        np.savez_compressed(file, **arrays)
    descriptions = {_key(recorded): _describe(recorded) for recorded in maps}
    view = maps[0].view
    with write_whole(folder / "maps.json", "w") as file:
        json.dump({"image": view.name, "size": view.size, "maps": descriptions}, file, indent=1)


def _key(recorded: RecordedMap) -> str:
    return f"{recorded.label}-{recorded.number + 1}-{recorded.map.kind}"


def _describe(recorded: RecordedMap) -> dict[str, Any]:
    attention = recorded.map
    saved = ("values", *attention.beside)
    own_fields = {name: value for name, value in asdict(attention).items() if name not in saved}
    effect = {"effect": attention.effect} if isinstance(attention, FactorMap) else {}
    return {
        "attention": recorded.label,
        "kind": attention.kind,
        "shape": list(attention.values.shape[1:]),
        "axes": attention.axes,
        "meaning": attention.meaning,
        **({"beside": list(attention.beside)} if attention.beside else {}),
        **effect,
        "share_over_the_image": recorded.covers,
        "gate": recorded.gate,
        **{
            name: value.tolist() if isinstance(value, Tensor) else value for name, value in own_fields.items()
        },
        **({"pixels": recorded.pixels} if "query" in attention.axes and recorded.pixels else {}),
    }
