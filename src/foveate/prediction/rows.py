"""The pixels of an image file of any size, as a network takes them, some rows at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from foveate.data.bands import BandScale
from foveate.data.dataset import Pixels
from foveate.data.pixels.conversion import array_to_rgb
from foveate.data.pixels.images import not_rgb, read_size
from foveate.data.pixels.limits import MAX_PIXELS
from foveate.data.pixels.raster import Raster, read_header, with_missing
from foveate.data.pixels.rows import obstacle, read_rows
from foveate.prediction.bands import check_bands
from foveate.prediction.prepare import read_pixels


class PixelRows(NamedTuple):
    """Some rows of an image: the number of the first, from 0, and their pixels."""

    first: int
    pixels: Pixels


def image_size(path: Path) -> tuple[int, int]:
    """Return the height and width of an image of any size. Raises `DataError` if it cannot be read."""
    header = _header(path)
    return read_size(path) if header is None else header.size


def pixel_rows(path: Path, bands: BandScale | None = None, first: int = 0) -> Iterator[PixelRows]:
    """Return the pixels of an image file from top to bottom, equal to those of `read_pixels`.

    A TIFF or a .npy file is read in parts where its form allows. Any other is read whole, and must have at
    most `MAX_PIXELS` pixels. first: a row that the first part contains. Raises `DataError`, and `UserError`
    for another number of bands.
    """
    header = _header(path)
    small = header is None or header.size[0] * header.size[1] <= MAX_PIXELS
    if header is None or (small and obstacle(path, header)):
        yield PixelRows(0, read_pixels(path, bands))
        return
    if bands is not None:
        check_bands(str(path), header.bands, bands)
        for start, values in read_rows(path, first):
            yield PixelRows(start, with_missing(values[..., list(bands.bands.numbers)], header.nodata))
        return
    alpha = None
    for start, values in read_rows(path, first):
        alpha = values[0, 0, -1] if alpha is None else alpha
        yield PixelRows(start, array_to_rgb(_colours(path, header, values, alpha), path))


def _header(path: Path) -> Raster | None:
    return read_header(path) if path.suffix.lower() in (".tif", ".tiff", ".npy") else None


def _colours(
    path: Path, header: Raster, values: Shaped[np.ndarray, "rows w bands"], alpha: np.generic
) -> Shaped[np.ndarray, "rows w colours"]:
    """Return the values without alpha; raise `DataError` if they are not grey or RGB."""
    if header.spare and (values[..., 3] == alpha).all():
        return values[..., :3]
    if not (header.colour or header.plain):
        raise not_rgb(path, header)
    return values
