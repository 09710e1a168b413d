"""Cue: a framed sign shows a colour; which discs match it?"""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, scatter, square

EACH = 3
"""Discs of each colour."""

INKS = np.array([(220, 80, 60), (70, 190, 90), (70, 120, 230)], dtype=np.float32)

WHY = (
    "Each colour is the right one in a third of the images, so a disc alone says nothing, and the sign is "
    "far from most discs. What the sign shows has to reach every position: global gates (se, cbam, "
    "global_context) and pairwise attention (nonlocal) can do that."
)


@drawing(
    "cue",
    classes=("background", "other", "match"),
    colors=((60, 60, 60), (150, 150, 170), (240, 190, 60)),
    summary="control: discs that match the colour of a framed sign in the upper left corner",
    why=WHY,
)
def draw_cue(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Scene number `index`.

    >>> image, mask = draw_cue(0, (96, 96))
    >>> bool((mask == 1).sum() > (mask == 2).sum() > 0)
    True
    """
    random = np.random.default_rng((2, index))
    radius, side = min(size) / 18, min(size) / 10
    image = np.full((*size, 3), 30, dtype=np.float32)
    mask = np.zeros(size, dtype=np.uint8)
    match = random.integers(len(INKS))
    sign = np.array([side + 1, side + 1])
    image[square(size, sign, side)] = 235
    image[square(size, sign, 0.65 * side)] = INKS[match]
    low = (2 * side + radius + 3, radius + 1)
    centres = scatter(random, EACH * len(INKS), radius, low, (size[0] - radius - 1, size[1] - radius - 1))
    for number, centre in enumerate(centres):
        inside, ink = disc(size, centre, radius), number % len(INKS)
        image[inside] = INKS[ink]
        mask[inside] = 2 if ink == match else 1
    return noisy(random, image), mask
