"""One conversion of pixels to 8-bit RGB, whether they come from a file, a Pillow image or an array.

Values of 16 bits are cut to their high byte, as Pillow does where it reads 16-bit RGB. So one picture gives
the same pixels whatever the file format, and whoever decoded it.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from foveate.data.pixels.orientation import upright
from foveate.data.pixels.raster import tiff_header
from foveate.errors import DataError


def image_to_rgb(image: Image.Image, where: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """Convert a Pillow image to RGB, turned upright by its EXIF tag; `where` begins the error messages.

    Grey is repeated, alpha dropped, CMYK and palettes converted, deeper values scaled as `to_8_bits` does.

    >>> image_to_rgb(Image.fromarray(np.full((2, 3), 65535, dtype=np.uint16)), "x.png").shape
    (2, 3, 3)
    """
    _check_whole(image, where)
    inverted = isinstance(image, TiffImageFile) and tiff_header(image.tag_v2).white_is_low
    image = upright(image)
    if not image.mode.startswith(("I", "F")):
        if "transparency" in image.info:  # alpha is dropped; Pillow would warn when it converts palettes
            image = image.copy()
            image.info.pop("transparency")
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    values = np.asarray(image)
    if image.format == "PPM":  # Pillow scales the values of this format to 16 bits
        values = values.astype(np.uint16)
    grey = to_8_bits(values, where)  # Pillow inverts a TIFF in which 0 is white up to 8 bits
    return np.repeat((255 - grey if inverted else grey)[..., None], 3, axis=2)


def _check_whole(image: Image.Image, where: str | Path) -> None:
    """Raise `DataError` if Pillow left out bands of the TIFF that an image was opened from."""
    if not isinstance(image, TiffImageFile):
        return
    raster = tiff_header(image.tag_v2)
    alpha = raster.spare and (np.asarray(image)[..., 3:] == np.asarray(image)[:1, :1, 3:]).all()
    if not raster.colour and not alpha:
        raise DataError(f"{where}: a {raster}, of which Pillow reads {len(image.getbands())}; give the path")


def array_to_rgb(values: Shaped[np.ndarray, "..."], where: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """Convert an array to RGB: `h w` or `h w 1` (grey), `h w 3`, or `h w 4`, of which alpha is dropped.

    With one, three or four channels, `c h w` is taken too, where the last axis can be no channels. Raises
    `DataError` for other shapes, and for values as `to_8_bits` does.

    >>> array_to_rgb(np.array([[0.0, 1.0]]), "x")[0].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    if 0 in values.shape:
        raise DataError(
            f"{where}: an array of shape {values.shape} holds no pixels; give one of at least 1x1"
        )
    if values.ndim == 3 and values.shape[-1] not in _CHANNELS and values.shape[0] in _CHANNELS:
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[-1] not in _CHANNELS:
        raise DataError(
            f"{where}: an array of shape {values.shape} and type {values.dtype} is not an image; give "
            "(height, width, 3) in RGB, or (height, width) in grey"
        )
    pixels = to_8_bits(values[..., :3], where)
    return np.ascontiguousarray(pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=2))


_CHANNELS = (1, 3, 4)


def to_8_bits(values: Shaped[np.ndarray, "..."], where: str | Path) -> UInt8[np.ndarray, "..."]:
    """Scale values to 0 .. 255 by the full range of their type.

    uint8 stays as it is; False and True become 0 and 255; 16-bit values are divided by 256 and rounded down;
    floats must lie in [0, 1]. Whole numbers of other types are 16-bit values if the highest is above 255, and
    else refused, since 255 could mean white or almost black. Raises `DataError` for these, and for values
    outside the range.

    >>> to_8_bits(np.array([0, 256, 65535], dtype=np.uint16), "x").tolist()
    [0, 1, 255]
    """
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return values
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind not in "iuf":
        raise DataError(f"{where}: values of type {values.dtype} are no pixels; give uint8, from 0 to 255")
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    top = 1 if kind == "f" else 65535
    if not (low >= 0 and high <= top):
        raise DataError(
            f"{where}: values from {low} to {high} where 0 to {top} was expected; save the image as 8-bit, "
            "scaled to 0 to 255"
        )
    if kind == "f":
        return np.rint(values * 255.0).astype(np.uint8)
    if values.dtype != np.uint16 and 0 < high <= 255:
        raise DataError(
            f"{where}: values from {low} to {high} of type {values.dtype}: is {high} bright, as in 8 bits, "
            "or almost black, as in 16? Convert to uint8 or to uint16"
        )
    return (values >> 8).astype(np.uint8)
