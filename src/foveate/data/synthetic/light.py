"""Light: discs of known pigments under one coloured light; the white card that shows it is far away."""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, scatter, square

DISCS = 9
PIGMENTS = np.array([(0.75, 0.45, 0.45), (0.45, 0.75, 0.45), (0.45, 0.45, 0.75)], dtype=np.float32)
STRENGTH = 0.6
"""The light multiplies each channel by up to e to this power, or divides by it."""

WHY = (
    "The light turns one pigment's colour into another's, the background reflects nothing, and only the "
    "card, far from most discs, shows the light. Channels have to be scaled by what the card says: that "
    "is a channel gate (se), and global_context or nonlocal can carry it, too."
)


@drawing(
    "light",
    classes=("background", "red", "green", "blue"),
    colors=((60, 60, 60), (220, 90, 80), (90, 190, 100), (90, 120, 220)),
    summary="control: pigments under one coloured light, which a white card in the upper left corner shows",
    why=WHY,
)
def draw_light(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Scene number `index`.

    >>> image, mask = draw_light(0, (96, 96))
    >>> image.shape, int(mask.max())
    ((96, 96, 3), 3)
    """
    random = np.random.default_rng((3, index))
    radius, side = min(size) / 18, min(size) / 10
    light = np.exp(random.uniform(-STRENGTH, STRENGTH, 3))
    light *= 1.3 / light.max()
    image = np.zeros((*size, 3), dtype=np.float32)
    mask = np.zeros(size, dtype=np.uint8)
    image[square(size, np.array([side + 1, side + 1]), side)] = 190 * light
    low = (2 * side + radius + 3, radius + 1)
    centres = scatter(random, DISCS, radius, low, (size[0] - radius - 1, size[1] - radius - 1))
    for centre in centres:
        inside, pigment = disc(size, centre, radius), random.integers(len(PIGMENTS))
        image[inside] = 190 * PIGMENTS[pigment] * light
        mask[inside] = 1 + pigment
    return noisy(random, image), mask
