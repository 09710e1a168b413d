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

from foveate.data.pixels import heif
from foveate.data.pixels import raster as raster_files
from foveate.data.pixels.conversion import array_to_rgb, image_to_rgb
from foveate.data.pixels.limits import check_pixels, stack, too_large
from foveate.data.pixels.orientation import orientation
from foveate.data.pixels.quiet import quiet_decoders
from foveate.data.pixels.raster import Raster, read_header, read_values
from foveate.data.pixels.whole import lacks_rows
from foveate.errors import DataError

RARE = frozenset([".jpe", ".jfif", ".jp2", ".avif", ".pbm"])
_USUAL = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".gif"])
SUFFIXES = RARE | _USUAL | raster_files.SUFFIXES | heif.READ
"""Suffixes of image files. For a name without a suffix, those in `RARE` are tried last."""

LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF", "HEIF")
"""Formats that change values near every edge, which makes them useless for masks."""

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, RuntimeError)
_SUBFILE_TAG = 254
_NO_IMAGE = 1 | 4  # a reduced copy, or a transparency mask


def has_image_suffix(name: str) -> bool:
    """Whether a file's name ends as those of images do.

    >>> has_image_suffix("a.PNG"), has_image_suffix(".png"), has_image_suffix("a.csv")
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in SUFFIXES


def is_image_file(path: Path) -> bool:
    """Whether a path is a file with an image suffix and not hidden (such as macOS's ._a.png)."""
    return has_image_suffix(path.name) and not path.name.startswith(".") and path.is_file()


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the image files among some paths, sorted. Raises `DataError` as `require_unicode` does."""
    return require_unicode(sorted(filter(is_image_file, paths)))


def require_unicode(files: list[Path]) -> list[Path]:
    """Return the files; raise `DataError` for a name that is not UTF-8 (from an old archive, say), as no
    table could hold it.
    """
    for path in files:
        if (name := os.fsencode(path.name)) != path.name.encode(errors="replace"):
            raise DataError(f"{path.parent}: the name {name} is not UTF-8; rename the file")
    return files


def read_image(path: str | Path, content: bytes | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to RGB and turn it upright by its EXIF tag.

    Grey is repeated, alpha dropped, CMYK and palettes converted. Values of 16 bits are scaled by the full
    range of their type (65535 becomes 255); floats must lie in [0, 1]. See `foveate.data.pixels.conversion`.
    content: the file's bytes, if they are not to be read from `path`. Raises `DataError` for a file that is
    empty, truncated, not an image, larger than `MAX_PIXELS`, or of other bands than grey or RGB.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "grey.png"
    >>> Image.fromarray(np.full((2, 3), 65535, dtype=np.uint16)).save(path)
    >>> image = read_image(path)
    >>> image.shape, int(image.max())
    ((2, 3, 3), 255)
    """
    raster = _raster(path, content)
    if raster is None:
        with open_image(path, content) as image:
            return image_to_rgb(image, path)
    values = read_values(path, content)
    if raster.spare and (values[..., 3] == values[0, 0, 3]).all():
        return array_to_rgb(values[..., :3], path)
    if not raster.colour:
        raise not_rgb(path, raster)
    pixels = array_to_rgb(values, path)
    return 255 - pixels if raster.white_is_low else pixels


def not_rgb(path: str | Path, raster: Raster) -> DataError:
    """Return the error for an image of other bands than grey or RGB."""
    return DataError(
        f"{path}: a {raster}, and grey or RGB is needed here; train on images of such bands to predict "
        "from them, or save the three bands to use as RGB"
    )


def read_size(path: str | Path) -> tuple[int, int]:
    """Return the height and width in pixels of the upright image, from its header only."""
    if (raster := _raster(path, None)) is not None:
        return raster.size
    with open_image(path) as image:
        width, height = image.size
        return (width, height) if orientation(image) >= 5 else (height, width)


def read_form(path: str | Path) -> tuple[str, str, int]:
    """Return the mode of an image file, its format, and its EXIF orientation from 1 to 8.

    They are Pillow's; of a file that Pillow does not read, "5 bands of 16 bits", "TIFF" and 1.
    """
    if (raster := _raster(path, None)) is not None:
        return str(raster).removeprefix(f"{raster.kind} of "), raster.kind, 1
    with open_image(path) as image:
        return image.mode, image.format or "?", orientation(image)


def _raster(path: str | Path, content: bytes | None) -> Raster | None:
    """Return the header of a file that Pillow cannot read, or would not read whole."""
    if content is None and Path(path).suffix.lower() not in raster_files.SUFFIXES:
        return None
    raster = read_header(path, content)
    return None if raster is None or raster.plain else raster


@contextmanager
def open_image(path: str | Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open an image's header. Errors of opening, and of decoding in the block, become `DataError`."""
    try:
        heif.prepare_heif(path, content)
        with _open_header(path if content is None else io.BytesIO(content)) as image:
            check_pixels(path, image.height, image.width)
            if image.format == "TIFF":
                _one_page(image, path)
            # Alpha is dropped; without this, Pillow would warn when it converts palettes.
            image.info.pop("transparency", None)
            yield image
            if lacks_rows(image, path, content):
                raise DataError(
                    f"{path}: has fewer rows of pixels than the {image.height} that its header says; copy it "
                    "again or remove it"
                )
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except Image.DecompressionBombError as error:
        pixels = next((word for word in str(error).replace("(", " ").split() if word.isdigit()), "too many")
        raise too_large(path, pixels) from None
    except Image.UnidentifiedImageError:
        if (Path(path).stat().st_size if content is None else len(content)) == 0:
            raise DataError(f"{path}: the file is empty (0 bytes); copy it again or remove it") from None
        if (raster := read_header(path, content)) is not None:
            raise DataError(f"{path}: a {raster}, which cannot be read here; save it as PNG") from None
        raise DataError(
            f"{path}: not an image that can be read, despite its suffix; replace it by a PNG or JPEG, or "
            "remove it"
        ) from None
    except _DAMAGED as error:
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
        several = image.size == size and not image.tag_v2.get(_SUBFILE_TAG, 0) & _NO_IMAGE
    except EOFError:
        return
    except Exception:  # a damaged page may raise anything
        several = False
    image.seek(0)
    if several:
        raise stack(path, size[1], size[0])


def _open_header(file: str | Path | io.BytesIO) -> Image.Image:
    # `MAX_PIXELS` replaces Pillow's warning. Warning filters are shared by all threads; a race between two
    # threads can at worst print or hide a warning.
    with warnings.catch_warnings():
        quiet_decoders()
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)
