"""Decode masks as they are stored, without judging their values."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import ImageOps

from foveate.data.pixels.images import open_image
from foveate.data.pixels.palette import Color

SAME_COLOR = 24.0
"""Euclidean distance in RGB up to which a colour counts as a named colour that JPEG changed a little."""


def pack(colors: UInt8[np.ndarray, "*axes 3"]) -> Int64[np.ndarray, "*axes"]:
    """Pack each RGB colour into one integer, red << 16 | green << 8 | blue.

    >>> pack(np.array([0, 1, 2], dtype=np.uint8))
    array(258)
    """
    red, green, blue = np.moveaxis(colors.astype(np.int64), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)


def stored_mask(path: Path, colored: bool = False) -> tuple[np.ndarray, str, str]:
    """Return a mask's stored values, turned upright, with the file's Pillow mode and format.

    The values, `h w`, are uint8 ids, int64 numbers of deeper masks, or int64 packed colours. An RGB mask that
    is grey everywhere gives ids, unless `colored`. Raises `DataError` if the file cannot be decoded.
    """
    with open_image(path) as file:
        mode, file_format = file.mode, file.format or "?"
        upright = ImageOps.exif_transpose(file)
        if upright.mode in ("L", "P", "1") and not colored:
            return np.asarray(upright).astype(np.uint8), mode, file_format
        if upright.mode.startswith(("I", "F")):
            return np.rint(np.asarray(upright)).astype(np.int64), mode, file_format
        channels = np.asarray(upright.convert("RGB"))
    if not colored and (channels == channels[..., :1]).all():
        return channels[..., 0], mode, file_format
    return pack(channels), mode, file_format


def nearest_named(
    stored: Int64[np.ndarray, "h w"], table: Int64[np.ndarray, "classes 3"]
) -> tuple[Int64[np.ndarray, "h w"], Int64[np.ndarray, "h w"]]:
    """Return, for each pixel, the class of the nearest colour; and the same with -1 for pixels farther than
    `SAME_COLOR` from every colour.

    stored: packed colours. table: the RGB colour of each class.
    """
    values, inverse = np.unique(stored, return_inverse=True)
    colors = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1)
    far = ((colors[:, None] - table) ** 2).sum(-1)
    nearest = far.argmin(1)
    named = np.where(far.min(1) <= SAME_COLOR**2, nearest, -1)
    return nearest[inverse].reshape(stored.shape), named[inverse].reshape(stored.shape)


def unnamed_share(stored: Int64[np.ndarray, "h w"], colors: Sequence[Color]) -> float:
    """Return the share of pixels that, with all eight neighbours, are far from every named colour."""
    table = np.array(colors, dtype=np.int64)
    if np.isin(np.unique(stored), pack(table.astype(np.uint8))).all():
        return 0.0
    far = np.pad(nearest_named(stored, table)[1] < 0, 1, mode="edge")
    height, width = stored.shape
    for down, right in product(range(3), range(3)):
        inside = far[down : down + height, right : right + width]
        shared = inside if (down, right) == (0, 0) else shared & inside
    return float(shared.mean())


def palette(path: Path, values: Int64[np.ndarray, " values"]) -> dict[int, int]:
    """Return the packed palette colour of each value in a palette file."""
    with open_image(path) as file:
        colors = np.array(file.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    return {value: int(pack(colors[value])) for value in values.tolist() if value < len(colors)}


def is_colored(mode: str, stored: np.ndarray) -> bool:
    """Whether stored values are packed colours."""
    return stored.dtype == np.int64 and not mode.startswith(("I", "F"))


def packed_to_rgb(stored: Int64[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Unpack the colours that `stored_mask` packed."""
    return np.stack([stored >> 16, stored >> 8 & 255, stored & 255], axis=-1).astype(np.uint8)
