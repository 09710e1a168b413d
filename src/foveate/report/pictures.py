"""Encode arrays as PNG data URIs, so that the report embeds its pictures."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from foveate.data.pixels.masks import IGNORE
from foveate.data.pixels.palette import IGNORED, MENDED, RIGHT, WRONG

ERROR_COLORS = {"right": RIGHT, "wrong": WRONG, "fixed": MENDED, "ignored": IGNORED}
"""Colours of an error map; "fixed" pixels are wrong for the host and right for the arm."""


def photo(image: np.ndarray) -> str:
    """Encode an RGB image, uint8 `h w 3`.

    >>> photo(np.zeros((2, 2, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    return _data_uri(Image.fromarray(image))


def classes(mask: np.ndarray, colors: Sequence[tuple[int, int, int]]) -> str:
    """Encode class ids, uint8 `h w`, in the colours of the classes; ignored pixels (255) are grey."""
    return _indexed(mask, {**dict(enumerate(colors)), IGNORE: IGNORED})


def errors(prediction: np.ndarray, truth: np.ndarray, host: np.ndarray | None = None) -> str:
    """Encode the error map of a prediction; with the host's prediction, also mark the errors that it fixes.

    All three are class ids, uint8 `h w`.
    """
    drawn = np.where(prediction == truth, 0, 1).astype(np.uint8)
    if host is not None:
        drawn[(prediction == truth) & (host != truth)] = 2
    drawn[truth == IGNORE] = 3
    return _indexed(drawn, dict(enumerate(ERROR_COLORS.values())))


def attention(image: np.ndarray, weights: np.ndarray) -> str:
    """Encode weights from 0 to 255 (uint8 `h w`) over a dark grey image (uint8 `h w 3`); bright is high."""
    height, width = image.shape[:2]
    heat = np.asarray(Image.fromarray(weights).resize((width, height), Image.Resampling.NEAREST))
    grey = np.asarray(Image.fromarray(image).convert("L"), np.float32)[..., None]
    share = heat.astype(np.float32)[..., None] / 255
    blend = 0.35 * grey * (1 - share) + _heat_colors()[heat] * (0.15 + 0.85 * share)
    picture = Image.fromarray(blend.clip(0, 255).astype(np.uint8))
    return _data_uri(picture.quantize(64, dither=Image.Dither.NONE))


def heat(weights: np.ndarray) -> str:
    """Encode weights from 0 to 255 (uint8 `h w`) in colour, one pixel a weight."""
    return _indexed(weights, dict(enumerate(map(tuple, _heat_colors().astype(int).tolist()))))


def _heat_colors() -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["inferno"](np.linspace(0.0, 1.0, 256))[:, :3].astype(np.float32) * 255


def _indexed(mask: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> str:
    palette = np.zeros((256, 3), np.uint8)
    for value, color in colors.items():
        palette[value] = color
    image = Image.fromarray(mask.astype(np.uint8), mode="P")
    image.putpalette(palette.tobytes())
    return _data_uri(image)


def _data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
