"""Masks as they are stored, whatever is wrong with them."""

from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import ImageOps

from foveate.data.images import open_image


def pack(colors: UInt8[np.ndarray, "*axes 3"]) -> Int64[np.ndarray, "*axes"]:
    """Each colour as one number.

    >>> pack(np.array([0, 1, 2], dtype=np.uint8))
    array(258)
    """
    red, green, blue = np.moveaxis(colors.astype(np.int64), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)


def stored_mask(path: Path, colored: bool = False) -> tuple[np.ndarray, str, str]:
    """A mask's stored values, upright, whatever they are: `h w` of ids or of packed colours; mode, format.

    Colours are taken for ids where all of them are grey, unless all masks are known to be `colored`.
    Raises `DataError` where there is nothing to decode.
    """
    with open_image(path) as file:
        mode, kind = file.mode, file.format or "?"
        upright = ImageOps.exif_transpose(file)
        if upright.mode in ("L", "P", "1") and not colored:
            return np.asarray(upright).astype(np.uint8), mode, kind
        if upright.mode.startswith(("I", "F")):
            return np.rint(np.asarray(upright)).astype(np.int64), mode, kind
        channels = np.asarray(upright.convert("RGB"))
    if not colored and (channels == channels[..., :1]).all():
        return channels[..., 0], mode, kind
    return pack(channels), mode, kind


def palette(path: Path, values: Int64[np.ndarray, " values"]) -> dict[int, int]:
    """By value, the colour that a palette file shows it in, packed."""
    with open_image(path) as file:
        colors = np.array(file.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    return {value: int(pack(colors[value])) for value in values.tolist() if value < len(colors)}


def is_colored(mode: str, stored: np.ndarray) -> bool:
    """Whether stored values are packed colours."""
    return stored.dtype == np.int64 and not mode.startswith(("I", "F"))


def packed_to_rgb(stored: Int64[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Colours that `stored_mask` packed, as they were."""
    return np.stack([stored >> 16, stored >> 8 & 255, stored & 255], axis=-1).astype(np.uint8)
