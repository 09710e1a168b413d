"""Leaves: a leaf on soil, healthy or with the signs of one of four diseases."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import noisy

CLASSES = ("blight", "streak", "mottle", "mosaic", "healthy")
BROWN, YELLOW, PALE = (
    np.array(color, dtype=np.float32) for color in ((110, 72, 40), (205, 190, 70), (170, 200, 150))
)


@drawing(
    "leaves",
    task="classification",
    classes=CLASSES,
    size=(96, 96),
    summary="leaves with brown spots, yellow streaks, pale blotches, a yellow patchwork, or healthy",
)
def draw_leaf(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], int]:
    """Image number `index`, with its class.

    >>> draw_leaf(3, (48, 48))[1], draw_leaf(3, (48, 48))[0].shape
    (3, (48, 48, 3))
    """
    random = np.random.default_rng((5, index))
    label = index % len(CLASSES)
    height, width = size
    rows, columns = np.mgrid[:height, :width] / (max(size) - 1) - 0.5
    turn = random.uniform(0, np.pi)
    along = rows * np.sin(turn) + columns * np.cos(turn) + random.normal(0, 0.03)
    across = rows * np.cos(turn) - columns * np.sin(turn) + random.normal(0, 0.03)
    long, wide = random.uniform(0.36, 0.46), random.uniform(0.16, 0.26)
    shape = (along / long) ** 2 + (across / wide) ** 2
    leaf = shape < 1 + 0.25 * _cloud(random, size, 5)
    soil = np.array((96, 78, 60)) * random.uniform(0.7, 1.2) + 14 * _cloud(random, size, 9)[..., None]
    green = np.array((72, 128, 58)) * random.uniform(0.75, 1.25) + 10 * _cloud(random, size, 7)[..., None]
    veins = abs(np.sin((along + abs(across)) * random.uniform(38, 52))) < 0.12
    green = np.where((veins | (abs(across) < 0.008))[..., None], green * 1.18, green)
    image = np.where(leaf[..., None], green, soil).astype(np.float32)
    strength = random.uniform(0.55, 0.95)
    if CLASSES[label] != "healthy":
        ill, color = _signs(random, CLASSES[label], size, along, across, shape)
        image = np.where((leaf & ill)[..., None], (1 - strength) * image + strength * color, image)
    return noisy(random, image * random.uniform(0.8, 1.15)), label


def _signs(
    random: np.random.Generator,
    disease: str,
    size: Size,
    along: Float[np.ndarray, "h w"],
    across: Float[np.ndarray, "h w"],
    shape: Float[np.ndarray, "h w"],
) -> tuple[Bool[np.ndarray, "h w"], Float[np.ndarray, "3"]]:
    """Where a disease shows, and in which colour."""
    if disease == "blight":  # from the edge inwards
        return _cloud(random, size, 10) + 1.6 * (shape - 0.75) > 0.55, BROWN
    if disease == "streak":  # along the veins
        return np.sin((along + abs(across)) * random.uniform(24, 34)) + 0.5 * _cloud(
            random, size, 6
        ) > 0.85, YELLOW
    if disease == "mottle":
        return _cloud(random, size, 14) > 0.9, PALE
    return _cloud(random, size, 7) > 0.25, YELLOW


def _cloud(random: np.random.Generator, size: Size, cells: int) -> Float[np.ndarray, "h w"]:
    """A smooth random field of mean 0 and deviation 1, with so many bumps a side."""
    coarse = random.normal(0, 1, (cells, cells))
    field = ndimage.zoom(coarse, (size[0] / cells, size[1] / cells), order=3, mode="nearest", grid_mode=True)
    return (field - field.mean()) / max(float(field.std()), 1e-6)
