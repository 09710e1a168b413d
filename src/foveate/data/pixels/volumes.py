"""Read axial slices of NIfTI volumes in radiological orientation, whatever their storage order.

The patient's right is at the left of a slice, and the front at the top. Of uncompressed volumes, only the
slice itself is read.
"""

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Shaped

from foveate.errors import DataError
from foveate.extras import require

_CACHED = threading.Lock()


Axes = tuple[tuple[int, bool], tuple[int, bool], tuple[int, bool]]
"""For right, front and up: the stored axis that runs along it, and whether it runs in reverse."""


@dataclass(frozen=True)
class Grid:
    """How a volume is stored, from its header alone. shape: voxels along each stored axis."""

    shape: tuple[int, int, int]
    axes: Axes

    @property
    def slices(self) -> int:
        """Number of axial slices."""
        return self.shape[self.axes[2][0]]


def read_grid(path: Path) -> Grid:
    """Read the grid of a volume; raise `DataError` if it is damaged or not three-dimensional."""
    with _as_data_error(path):
        image = _open(path)
        return Grid(image.shape, _axes(image))


def read_slice(path: Path, index: int, turned_as: Path | None = None) -> Shaped[np.ndarray, "h w"]:
    """Read one axial slice with the volume's own values. index: counted from the feet up, from 0.

    turned_as: the volume whose header gives the orientation, for a mask that was drawn on its voxels (None:
    the volume itself). A compressed volume is unpacked whole; the last few are cached. Raises `DataError`
    for a volume that is damaged, truncated or not three-dimensional.
    """
    axes = read_grid(turned_as).axes if turned_as else None
    with _as_data_error(path):
        image = _open(path)
        (x, x_flipped), (y, y_flipped), (z, z_flipped) = axes or _axes(image)
        cut: list[Any] = [slice(None)] * 3
        cut[z] = image.shape[z] - 1 - index if z_flipped else index
        if path.suffix == ".gz":
            with _CACHED:
                values = _whole(path)[tuple(cut)]
        else:
            values = np.asanyarray(image.dataobj[tuple(cut)])
    values = values.T if x < y else values
    values = values[:: 1 if y_flipped else -1, :: 1 if x_flipped else -1]
    return np.ascontiguousarray(values)


def _nibabel() -> ModuleType:
    return require("nibabel", "data", "reading NIfTI volumes")


def _open(path: Path) -> Any:
    image = _nibabel().load(path)
    if len(image.shape) != 3:
        raise DataError(f"{path}: has {len(image.shape)} dimensions, not three; export one volume a file")
    return image


def _axes(image: Any) -> Axes:
    orientation = _nibabel().io_orientation(image.affine)
    axes = {int(world): (stored, bool(sign < 0)) for stored, (world, sign) in enumerate(orientation)}
    return axes[0], axes[1], axes[2]


@lru_cache(maxsize=4)
def _whole(path: Path) -> np.ndarray:
    """Return all values of a compressed volume, floats as float32."""
    values = np.asanyarray(_open(path).dataobj)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


@contextmanager
def _as_data_error(path: Path) -> Iterator[None]:
    """Turn errors of reading a volume into `DataError`."""
    nibabel = _nibabel()
    damaged = (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError)
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such volume") from None
    except (OSError, EOFError, ValueError, KeyError, zlib.error, *damaged) as error:
        raise DataError(f"{path}: the volume is damaged or truncated ({error}); copy it again") from None
