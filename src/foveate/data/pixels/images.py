"""Read any image file as 8-bit RGB, and refuse broken files with a message that names them."""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from foveate.errors import DataError

RARE = frozenset([".jpe", ".jfif", ".jp2", ".avif", ".pbm"])
SUFFIXES = RARE | {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".gif"}
"""Suffixes of image files. For a name without a suffix, those in `RARE` are tried last."""

LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF")
"""Formats that change values near every edge, which makes them useless for masks."""

MAX_PIXELS = 89_478_485
"""Images with more pixels are refused before decoding. The number is Pillow's own warning level."""

_IDS = "save masks as 8-bit single-channel PNG with one value per class"
_NAME_COLORS = f"add a class_dict.csv with the columns name,r,g,b to the dataset's folder, or {_IDS}"

_ORIENTATION_TAG = 0x0112
_BITS_TAG = 258
_SUBFILE_TAG = 254
_NO_IMAGE = 1 | 4  # a reduced copy, or a transparency mask
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_image_file(path: Path) -> bool:
    """Whether a path is a file with an image suffix and not hidden (such as macOS's ._a.png)."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the image files among some paths, sorted.

    Raises `DataError` for a name that is not UTF-8 (from an old archive, say), as no table could hold it.
    """
    files = sorted(filter(is_image_file, paths))
    for path in files:
        if (name := os.fsencode(path.name)) != path.name.encode(errors="replace"):
            raise DataError(f"{path.parent}: the name {name} is not UTF-8; rename the file")
    return files


def read_image(path: str | Path, content: bytes | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to RGB and turn it upright by its EXIF tag.

    Grey is repeated, alpha dropped, CMYK and palettes converted. 16-bit values are scaled by the full range
    of their type (65535 becomes 255); floats must lie in [0, 1]. content: the file's bytes, if they are not
    to be read from `path`. Raises `DataError` for a file that is empty, truncated, not an image, or larger
    than `MAX_PIXELS`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "grey.png"
    >>> Image.fromarray(np.full((2, 3), 65535, dtype=np.uint16)).save(path)
    >>> image = read_image(path)
    >>> image.shape, int(image.max())
    ((2, 3, 3), 255)
    """
    with open_image(path, content) as image:
        if image.format == "TIFF" and _is_deep_color(image):
            return _read_deep_tiff(path, content, _TURNS.get(image.tag_v2.get(_ORIENTATION_TAG)))
        turn = _TURNS.get(orientation(image))
        image.load()
        upright = image if turn is None else image.transpose(turn)
        if upright.mode.startswith("I") or upright.mode == "F":
            return np.repeat(_scale(np.asarray(upright), path)[..., None], 3, axis=2)
        return np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"))


def read_size(path: str | Path) -> tuple[int, int]:
    """Return the height and width in pixels of the upright image, from its header only."""
    with open_image(path) as image:
        width, height = image.size
        return (width, height) if orientation(image) >= 5 else (height, width)


def read_raw(
    path: str | Path, colored: bool = False, content: bytes | None = None, brightness: bool = False
) -> UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]:
    """Decode a mask file to its stored values; palette files give the palette indices.

    colored: return RGB instead. brightness: return the grey value of each pixel instead, JPEG included.
    content: as in `read_image`. Raises `DataError` for a JPEG, which changes the stored values, and for
    colours if ids are expected.
    """
    with open_image(path, content) as image:
        if image.format in LOSSY and not brightness:
            name = "JPEG" if image.format == "MPO" else image.format
            raise DataError(
                f"{path}: the mask is a {name}, and {name} compression changes class values near every edge; "
                "export the masks again as PNG from the original annotations"
            )
        turn = _TURNS.get(orientation(image))
        image.load()
        upright = image if turn is None else image.transpose(turn)
        if colored:
            return np.asarray(upright.convert("RGB"))
        if brightness:
            return np.asarray(upright.convert("L"))
        raw = np.asarray(upright)
        if raw.ndim == 3:
            channels = raw[..., : 1 if upright.mode in ("LA", "PA") else 3]
            if (channels != channels[..., :1]).any():
                raise DataError(f"{path}: the mask is in colour; {_NAME_COLORS if content is None else _IDS}")
            raw = channels[..., 0]
        if raw.dtype == np.uint8:
            return raw.copy()
        if raw.dtype.kind == "f" or not 0 <= raw.min() <= raw.max() <= 255:
            raise DataError(
                f"{path}: mask values run from {raw.min()} to {raw.max()} ({raw.dtype}); save masks as "
                "8-bit PNG with whole values from 0 to 255"
            )
        return raw.astype(np.uint8)


@contextmanager
def open_image(path: str | Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open an image's header. Errors of opening, and of decoding in the block, become `DataError`."""
    try:
        with _open_header(path if content is None else io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(_too_large(path, f"{image.width} x {image.height}"))
            if image.format == "TIFF":
                _one_page(image, path)
            # Alpha is dropped; without this, Pillow would warn when it converts palettes.
            image.info.pop("transparency", None)
            yield image
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except Image.DecompressionBombError as error:
        pixels = next((word for word in str(error).replace("(", " ").split() if word.isdigit()), "too many")
        raise DataError(_too_large(path, pixels)) from None
    except Image.UnidentifiedImageError:
        if (Path(path).stat().st_size if content is None else len(content)) == 0:
            raise DataError(f"{path}: the file is empty (0 bytes); copy it again or remove it") from None
        raise DataError(
            f"{path}: not an image that can be read, despite its suffix; replace it by a PNG or JPEG, or "
            "remove it"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError) as error:
        raise DataError(
            f"{path}: the image is damaged or truncated ({error}); copy it again or remove it"
        ) from None


def _one_page(image: Image.Image, path: str | Path) -> None:
    """Raise `DataError` if a TIFF holds a stack of images.

    Reduced copies, transparency masks and unreadable pages behind the first are ignored.
    """
    size = image.size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.seek(1)
        stack = image.size == size and not image.tag_v2.get(_SUBFILE_TAG, 0) & _NO_IMAGE
    except EOFError:
        return
    except Exception:  # a damaged page may raise anything
        stack = False
    image.seek(0)
    if stack:
        raise DataError(
            f"{path}: holds a stack of several images of {size[1]} x {size[0]}, and only the first would be "
            "read; save each image, and each mask, as a file of its own"
        )


def _open_header(file: str | Path | io.BytesIO) -> Image.Image:
    # `MAX_PIXELS` replaces Pillow's warning. Warning filters are shared by all threads; a race between two
    # threads can at worst print or hide a warning.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)


def _too_large(path: str | Path, pixels: str) -> str:
    return (
        f"{path}: {pixels} pixels are more than the limit of {MAX_PIXELS}; cut the image into tiles or "
        "scale it down"
    )


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an open image, from 1 (upright) to 8."""
    # Pillow turns TIFFs itself, and would decode a whole PNG to look for an EXIF chunk behind its pixels.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    tag = image.getexif().get(_ORIENTATION_TAG)
    return tag if tag in _TURNS else 1


def _is_deep_color(image: Image.Image) -> bool:
    bits = image.tag_v2.get(_BITS_TAG, (8,))
    return len(bits) >= 3 and max(bits) > 8


def _read_deep_tiff(
    path: str | Path, content: bytes | None, turn: Image.Transpose | None
) -> UInt8[np.ndarray, "h w 3"]:
    # Pillow truncates such values to 8 bits, and does not read every layout of the channels.
    import tifffile

    with tifffile.TiffFile(path if content is None else io.BytesIO(content)) as file:
        page = file.pages[0]
        try:
            values = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise DataError(
                f"{path}: a 16-bit TIFF with {page.compression.name} compression, for which another package "
                "is needed: pip install imagecodecs, or save the image without compression"
            ) from None
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values, 0, -1)
    image = Image.fromarray(np.ascontiguousarray(_scale(values[..., :3], path)))
    return np.asarray(image if turn is None else image.transpose(turn))


def _scale(values: np.ndarray, path: str | Path) -> UInt8[np.ndarray, "..."]:
    """Scale 16-bit values or floats in [0, 1] to 0 .. 255."""
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    if values.size and not (values.min() >= 0 and values.max() <= top):
        raise DataError(
            f"{path}: values from {values.min()} to {values.max()} where 0 to {top:g} was expected; save "
            "the image as 8-bit"
        )
    return np.rint(values * (255.0 / top)).astype(np.uint8)
