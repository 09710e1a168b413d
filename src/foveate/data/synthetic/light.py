"""Light: discs of known pigments under one coloured light; the white strip that shows it is far away."""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, scatter_below_strip

DISCS = 9
PIGMENTS = np.array([(0.75, 0.45, 0.45), (0.45, 0.75, 0.45), (0.45, 0.45, 0.75)], dtype=np.float32)
STRENGTH = 0.6
"""The light multiplies each channel by up to e to this power, or divides by it."""

WHY = (
    "The light turns one pigment's colour into another's, the background reflects nothing, and only the "
    "white strip, at least a quarter of the image away from every disc, shows the light. Channels have to "
    "be scaled by what the strip says: that is a channel gate (se), and global_context or nonlocal can carry "
    "it, too."
)


@drawing(
    "light",
    classes=("background", "red", "green", "blue"),
    colors=((60, 60, 60), (220, 90, 80), (90, 190, 100), (90, 120, 220)),
    summary="control: pigments under one coloured light, which a white strip along the upper edge shows",
    why=WHY,
)
def draw_light(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Scene number `index`.

    >>> image, mask = draw_light(0, (64, 64))
    >>> image.shape, int(mask.max())
    ((64, 64, 3), 3)
    """
    random = np.random.default_rng((3, index))
    radius = min(size) / 16
    light = np.exp(random.uniform(-STRENGTH, STRENGTH, 3))
    light *= 1.3 / light.max()
    image = np.zeros((*size, 3), dtype=np.float32)
    mask = np.zeros(size, dtype=np.uint8)
    strip, centres = scatter_below_strip(random, DISCS, radius, size)
    image[strip] = 190 * light
    for centre in centres:
        inside, pigment = disc(size, centre, radius), random.integers(len(PIGMENTS))
        image[inside] = 190 * PIGMENTS[pigment] * light
        mask[inside] = 1 + pigment
    return noisy(random, image), mask
