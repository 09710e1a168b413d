"""The gallery: test images on which the arms differ most, with the prediction and attention of every arm."""

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
    """The output of one arm for one image.

    score: for segmentation, the mean IoU of the image; for classification, the probability of `label`.
    prediction: class ids, for segmentation. label: the predicted class, for classification. attention:
    weights, 0 to 255, None without attention. attends: what these weights are, in words. spatial: whether the
    weights lie over the image; False for channel weights.
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
    """One test image with its truth and one panel for each arm, the host first.

    truth: class ids, for segmentation. label: the true class, for classification. arm: the arm with the
    largest change of the image's score. change: that change, the mean over seeds of the score of the arm
    minus that of the host.
    """

    stem: str
    image: UInt8[np.ndarray, "h w 3"]
    truth: UInt8[np.ndarray, "h w"] | None
    label: int | None
    panels: tuple[Panel, ...]
    arm: str
    change: float


def save_gallery(folder: Path, exhibits: Sequence[Exhibit]) -> None:
    """Write `gallery.npz`: arrays under numbered names, everything else as JSON, no pickled objects."""
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
    """Read `gallery.npz`; return no exhibits if there is no such file."""
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
