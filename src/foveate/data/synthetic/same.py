"""Same: a symbol at the left, a symbol at the right; are they of one kind?"""

import numpy as np
from jaxtyping import UInt8

from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, square

INKS = np.array([(220, 80, 60), (70, 190, 90), (70, 120, 230), (225, 190, 60)], dtype=np.float32)
SHAPES = (disc, square)

WHY = (
    "Each symbol alone says nothing. The classifier's mean over positions adds up what is seen at each, "
    "and no sum tells whether two agree. A product of two positions does: pairwise attention (nonlocal), "
    "or a gate by the global mean (se, global_context)."
)


@drawing(
    "same",
    task="classification",
    classes=("different", "same"),
    size=(64, 128),
    train=320,
    summary="control: are the symbols at the left and at the right of one kind?",
    why=WHY,
)
def draw_same(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], int]:
    """Image number `index`, and 1 where its two symbols are of one kind; every second one is.

    >>> [draw_same(index, (64, 128))[1] for index in range(4)]
    [0, 1, 0, 1]
    """
    random = np.random.default_rng((4, index))
    same = index % 2
    kinds = [(shape, ink) for shape in range(len(SHAPES)) for ink in range(len(INKS))]
    left, right = random.choice(len(kinds), 2, replace=False)
    half = min(size) / 8
    image = np.full((*size, 3), 30, dtype=np.float32)
    edge = half + 2
    for kind, (low, high) in (
        (left, (edge, max(edge + 1, 0.2 * size[1]))),
        (left if same else right, (min(size[1] - edge - 1, 0.8 * size[1]), size[1] - edge)),
    ):
        shape, ink = kinds[kind]
        centre = np.array([random.uniform(edge, size[0] - edge), random.uniform(low, high)])
        image[SHAPES[shape](size, centre, half)] = INKS[ink]
    return noisy(random, image), same
