"""Same: a disc at the left, a disc at the right; are they of one colour?"""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy

INKS = np.array([(220, 80, 60), (70, 190, 90), (70, 120, 230)], dtype=np.float32)

WHY = (
    "Each disc alone says nothing. The classifier's mean over positions adds up what is seen at each, and no "
    "sum tells whether two agree. Products of what two positions or two channels see tell it: attention over "
    "positions (nonlocal), and over channels, too (dual)."
)


@drawing(
    "same",
    task="classification",
    classes=("different", "same"),
    size=(48, 96),
    train=320,
    summary="control: are the discs at the left and at the right of one colour?",
    why=WHY,
)
def draw_same(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], int]:
    """Image number `index`, and 1 where its two discs are of one colour; every second one is.

    >>> [draw_same(index, (48, 96))[1] for index in range(4)]
    [0, 1, 0, 1]
    """
    random = np.random.default_rng((4, index))
    same = index % 2
    left, right = random.choice(len(INKS), 2, replace=False)
    radius = min(size) / 5
    image = np.full((*size, 3), 30, dtype=np.float32)
    edge = radius + 2
    for ink, (low, high) in (
        (left, (edge, max(edge + 1, 0.2 * size[1]))),
        (left if same else right, (min(size[1] - edge - 1, 0.8 * size[1]), size[1] - edge)),
    ):
        centre = np.array([random.uniform(edge, size[0] - edge), random.uniform(low, high)])
        image[disc(size, centre, radius)] = INKS[ink]
    return noisy(random, image), same
