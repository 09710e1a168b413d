"""The test images on which arms differ most: what every arm says about them and where it looks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from foveate.files import write_whole


@dataclass(frozen=True)
class Panel:
    """What one arm says about one image.

    A segmentation arm has a `prediction` (class ids) and the image's mean IoU as `score`; a classifier has
    a `label` and the `score` is the probability that it gives to that label. `attention` holds weights 0 to
    255 and `attends` says what they are; `spatial` is False for channel weights, which lie in no image.
    """

    arm: str
    score: float
    prediction: UInt8[np.ndarray, "h w"] | None = None
    label: int | None = None
    attention: UInt8[np.ndarray, "rows columns"] | None = None
    attends: str = ""
    spatial: bool = True


@dataclass(frozen=True)
class Exhibit:
    """One test image: what is true, and one panel an arm, the host first.

    `change` is the mean over seeds of the image's own score in `arm` minus that in the host: the largest of
    all arms.
    """

    stem: str
    image: UInt8[np.ndarray, "h w 3"]
    truth: UInt8[np.ndarray, "h w"] | None
    label: int | None
    panels: tuple[Panel, ...]
    arm: str
    change: float


def save_gallery(folder: Path, exhibits: Sequence[Exhibit]) -> None:
    """Write `gallery.npz`: arrays under numbered names, everything else as JSON. No pickled objects."""
    arrays: dict[str, np.ndarray] = {}
    index = []
    for number, exhibit in enumerate(exhibits):
        panels = []
        for position, panel in enumerate(exhibit.panels):
            for name in ("prediction", "attention"):
                if (array := getattr(panel, name)) is not None:
                    arrays[f"{number}/{position}/{name}"] = array
            keys = ("arm", "score", "label", "attends", "spatial")
            panels.append({key: getattr(panel, key) for key in keys})
        arrays[f"{number}/image"] = exhibit.image
        if exhibit.truth is not None:
            arrays[f"{number}/truth"] = exhibit.truth
        about = {key: getattr(exhibit, key) for key in ("stem", "label", "arm", "change")}
        index.append(about | {"panels": panels})
    arrays["index"] = np.frombuffer(json.dumps(index).encode(), np.uint8)
    with write_whole(folder / "gallery.npz") as file:
        np.savez_compressed(file, **arrays)


def load_gallery(folder: Path) -> tuple[Exhibit, ...]:
    """Read `gallery.npz` back; empty where a comparison has none."""
    path = folder / "gallery.npz"
    if not path.exists():
        return ()
    with np.load(path, allow_pickle=False) as arrays:
        index = json.loads(arrays["index"].tobytes())
        return tuple(_exhibit(arrays, number, item) for number, item in enumerate(index))


def _exhibit(arrays: Mapping[str, np.ndarray], number: int, item: dict[str, Any]) -> Exhibit:
    panels = tuple(
        Panel(
            **panel,
            prediction=arrays.get(f"{number}/{position}/prediction"),
            attention=arrays.get(f"{number}/{position}/attention"),
        )
        for position, panel in enumerate(item.pop("panels"))
    )
    return Exhibit(
        image=arrays[f"{number}/image"], truth=arrays.get(f"{number}/truth"), panels=panels, **item
    )
