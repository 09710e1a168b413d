"""Files of any number of bands and any type of numbers: TIFF, and NumPy's .npy.

Such files hold measurements (satellites, microscopes, elevation), so their values are returned as they are
stored, and what is marked as missing as NaN.
"""

import io
import re
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Shaped
from PIL import TiffImagePlugin

from foveate.data.pixels.limits import check_pixels, stack
from foveate.data.pixels.orientation import ORIENTATION_TAG, turn_array
from foveate.data.pixels.quiet import quiet_decoders
from foveate.errors import DataError
from foveate.extras import require

SUFFIXES = frozenset([".tif", ".tiff", ".npy"])

_NPY = b"\x93NUMPY"
_BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA, _FORMAT = 258, 262, 277, 338, 339
_WIDTH, _HEIGHT, _PLANES = 256, 257, 284
_GDAL_METADATA, _GDAL_NODATA = 42112, 42113
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
"""Number of colour channels of each photometric interpretation; what a file has beyond it is a band."""
_BAND_NAME = re.compile(r'<Item\b(?=[^>]*\bsample="(\d+)")(?=[^>]*\brole="description")[^>]*>([^<]*)</Item>')
_MOST_CHANNELS = 512


@dataclass(frozen=True)
class Raster:
    """The header of a TIFF or a .npy file.

    size: height and width, upright. bands: number of bands without those that are marked as alpha. bits,
    numbers: the type of the values. names: of the bands, empty if the file does not name them. nodata: the
    value of missing pixels, None if there is none. colour: whether the bands are grey or RGB by the file's
    own word. spare: whether the last of four bands may be alpha without a mark. plain: whether Pillow
    reads all of it. white_is_low: whether the lowest value of a grey picture of more than 8 bits is white.
    """

    kind: Literal["TIFF", "NumPy array"]
    size: tuple[int, int]
    bands: int
    bits: int
    numbers: Literal["whole", "signed", "float"]
    names: tuple[str, ...] = ()
    nodata: float | None = None
    colour: bool = False
    spare: bool = False
    plain: bool = False
    white_is_low: bool = False

    def __str__(self) -> str:
        """Say what the file is.

        >>> print(Raster("TIFF", (64, 64), 8, 16, "whole"))
        TIFF of 8 bands of 16 bits
        >>> print(Raster("NumPy array", (64, 64), 1, 32, "float"))
        NumPy array of 1 band of 32-bit floats
        """
        bands = f"{self.bands} band{'s' * (self.bands != 1)}"
        numbers = {"whole": f"{self.bits} bits", "signed": f"{self.bits} bits with sign"}
        return f"{self.kind} of {bands} of {numbers.get(self.numbers, f'{self.bits}-bit floats')}"


def read_header(path: str | Path, content: bytes | None = None) -> Raster | None:
    """Return the header of a TIFF or a .npy file; None for a file of another kind.

    content: the file's bytes, if they are not to be read from `path`. Raises `DataError` for a file that is
    damaged, and for an array that is no image.
    """
    with opened(path, content) as file:
        start = file.read(16)
        if start.startswith(_NPY):
            return _npy_header(path, file)
        if start[:4] not in TiffImagePlugin.PREFIXES:
            return None
        return tiff_header(_tags(file, start))


def read_values(path: str | Path, content: bytes | None = None) -> Shaped[np.ndarray, "h w bands"]:
    """Return the values of a TIFF or a .npy file as they are stored, upright, without bands marked as alpha.

    Raises `DataError` as `read_header` does, and for a compression that needs another package.
    """
    header = read_header(path, content)
    if header is None:
        raise DataError(f"{path}: neither a TIFF nor a NumPy array")
    check_pixels(path, *header.size)
    with opened(path, content) as file:
        if header.kind == "NumPy array":
            values = _npy_values(path, file)
        else:
            values = _tiff_values(path, file, header, content)
    return values[..., : header.bands]


def read_bands(
    path: str | Path, bands: Sequence[int], content: bytes | None = None
) -> Float32[np.ndarray, "h w bands"]:
    """Return some bands, numbered from 0, as float32; missing and infinite values are NaN.

    Raises `DataError` as `read_values` does, and for a file with fewer bands.
    """
    header = read_header(path, content)
    if header is None:
        raise DataError(
            f"{path}: neither a TIFF nor a NumPy array; images of several bands are read from these"
        )
    if max(bands) >= header.bands:
        raise DataError(f"{path}: a {header}, of which {max(bands) + 1} are needed")
    return with_missing(read_values(path, content)[..., list(bands)], header.nodata)


def with_missing(
    values: Shaped[np.ndarray, "h w bands"], nodata: float | None
) -> Float32[np.ndarray, "h w bands"]:
    """Return values as float32, with NaN for those that are infinite or equal to `nodata`."""
    pixels = np.ascontiguousarray(values, dtype=np.float32)
    missing = ~np.isfinite(pixels)
    if nodata is not None:
        missing |= values == nodata
    pixels[missing] = np.nan
    return pixels


def _tags(file: BufferedIOBase, start: bytes) -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2(start[: 16 if start[2] == 43 else 8])
    file.seek(tags.next)
    tags.load(file)
    return tags


def tiff_header(tags: Any) -> Raster:
    """Return the header of a TIFF from its tags, as Pillow reads them."""
    height, width = int(tags[_HEIGHT]), int(tags[_WIDTH])
    if tags.get(ORIENTATION_TAG, 1) >= 5:
        height, width = width, height
    samples, extra = int(tags.get(_SAMPLES, 1)), tuple(tags.get(_EXTRA, ()))
    alphas = sum(kind in (1, 2) for kind in extra)
    colours = _COLOURS.get(tags.get(_PHOTOMETRIC), 0)
    bits = max(tags.get(_BITS, (1,)))
    # Pillow reads more than 8 bits of one channel, or of RGB whose channels lie side by side.
    whole_pixels = samples == 1 or (tags.get(_PLANES, 1) == 1 and samples > 2)
    numbers = {2: "signed", 3: "float"}.get(max(tags.get(_FORMAT, (1,))), "whole")
    return Raster(
        "TIFF",
        (height, width),
        samples - alphas,
        bits,
        numbers,
        _band_names(str(tags.get(_GDAL_METADATA, "")), samples - alphas),
        _number(tags.get(_GDAL_NODATA)),
        colour=samples - alphas == colours or (samples - alphas == 3 and bits == 8),
        spare=not alphas and samples == 4 and colours == 3,
        plain=numbers == "whole" and samples - alphas == colours and (bits <= 8 or whole_pixels),
        white_is_low=tags.get(_PHOTOMETRIC) == 0 and bits > 8,
    )


def _tiff_values(
    path: str | Path, file: BufferedIOBase, header: Raster, content: bytes | None
) -> Shaped[np.ndarray, "h w bands"]:
    import tifffile

    quiet_decoders()
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        if len(tiff.pages) > 1 and (other := tiff.pages[1]).shape == page.shape and not other.subfiletype:
            raise stack(path, *header.size)
        try:
            values = page.asarray()
        except (ValueError, ImportError) as error:
            if isinstance(error, ValueError) and "imagecodecs" not in str(error):
                raise
            return _gdal_values(path, content, f"{path}: a {header} with {page.compression.name} compression")
        tag = page.tags.get(ORIENTATION_TAG)
        if page.samplesperpixel > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            values = np.moveaxis(values, 0, -1)
    values = values[..., None] if values.ndim == 2 else values
    return turn_array(values, int(tag.value) if tag else 1)


def _gdal_values(path: str | Path, content: bytes | None, what: str) -> Shaped[np.ndarray, "h w bands"]:
    """Read the values of a TIFF in a compression that GDAL knows and tifffile alone does not."""
    rasterio = require("rasterio", "geo", what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            with rasterio.open(path if content is None else io.BytesIO(content)) as file:
                return np.moveaxis(file.read(), 0, -1)
        except rasterio.errors.RasterioError as error:
            raise OSError(str(error)) from None


def _band_names(metadata: str, bands: int) -> tuple[str, ...]:
    """Return the names of all bands from GDAL's metadata, empty if one has none.

    >>> _band_names('<Item name="DESCRIPTION" sample="0" role="description">red</Item>', 1)
    ('red',)
    """
    found = {int(number): name.strip() for number, name in _BAND_NAME.findall(metadata)}
    names = tuple(found.get(number, "") for number in range(bands))
    return names if all(names) else ()


def _number(text: Any) -> float | None:
    try:
        return float(str(text).strip("\0 "))
    except ValueError:
        return None


def _npy_header(path: str | Path, file: BufferedIOBase) -> Raster:
    shape, dtype = _npy_shape(file)
    kind = {"u": "whole", "b": "whole", "i": "signed", "f": "float"}.get(dtype.kind)
    last = channels_last(shape)
    if kind is None or last is None:
        raise DataError(
            f"{path}: a NumPy array of shape {shape} and type {dtype}, which is no image; save numbers of "
            "shape (height, width), (height, width, bands) or (bands, height, width), with at most half as "
            "many bands as pixels a side"
        )
    if len(shape) == 2:
        size, bands = shape, 1
    else:
        size, bands = (shape[:2], shape[2]) if last else (shape[1:], shape[0])
    bits = 8 * dtype.itemsize
    colour = kind == "float" or dtype in (np.bool_, np.uint8, np.uint16)
    return Raster("NumPy array", size, bands, bits, kind, colour=colour and bands in (1, 3))


def channels_last(shape: Sequence[int]) -> bool | None:
    """Whether the last axis of an array holds its bands; None if that cannot be told.

    Bands are the axis that is at most half as long as both others.

    >>> channels_last((64, 48, 8)), channels_last((8, 64, 48)), channels_last((4, 6, 4))
    (True, False, None)
    """
    if 0 in shape or len(shape) not in (2, 3):
        return None
    if len(shape) == 2:
        return True
    first, middle, last = shape
    if 2 * last <= min(first, middle):
        return True
    return False if 2 * first <= min(middle, last) and first <= _MOST_CHANNELS else None


def _npy_shape(file: BufferedIOBase) -> tuple[tuple[int, ...], np.dtype]:
    file.seek(0)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype


def _npy_values(path: str | Path, file: BufferedIOBase) -> Shaped[np.ndarray, "h w bands"]:
    file.seek(0)
    values = np.load(file, allow_pickle=False)
    if values.ndim == 2:
        return values[..., None]
    return values if channels_last(values.shape) else np.moveaxis(values, 0, -1)


@contextmanager
def opened(path: str | Path, content: bytes | None = None) -> Iterator[BufferedIOBase]:
    """Open a file, or its bytes `content`; errors of reading it in the block become `DataError`."""
    try:
        with open(path, "rb") if content is None else io.BytesIO(content) as file:
            yield file
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except MemoryError:
        raise DataError(f"{path}: the image is too large for the memory; cut it into tiles") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        struct.error,
        IndexError,
    ) as error:
        raise DataError(
            f"{path}: the image is damaged or truncated ({error}); copy it again or remove it"
        ) from None
