"""Find classes that hold the same pictures, as raw/ and processed/ or full/ and thumbnails/ do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from PIL import Image

from foveate.data.dataset import Entry
from foveate.data.pixels.images import read_image
from foveate.errors import DataError

_LOOKED_AT = 5
"""Number of pairs of files that are decoded."""

_SIDE = 16
_SAME = 0.95
"""Pictures of `_SIDE` x `_SIDE` pixels that correlate so much, or as much inverted, are one."""


def versions_caution(parts: Mapping[str, Sequence[Entry]], classes: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence on classes that hold versions of the same pictures; empty if there are none.

    At least half of the names occur in two classes, and the first files of the same names look alike.
    """
    by_name: dict[str, dict[int, Path]] = {}
    for entry in (entry for entries in parts.values() for entry in entries):
        by_name.setdefault(entry.image.stem, {}).setdefault(entry.label, entry.image)
    shared = [found for found in by_name.values() if len(found) > 1]
    if not shared or 2 * len(shared) < len(by_name):
        return ()
    pairs = [list(found.items())[:2] for found in shared[:: -(-len(shared) // _LOOKED_AT)]]
    if not all(_same_picture(first, second) for (_, first), (_, second) in pairs):
        return ()
    names = " and ".join(f"{classes[label]}/" for label, _ in pairs[0])
    return (
        f"{names} hold the same pictures by the same names; if they are versions and no classes, give the "
        "folder of one alone; if they are classes, --group '.+' keeps the versions of a picture in one part",
    )


def _same_picture(first: Path, second: Path) -> bool:
    try:
        a, b = _small(first), _small(second)
    except DataError:
        return False
    return bool(abs((a * b).sum()) >= _SAME * np.sqrt((a**2).sum() * (b**2).sum()) > 0)


def _small(path: Path) -> Float64[np.ndarray, "side side"]:
    """Return an image as differences from its mean grey, in `_SIDE` x `_SIDE` pixels."""
    grey = Image.fromarray(read_image(path)).convert("L")
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64)
    return small - small.mean()
