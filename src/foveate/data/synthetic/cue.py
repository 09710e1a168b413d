"""Cue: the colour of a strip along the upper edge; which discs match it?"""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, scatter_below_strip

EACH = 3
"""Discs of each colour."""

INKS = np.array([(220, 80, 60), (70, 190, 90), (70, 120, 230)], dtype=np.float32)

WHY = (
    "Each colour is the right one in a third of the images, so a disc alone says nothing, and the strip is "
    "at least a quarter of the image away from every disc. What the strip shows has to reach every position: "
    "a context that is added everywhere (global_context), pairwise attention (nonlocal) and channel gates "
    "(se) can do that."
)


@drawing(
    "cue",
    classes=("background", "other", "match"),
    colors=((60, 60, 60), (150, 150, 170), (240, 190, 60)),
    summary="control: discs that match the colour of a strip along the upper edge",
    why=WHY,
)
def draw_cue(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Scene number `index`.

    >>> image, mask = draw_cue(0, (64, 64))
    >>> bool((mask == 1).sum() > (mask == 2).sum() > 0)
    True
    """
    random = np.random.default_rng((2, index))
    radius = min(size) / 16
    image = np.full((*size, 3), 30, dtype=np.float32)
    mask = np.zeros(size, dtype=np.uint8)
    match = random.integers(len(INKS))
    strip, centres = scatter_below_strip(random, EACH * len(INKS), radius, size)
    image[strip] = INKS[match]
    for number, centre in enumerate(centres):
        inside, ink = disc(size, centre, radius), number % len(INKS)
        image[inside] = INKS[ink]
        mask[inside] = 2 if ink == match else 1
    return noisy(random, image), mask
