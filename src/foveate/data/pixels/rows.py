"""Read an image of any size from top to bottom, some rows at a time: TIFF by its tiles or strips, and .npy.

Each block of the file is read once, and only the rows that are returned are held. Values are those that
`raster.read_values` returns.
"""

import math
import warnings
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from jaxtyping import Shaped

from foveate.data.pixels.limits import stack
from foveate.data.pixels.orientation import ORIENTATION_TAG
from foveate.data.pixels.quiet import quiet_decoders
from foveate.data.pixels.raster import Raster, channels_last, opened, read_header
from foveate.errors import DataError
from foveate.extras import require

LARGEST_BLOCK = 2**29
"""Limit of the bytes that one block of a file may decode to."""

_ROWS = 256
_GDAL_CACHE_MB = 128
_GREY, _RGB, _YCBCR = 1, 2, 6


class Rows(NamedTuple):
    """Some rows of an image: the number of the first, from 0, and their values."""

    first: int
    values: Shaped[np.ndarray, "rows w bands"]


def read_rows(path: str | Path, first: int = 0) -> Iterator[Rows]:
    """Return the rows of a TIFF or a .npy file from top to bottom, without bands marked as alpha.

    first: a row that the first block contains; blocks above it are not read. Raises `DataError` for a file
    that cannot be read so (`obstacle` says why), that is damaged, or whose data are shorter than its header
    says; and for a compression that needs another package.
    """
    header = read_header(path)
    if header is None:
        raise DataError(f"{path}: neither a TIFF nor a NumPy array; large images are read from these")
    if reason := obstacle(path, header):
        raise DataError(f"{path}: {reason}, which cannot be read in parts; save it as a tiled TIFF in RGB")
    rows = _npy_rows(path, first) if header.kind == "NumPy array" else _tiff_rows(path, header, first)
    for start, values in rows:
        yield Rows(start, values[..., : header.bands])


def obstacle(path: str | Path, header: Raster) -> str:
    """Return what keeps a TIFF or a .npy file from being read in parts; "" for nothing."""
    with opened(path) as file:
        if header.kind == "NumPy array":
            fortran = _npy_layout(file).fortran
            return "an array in Fortran's order" if fortran else ""
        with tifffile.TiffFile(file) as tiff:
            return _tiff_obstacle(path, header, tiff)


def _tiff_obstacle(path: str | Path, header: Raster, tiff: tifffile.TiffFile) -> str:
    page = tiff.pages[0]
    if len(tiff.pages) > 1 and (other := tiff.pages[1]).shape == page.shape and not other.subfiletype:
        raise stack(path, *header.size)
    turned = page.tags.get(ORIENTATION_TAG)
    if turned is not None and turned.value != 1:
        return "an image that is stored turned or mirrored"
    jpeg = page.compression == tifffile.COMPRESSION.JPEG
    if page.photometric not in (_GREY, _RGB) and not (page.photometric == _YCBCR and jpeg):
        return f"an image in {page.photometric.name.lower()}"
    if page.bitspersample < 8:
        return f"an image of {page.bitspersample} bits"
    tall, wide = _block_size(page)
    bands = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
    if not page.is_contiguous and tall * wide * bands * page.bitspersample // 8 > LARGEST_BLOCK:
        return f"an image that is compressed in blocks of {wide} x {tall}"
    return ""


class _Layout(NamedTuple):
    offset: int
    dtype: np.dtype
    size: tuple[int, int]
    bands: int
    last: bool
    fortran: bool = False


def _npy_layout(file: BufferedIOBase) -> _Layout:
    file.seek(0)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    last = bool(channels_last(shape))
    shape = (*shape, 1) if len(shape) == 2 else shape
    size, bands = (shape[:2], shape[2]) if last else (shape[1:], shape[0])
    return _Layout(file.tell(), dtype, size, bands, last, fortran)


def _npy_rows(path: str | Path, first: int) -> Iterator[Rows]:
    with opened(path) as file:
        yield from _stored_rows(file, _npy_layout(file), first)


def _tiff_rows(path: str | Path, header: Raster, first: int) -> Iterator[Rows]:
    quiet_decoders()
    with opened(path) as file, tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        if page.is_contiguous:
            contiguous = page.planarconfig == tifffile.PLANARCONFIG.CONTIG
            dtype = np.dtype(tiff.byteorder + page.dtype.char)
            layout = _Layout(page.dataoffsets[0], dtype, header.size, page.samplesperpixel, contiguous)
            yield from _stored_rows(file, layout, first)
        elif _decodes(page):
            yield from _decoded_rows(file, page, first)
        else:
            what = f"{path}: a {header} with {page.compression.name} compression"
            yield from _gdal_rows(path, what, _block_size(page)[0], first)


def _stored_rows(file: BufferedIOBase, layout: _Layout, first: int) -> Iterator[Rows]:
    """Read the rows of values that lie in the file as they are."""
    (height, width), bands = layout.size, layout.bands
    samples = width * bands if layout.last else width
    for start in range(first, height, _ROWS):
        count = min(_ROWS, height - start)
        planes = []
        for plane in range(1 if layout.last else bands):
            file.seek(layout.offset + (plane * height + start) * samples * layout.dtype.itemsize)
            planes.append(_read(file, count * samples * layout.dtype.itemsize))
        values = np.frombuffer(b"".join(planes), layout.dtype).astype(layout.dtype.newbyteorder("="))
        if layout.last:
            yield Rows(start, values.reshape(count, width, bands))
        else:
            yield Rows(start, np.moveaxis(values.reshape(bands, count, width), 0, -1))


def _decodes(page: Any) -> bool:
    """Whether tifffile knows a page's compression without another package."""
    try:
        page.decode(None, 0)
    except (ValueError, ImportError):
        return False
    return page.photometric != _YCBCR


def _decoded_rows(file: BufferedIOBase, page: Any, first: int) -> Iterator[Rows]:
    """Read and decode the blocks of a compressed TIFF, one row of blocks after the other."""
    height, width = page.imagelength, page.imagewidth
    tall, wide = _block_size(page)
    across, down = math.ceil(width / wide), math.ceil(height / tall)
    bands = page.samplesperpixel
    separate = bands > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    for row in range(first // tall, down):
        count = min(tall, height - row * tall)
        values = np.full((count, width, bands), page.nodata or 0, page.dtype)
        for plane in range(bands if separate else 1):
            for column in range(across):
                index = (plane * down + row) * across + column
                size = page.databytecounts[index]
                if not size:  # a block that is left out holds no data
                    continue
                file.seek(page.dataoffsets[index])
                block = page.decode(_read(file, size), index, jpegtables=page.jpegtables)[0][0]
                into = values[:, column * wide : (column + 1) * wide, plane : plane + 1 if separate else None]
                into[:] = block[:count, : into.shape[1]]
        yield Rows(row * tall, values)


def _gdal_rows(path: str | Path, what: str, tall: int, first: int) -> Iterator[Rows]:
    """Read the rows of a TIFF in a compression that GDAL knows and tifffile alone does not."""
    rasterio = require("rasterio", "geo", what)
    step = tall * math.ceil(_ROWS / tall)
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=_GDAL_CACHE_MB):
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            file = rasterio.open(path)
        except rasterio.errors.RasterioError as error:
            raise OSError(str(error)) from None
    with file:
        for start in range(first // step * step, file.height, step):
            count = min(step, file.height - start)
            yield Rows(start, _gdal_window(rasterio, file, start, count))


def _gdal_window(rasterio: Any, file: Any, start: int, count: int) -> Shaped[np.ndarray, "rows w bands"]:
    with rasterio.Env(GDAL_CACHEMAX=_GDAL_CACHE_MB):
        try:
            values = file.read(window=rasterio.windows.Window(0, start, file.width, count))
        except rasterio.errors.RasterioError as error:
            raise OSError(str(error)) from None
    return np.moveaxis(values, 0, -1)


def _block_size(page: Any) -> tuple[int, int]:
    """Return the rows and columns of the blocks of a TIFF: its tiles, or its strips."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def _read(file: BufferedIOBase, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError(f"{size - len(content)} bytes are missing")
    return content
