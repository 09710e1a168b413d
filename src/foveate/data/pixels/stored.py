"""Read the values that a mask file stores, whatever Pillow makes of them.

Pillow decodes for display. Where its pixels differ from what the file stores, they are put right here:

- grey PNG, TIFF and BMP of 2 or 4 bits: stretched to 0 .. 255;
- PGM whose largest value is not 255: stretched to 0 .. 255 or 0 .. 65535;
- grey TIFF in which 0 is white (MinIsWhite): inverted;
- BMP of 4 bits whose palette is a ramp of greys: two pixels are read as one;
- TIFF of 32 and 64 bits, of signed values, or of more than 8 bits in several channels: cut, or not read (see
  `foveate.data.pixels.raster`);
- PNG of 16 bits in several channels: cut to 8 bits, and therefore refused.

Three formats have no other meaning than what they show: in PBM and in fax TIFF, white is 1; in a GIF whose
palette is grey, the value is the grey, as GIF has no grey images.
"""

import struct
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, Shaped, UInt8
from PIL import Image

from foveate.data.pixels.images import LOSSY, open_image
from foveate.data.pixels.limits import stack
from foveate.data.pixels.orientation import upright
from foveate.data.pixels.raster import SUFFIXES as RASTERS
from foveate.data.pixels.raster import Raster, read_header, read_values
from foveate.errors import DataError

LOSSY_WEBP = "lossy WebP"

_IDS = "save masks as 8-bit single-channel PNG with one value per class"
_BIND = "or bind its colours with --classes, such as {}"
_NAME_COLORS = f"add a class_dict.csv with the columns name,r,g,b to the dataset's folder, {_BIND}, or {_IDS}"
_SHAPE_IN_ALPHA = (
    " (and its transparency varies: where the shape is in it, save the alpha channel as the mask)"
)

_STEPS = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies the samples of these raw modes by."""

_BITS = {"1": 1, "L;2": 2, "L;4": 4}
"""Bits of the samples of these raw modes; of all others, 8 or more."""

_FAX = ("group3", "group4", "tiff_ccitt")


@dataclass(frozen=True)
class Stored:
    """The stored values of a mask file, upright.

    values: `h w`, or `h w c` for a file of several channels. mode, format: Pillow's; the format may also be
    `LOSSY_WEBP` or NumPy's. palette: red, green and blue of each value, for a file
    with a palette. bits: of a grey value, where these are fewer than 8; otherwise 8.
    """

    values: Shaped[np.ndarray, "h w *c"]
    mode: str
    format: str
    palette: UInt8[np.ndarray, "colors 3"] | None = None
    bits: int = 8

    @property
    def alpha(self) -> Shaped[np.ndarray, "h w"] | None:
        """The alpha channel; None if there is none."""
        return self.values[..., -1] if self.mode in ("LA", "RGBA") else None

    @property
    def channels(self) -> Shaped[np.ndarray, "h w c"]:
        """The channels without alpha."""
        values = self.values[..., None] if self.values.ndim == 2 else self.values
        return values[..., :1] if self.mode in ("LA", "PA") else values[..., :3]


def check_lossless(file_format: str, path: str | Path) -> None:
    """Raise `DataError` for a format whose compression changes values."""
    if file_format in (*LOSSY, LOSSY_WEBP):
        name = "JPEG" if file_format == "MPO" else file_format
        raise DataError(
            f"{path}: the mask is a {name}, and {name} compression changes class values near every edge; "
            "export the masks again as PNG from the original annotations"
        )


def read_raw(
    path: str | Path,
    colored: bool = False,
    content: bytes | None = None,
    brightness: bool = False,
    alpha: bool = False,
) -> Integer[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]:
    """Decode a mask file to its stored values; palette files give the palette indices.

    Values are uint8 if all are below 256, else uint16 or int64. colored: return RGB instead. brightness:
    return the grey value of each pixel instead, JPEG included. alpha: return the alpha channel instead.
    content: as in `read_image`. Raises `DataError` for a JPEG or another lossy format, which changes the
    stored values, for values that are negative or fractions, and for colours if ids are expected.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mask.png"
    >>> Image.fromarray(np.array([[0, 1000]], dtype=np.uint16)).save(path)
    >>> read_raw(path)
    array([[   0, 1000]], dtype=uint16)
    """
    if colored or brightness:
        with open_image(path, content) as image:
            if not brightness:
                check_lossless(_format(image, path, content), path)
            return np.asarray(upright(image).convert("RGB" if colored else "L"))
    stored = read_stored(path, content)
    check_lossless(stored.format, path)
    if alpha:
        if stored.alpha is None:
            raise DataError(
                f"{path}: has no transparency, and in other masks the shape is in it; save all masks alike"
            )
        return stored.alpha.copy()
    return whole_values(single_channel(stored, path, content is None), path)


def read_stored(path: str | Path, content: bytes | None = None) -> Stored:
    """Decode a mask file to its stored values, of one channel or several, without judging them.

    Raises `DataError` for a file that cannot be decoded.
    """
    header = _raster_header(path, content)
    if header is not None and _is_beyond_pillow(header):
        return _read_raster(header, path, content)
    try:
        with open_image(path, content) as image:
            return _read_with_pillow(image, path, content)
    except DataError:
        if header is None or header.bits <= 8:
            raise
        return _read_raster(header, path, content)  # Pillow knows a few kinds of 16 bits only


def single_channel(stored: Stored, path: str | Path, among_files: bool = True) -> Shaped[np.ndarray, "h w"]:
    """Return the values of a file whose channels are equal; raise `DataError` for one in colour.

    among_files: whether the mask lies in a folder, where a table of colours could be added.
    """
    channels = stored.channels
    if stored.values.ndim == 3 and stored.mode == "L":
        raise DataError(
            f"{path}: the mask has {stored.values.shape[-1]} channels, perhaps one a class; save a single "
            "channel with the number of the class at each pixel (np.argmax over the channels)"
        )
    if channels.shape[-1] > 1 and (channels != channels[..., :1]).any():
        hint = _SHAPE_IN_ALPHA if stored.alpha is not None and np.ptp(stored.alpha) else ""
        remedy = _NAME_COLORS.format(_colors_to_bind(channels)) if among_files else _IDS
        raise DataError(f"{path}: the mask is in colour{hint}; {remedy}")
    return channels[..., 0]


def whole_values(values: Shaped[np.ndarray, "h w"], path: str | Path) -> Integer[np.ndarray, "h w"]:
    """Return values as uint8 if all are below 256, else as uint16 or int64.

    Raises `DataError` for negative values and for fractions.
    """
    if values.dtype == np.uint8:
        return values.copy()
    lowest, highest = (values.min().item(), values.max().item()) if values.size else (0, 0)
    fractions = values.dtype.kind == "f" and not (np.rint(values) == values).all()
    if fractions or not 0 <= lowest <= highest < 2**31:
        raise DataError(
            f"{path}: mask values run from {lowest} to {highest} ({values.dtype}); save masks as PNG of 8 or "
            "16 bits with whole values from 0"
        )
    return values.astype(np.uint8 if highest < 256 else np.uint16 if highest < 65536 else np.int64)


def _colors_to_bind(channels: Shaped[np.ndarray, "h w c"]) -> str:
    """Return --classes entries for the two most frequent colours: "name1=#000000 name2=#ff0000"."""
    colors, counts = np.unique(channels.reshape(-1, channels.shape[-1]), axis=0, return_counts=True)
    common = colors[counts.argsort(kind="stable")[::-1][:2]].tolist()
    return " ".join(f"name{n}=#{r:02x}{g:02x}{b:02x}" for n, (r, g, b) in enumerate(common, 1))


def _read_with_pillow(image: Image.Image, path: str | Path, content: bytes | None) -> Stored:
    file_format = _format(image, path, content)
    if file_format == "BMP":
        _mend_bmp(image, path, content)
    raw_mode, largest = _raw_mode(image)
    if file_format == "PNG" and raw_mode.endswith(";16B") and image.mode not in ("I;16", "I"):
        raise DataError(
            f"{path}: a PNG of 16 bits in several channels, which would be cut to 8 bits; save the mask with "
            "a single channel"
        )
    if file_format != "TIFF" and getattr(image, "is_animated", False):
        raise stack(path, image.height, image.width)
    turned = upright(image)
    palette = _palette(turned)
    values = np.asarray(turned)
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if file_format == "GIF" and palette is not None and _is_grey(palette[np.unique(values)]):
        return Stored(palette[values, 0], "L", file_format)
    if file_format == "PPM" and largest not in (0, 255, 65535):
        values = np.rint(values * (largest / (255 if values.dtype == np.uint8 else 65535))).astype(np.int64)
    if file_format == "TIFF" and raw_mode.startswith(("1;I", "L;I", "L;2I", "L;4I")):
        fax = image.info.get("compression") in _FAX
        values = values if fax else (1 if raw_mode[0] == "1" else 255) - values
    plain = raw_mode.rstrip("IR").rstrip(";")
    step, bits = _STEPS.get(plain, 1), _BITS.get(plain, 8) if palette is None else 8
    return Stored(values // step if step > 1 else values, turned.mode, file_format, palette, bits)


def _raw_mode(image: Image.Image) -> tuple[str, int]:
    """Return how the file's samples are stored, in Pillow's words, and the largest value of a PNM."""
    words: Any = image.tile[0].args if image.tile else ""
    words = words if isinstance(words, tuple) else (words,)
    largest = words[1] if image.format == "PPM" and len(words) > 1 else 0
    return str(words[0] or ""), largest


def _palette(image: Image.Image) -> UInt8[np.ndarray, "colors 3"] | None:
    if image.mode not in ("P", "PA"):
        return None
    colors = np.zeros((256, 3), dtype=np.uint8)
    stored = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)[:256]
    colors[: len(stored)] = stored
    return colors


def _is_grey(colors: UInt8[np.ndarray, "colors 3"]) -> bool:
    return bool((colors == colors[:, :1]).all())


def _format(image: Image.Image, path: str | Path, content: bytes | None) -> str:
    """Return Pillow's name of the format; `LOSSY_WEBP` for a WebP that is not stored losslessly."""
    if image.format == "WEBP":
        with _open(path, content) as file:
            return LOSSY_WEBP if _has_lossy_frame(file) else "WEBP"
    return image.format or "?"


def _has_lossy_frame(file: BufferedIOBase) -> bool:
    """Whether a WebP holds a chunk of lossy pixels."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        if name == b"ANMF":
            file.seek(16, 1)  # the frame's place and duration; its chunks follow
        else:
            file.seek(size + size % 2, 1)
    return False


def _mend_bmp(image: Image.Image, path: str | Path, content: bytes | None) -> None:
    """Let Pillow unpack the pixels of a grey BMP of 4 bits."""
    with _open(path, content) as file:
        head = file.read(30)
    place = 24 if int.from_bytes(head[14:18], "little") == 12 else 28
    if image.mode == "L" and int.from_bytes(head[place : place + 2], "little") == 4:
        tile = image.tile[0]
        if tile.codec_name == "raw" and isinstance(tile.args, tuple):
            image.tile = [tile._replace(args=("L;4", *tile.args[1:]))]


def _open(path: str | Path, content: bytes | None) -> BufferedIOBase:
    return Path(path).open("rb") if content is None else BytesIO(content)


def _read_raster(header: Raster, path: str | Path, content: bytes | None) -> Stored:
    values = read_values(path, content)
    mode = "RGB" if header.bands == 3 else "L"
    return Stored(values[..., 0] if header.bands == 1 else values, mode, header.kind)


def _raster_header(path: str | Path, content: bytes | None) -> Raster | None:
    by_name = content is None and Path(path).suffix.lower() not in RASTERS
    return None if by_name else read_header(path, content)


def _is_beyond_pillow(header: Raster) -> bool:
    """Whether Pillow would cut, change or not read the values of a TIFF or an array."""
    plain = header.kind == "TIFF" and header.numbers == "whole"
    return not plain or header.bits > 16 or (header.bits > 8 and header.bands > 1)
