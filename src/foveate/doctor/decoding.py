"""Decode masks as they are stored, without judging their values."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from foveate.data.pixels.images import open_image
from foveate.data.pixels.masks import pack
from foveate.data.pixels.orientation import upright
from foveate.data.pixels.palette import Color
from foveate.data.pixels.stored import Stored, read_stored, whole_values

SAME_COLOR = 24.0
"""Euclidean distance in RGB up to which a colour counts as a named colour that JPEG changed a little."""


@dataclass(frozen=True)
class Decoded:
    """A mask as it is stored, upright. mode, format: as in `Stored`.

    values: uint8 ids, int64 numbers of deeper masks, or int64 packed colours if `colored`. in_alpha: whether
    they are those of the alpha channel. bits: as in `Stored`.
    """

    values: Integer[np.ndarray, "h w"]
    mode: str
    format: str
    colored: bool = False
    in_alpha: bool = False
    bits: int = 8


def stored_mask(path: Path, colored: bool = False) -> Decoded:
    """Decode a mask. One in RGB that is grey everywhere gives ids, unless `colored`.

    Raises `DataError` if the file cannot be decoded, and for fractions.
    """
    stored = read_stored(path)
    mode, file_format = stored.mode, stored.format
    if colored:
        with open_image(path) as file:
            return Decoded(pack(np.asarray(upright(file).convert("RGB"))), mode, file_format, True)
    channels = stored.channels
    if _is_shape_in_alpha(stored):
        return Decoded(whole_values(stored.alpha, path), mode, file_format, in_alpha=True)
    if channels.shape[-1] == 3 and (channels != channels[..., :1]).any():
        return Decoded(pack(channels), mode, file_format, True)
    values = channels[..., 0]
    if values.dtype.kind == "f":
        values = whole_values(values, path)
    whole = values if values.dtype == np.uint8 else values.astype(np.int64)
    return Decoded(whole, mode, file_format, bits=stored.bits)


def _is_shape_in_alpha(stored: Stored) -> bool:
    """Whether a mask is of a single colour, and transparent in places."""
    if stored.alpha is None or not (stored.channels == stored.channels[:1, :1]).all():
        return False
    return bool(stored.alpha.min() < stored.alpha.max() or not stored.alpha.any())


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


def packed_to_rgb(stored: Int64[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Unpack the colours that `stored_mask` packed."""
    return np.stack([stored >> 16, stored >> 8 & 255, stored & 255], axis=-1).astype(np.uint8)
