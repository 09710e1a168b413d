"""Search: discs in two colours; which are the odd ones out?"""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, scatter

DISCS, RARE = 12, (2, 4)
"""Discs of a scene, and how many of them are of the rarer colour."""

INKS = np.array([(220, 90, 60), (60, 130, 220)], dtype=np.float32)

WHY = (
    "Either colour is the rare one in half of the images, so a disc alone says nothing. The discs have to "
    "be counted over the whole image, and what comes out has to reach every position: a context that is "
    "added everywhere (global_context) does that, and slower to learn, a channel gate (se)."
)


@drawing(
    "search",
    classes=("background", "common", "odd"),
    colors=((60, 60, 60), (90, 160, 220), (230, 120, 60)),
    summary="control: 12 discs in two colours, the rarer colour is odd",
    why=WHY,
)
def draw_search(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Scene number `index`.

    >>> image, mask = draw_search(0, (96, 96))
    >>> bool((mask == 1).sum() > (mask == 2).sum() > 0)
    True
    """
    random = np.random.default_rng((1, index))
    radius = min(size) / 16
    centres = scatter(random, DISCS, radius, (radius + 1,) * 2, (size[0] - radius - 1, size[1] - radius - 1))
    rare, odd = random.integers(RARE[0], RARE[1] + 1), random.integers(2)
    image = np.full((*size, 3), 30, dtype=np.float32)
    mask = np.zeros(size, dtype=np.uint8)
    for number, centre in enumerate(centres):
        inside, is_odd = disc(size, centre, radius), number < rare
        image[inside] = INKS[odd if is_odd else 1 - odd]
        mask[inside] = 2 if is_odd else 1
    return noisy(random, image), mask
