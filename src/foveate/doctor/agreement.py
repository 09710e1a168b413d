"""Measure whether the outlines of a mask lie on the edges of its image.

Both are scaled to a square of `SIDE` pixels. One product in the frequency domain gives their correlation at
every displacement. If the mask fits its image, the correlation at displacement 0 exceeds that at all others,
by 10 standard deviations in street scenes and 6 in retina vessels. If it peaks elsewhere, the mask is
displaced or belongs to another image. Images with few edges at the outlines (polyps, roads from above) show
no peak, and the measure says nothing about them.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float32, UInt8
from PIL import Image
from scipy.ndimage import uniform_filter

SIDE = 128
NEAR = 2
"""Displacements up to this many pixels of `SIDE` count as none."""

FAR = 16
"""Largest displacement that is searched, in pixels of `SIDE`."""

_LOCAL = 31


@dataclass(frozen=True)
class Agreement:
    """How well a mask fits an image, in standard deviations of the correlation over all displacements.

    own: the correlation without displacement. best: the largest correlation within `FAR`. shift: pixels of
    `SIDE` (down, right) by which the mask must move to reach `best`.
    """

    own: float
    best: float
    shift: tuple[int, int]


def edges(grey: UInt8[np.ndarray, "side side"]) -> Float32[np.ndarray, "side side"]:
    """Return the edge strength of an image minus its local mean, scaled to norm 1."""
    pixels = grey.astype(np.float32)
    down, right = np.zeros_like(pixels), np.zeros_like(pixels)
    down[1:-1] = pixels[2:] - pixels[:-2]
    right[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    strength = np.sqrt(np.sqrt(down * down + right * right))
    return _unit(strength - uniform_filter(strength, _LOCAL))


def outlines(mask: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, "side side"]:
    """Return the density of a mask's outlines minus its mean, scaled to norm 1."""
    on = np.zeros(mask.shape, dtype=np.uint8)
    changes = mask[1:] != mask[:-1]
    on[1:] |= changes
    on[:-1] |= changes
    changes = mask[:, 1:] != mask[:, :-1]
    on[:, 1:] |= changes
    on[:, :-1] |= changes
    on *= 255
    small = Image.fromarray(on).resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=1.0)
    return _unit(np.asarray(small, dtype=np.float32))


def agree(
    image: Float32[np.ndarray, "side side"], mask: Float32[np.ndarray, "side side"]
) -> Agreement | None:
    """Compare the results of `edges` and `outlines`; None if one of them is all zero."""
    if not (image.any() and mask.any()):
        return None
    spectrum = scipy.fft.rfft2(image) * np.conj(scipy.fft.rfft2(mask))
    surface = scipy.fft.irfft2(spectrum, s=(SIDE, SIDE))
    surface /= surface.std()
    around = np.roll(surface, (FAR, FAR), (0, 1))[: 2 * FAR + 1, : 2 * FAR + 1]
    down, right = divmod(int(around.argmax()), 2 * FAR + 1)
    return Agreement(float(surface[0, 0]), float(around.max()), (down - FAR, right - FAR))


def _unit(values: Float32[np.ndarray, "side side"]) -> Float32[np.ndarray, "side side"]:
    values = values - values.mean()
    length = np.linalg.norm(values)
    return values / length if length > 1e-6 else np.zeros_like(values)
