"""Pictures for a model that was trained on images of several bands."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from foveate.data.bands import BandScale
from foveate.data.pixels.raster import channels_last, read_bands, read_header
from foveate.errors import UserError
from foveate.models.host import Host
from foveate.plain import from_json


def scale_of(model: Host) -> BandScale | None:
    """Return the scale of the bands that a model was trained on; None for a model of RGB pictures.

    Raises `UserError` if the model's notes hold no such scale.
    """
    notes: Any = model.notes.get("bands")
    if notes is None:
        return None
    try:
        return from_json(BandScale, notes)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UserError(
            f"the scale of the model's bands cannot be read ({error}); the file is damaged"
        ) from error


def read_file(
    path: str | Path, scale: BandScale, content: bytes | None = None
) -> Float32[ndarray, "h w bands"]:
    """Read the bands of a file. Raises `DataError`, and `UserError` for another number of bands.

    content: the file's bytes, if they are not to be read from `path`.
    """
    header = read_header(path, content)
    if header is not None:
        check_bands(str(path), header.bands, scale)
    return read_bands(path, scale.bands.numbers, content)


def read_array(values: ndarray, scale: BandScale) -> Float32[ndarray, "h w bands"]:
    """Return the bands of an array: `h w bands`, `bands h w`, or `h w` for one band.

    NaN and infinite values are missing ones. Raises `UserError` for another number of bands.
    """
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.dtype.kind not in "buif" or 0 in values.shape:
        raise UserError(f"an array of shape {values.shape} and type {values.dtype} is not an image of bands")
    if values.shape[-1] != scale.bands.of and channels_last(values.shape) is False:
        values = np.moveaxis(values, 0, -1)
    check_bands("the array", values.shape[-1], scale)
    pixels = np.ascontiguousarray(values[..., list(scale.bands.numbers)], dtype=np.float32)
    pixels[~np.isfinite(pixels)] = np.nan
    return pixels


def check_bands(where: str, found: int, scale: BandScale) -> None:
    """Raise `UserError` unless an image has as many bands as those that the network was trained on."""
    if found != scale.bands.of:
        raise UserError(
            f"{where}: has {found} band{'s' * (found != 1)}, and the run was trained on images of "
            f"{scale.bands.of}; give images like those"
        )
