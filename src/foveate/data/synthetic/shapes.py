"""What the controls are drawn of: places that do not touch, discs, and a dark background with noise."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from foveate.data.synthetic.drawing import Size


def scatter(
    random: np.random.Generator,
    count: int,
    radius: float,
    low: tuple[float, float],
    high: tuple[float, float],
) -> Float[np.ndarray, "count 2"]:
    """Centres (row, column) between two corners, in pixels, at least 2.4 radii from each other.

    Where the room runs out, the distance shrinks step by step.
    """
    centres: list[np.ndarray] = []
    distance = 2.4 * radius
    while len(centres) < count:
        for _ in range(200):
            centre = random.uniform(low, high)
            if all(np.linalg.norm(centre - other) >= distance for other in centres):
                centres.append(centre)
                break
        else:
            distance *= 0.9
    return np.array(centres)


def scatter_below_strip(
    random: np.random.Generator, count: int, radius: float, size: Size
) -> tuple[slice, Float[np.ndarray, "count 2"]]:
    """The rows of a strip along the upper edge, and centres of discs a quarter of the image or more below it.

    The strip is an eighth of the image high.
    """
    height = max(1, size[0] // 8)
    low = (height + size[0] / 4 + radius, radius + 1)
    return slice(height), scatter(random, count, radius, low, (size[0] - radius - 1, size[1] - radius - 1))


def disc(size: Size, centre: Float[np.ndarray, "2"], radius: float) -> Bool[np.ndarray, "h w"]:
    """Whether each pixel lies in a disc."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    return (rows + 0.5 - centre[0]) ** 2 + (columns + 0.5 - centre[1]) ** 2 <= radius**2


def square(size: Size, centre: Float[np.ndarray, "2"], half: float) -> Bool[np.ndarray, "h w"]:
    """Whether each pixel lies in an upright square."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    return np.maximum(abs(rows + 0.5 - centre[0]), abs(columns + 0.5 - centre[1])) <= half


def noisy(random: np.random.Generator, image: Float[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """An image in 0 to 255 with the noise of a sensor."""
    return np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
