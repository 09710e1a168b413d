"""Pictures of masks, errors and attention: uint8 RGB arrays at the image's size.

Error maps are vermilion (wrong), pale (right) and grey (ignored), as in the report; these colours suit every
colour vision (Okabe and Ito 2008). Attention is in matplotlib's viridis: dark is low, bright is high.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer, Num, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw

from foveate.attention.maps import AttentionMap, ChannelMap, PairwiseMap
from foveate.data.pixels.masks import IGNORE
from foveate.data.pixels.palette import IGNORED, RIGHT, WRONG, Color
from foveate.errors import UserError

BAR = (0, 114, 178)

Rgb = UInt8[ndarray, "h w 3"]


def colorize(mask: Integer[ndarray, "h w"], colors: Sequence[Color]) -> Rgb:
    """Give each class id its colour; 255 and ids beyond the colours are grey.

    >>> colorize(np.array([[0, 1, 255]]), [(0, 0, 0), (9, 8, 7)]).tolist()
    [[[0, 0, 0], [9, 8, 7], [150, 150, 150]]]
    """
    table = np.full((256, 3), IGNORED, dtype=np.uint8)
    table[: len(colors)] = np.array(colors, dtype=np.uint8).reshape(-1, 3)
    return table[mask]


def overlay(image: Rgb, colored: Rgb, alpha: float = 0.5) -> Rgb:
    """Blend a coloured picture over an image of the same size; alpha 0 is the image, alpha 1 the colours.

    >>> overlay(np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8), alpha=0.25).tolist()
    [[[50, 50, 50]]]
    """
    return np.round(image * (1 - alpha) + colored * alpha).astype(np.uint8)


def over_image(image: Rgb, colored: Rgb) -> Rgb:
    """Blend the colours of a mask over its image. Black is background: the image is left as it is there.

    >>> over_image(np.full((1, 2, 3), 100, np.uint8), np.array([[[0, 0, 0], [200, 0, 0]]], np.uint8)).tolist()
    [[[100, 100, 100], [150, 50, 50]]]
    """
    return np.where(colored.any(-1, keepdims=True), overlay(image, colored), image)


def error_map(prediction: Integer[ndarray, "h w"], truth: Integer[ndarray, "h w"]) -> Rgb:
    """Colour wrong pixels vermilion, right ones pale, and ignored ones (truth 255) grey.

    >>> error_map(np.array([[1, 1, 1]]), np.array([[1, 0, 255]])).tolist()
    [[[222, 226, 230], [213, 94, 0], [150, 150, 150]]]
    """
    state = np.where(truth == IGNORE, 2, (prediction != truth).astype(np.int64))
    return np.array([RIGHT, WRONG, IGNORED], dtype=np.uint8)[state]


def spatial(attention: AttentionMap, index: int = 0, query: int = 0) -> Float[ndarray, "h w"] | None:
    """Return one value a position for image `index` of the batch (see `AttentionMap.picture`).

    For a factor map, the values are factors. None for a map without positions, such as a channel map.
    """
    values = attention.picture(index, query)
    return None if values is None else values.numpy()


def heat(
    values: Num[ndarray, "rows columns"], size: tuple[int, int] | None = None, colormap: str = "viridis"
) -> Rgb:
    """Colour values from their smallest (dark) to their largest (bright), enlarged smoothly to `size` (h, w).

    Values that are all equal give the middle colour.

    >>> heat(np.array([[0.0, 1.0]])).tolist()
    [[[68, 1, 84], [253, 231, 36]]]
    """
    from matplotlib import colormaps

    values = values.astype(np.float32)
    if size is not None and values.shape != tuple(size):
        resized = Image.fromarray(values).resize((size[1], size[0]), Image.Resampling.BILINEAR)
        values = np.asarray(resized)
    span = values.max() - values.min()
    scaled = (values - values.min()) / span if span > 0 else np.full_like(values, 0.5)
    return colormaps[colormap](scaled, bytes=True)[..., :3]


def attention_overlay(
    image: Rgb, attention: AttentionMap, index: int = 0, query: int = 0, alpha: float = 0.6
) -> Rgb:
    """Blend attention over the image; for a pairwise map, also mark the query with a ring.

    `index` is the image's index in the recorded batch. Raises `UserError` for a channel map: use
    `channel_bars`.
    """
    values = spatial(attention, index, query)
    if values is None:
        raise UserError("a channel map has no positions in the image; draw it with channel_bars")
    picture = overlay(image, heat(values, image.shape[:2]), alpha)
    if isinstance(attention, PairwiseMap):
        row, column = divmod(int(attention.queries[query]), attention.grid[1])
        center = ((row + 0.5) / attention.grid[0], (column + 0.5) / attention.grid[1])
        return _ring(picture, center[0] * image.shape[0], center[1] * image.shape[1])
    return picture


def channel_bars(attention: ChannelMap, index: int = 0, size: tuple[int, int] = (120, 240)) -> Rgb:
    """Draw a channel map of one image as bars: one a channel, from 0 to the largest factor (at least 1)."""
    height, width = size
    values = attention.factor[index].float().numpy()
    of_column = np.arange(width) * len(values) // width
    tops = values[of_column] / max(1.0, float(values.max()))
    filled = np.arange(height)[::-1, None] < np.round(tops * height)[None]
    return np.where(filled[..., None], np.uint8(BAR), np.uint8(255))


def picture(attention: AttentionMap, image: Rgb, index: int = 0, query: int = 0) -> Rgb:
    """Draw any map at the image's size: bars for a channel map, an overlay for maps with positions."""
    if isinstance(attention, ChannelMap):
        return channel_bars(attention, index, image.shape[:2])
    return attention_overlay(image, attention, index, query)


def _ring(rgb: Rgb, y: float, x: float) -> Rgb:
    canvas = Image.fromarray(rgb)
    radius = max(2.0, 0.02 * min(rgb.shape[:2]))
    draw = ImageDraw.Draw(canvas)
    for r, color in ((radius + 1, (0, 0, 0)), (radius, (255, 255, 255))):
        draw.ellipse((x - r, y - r, x + r, y + r), outline=color, width=max(1, round(radius / 3)))
    return np.asarray(canvas)
