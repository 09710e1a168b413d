"""The registry of drawings, and what one of them is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Color, Task
from foveate.shelves import import_shelf

Size = tuple[int, int]
Draw = Callable[[int, Size], tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | int]]


@dataclass(frozen=True)
class Drawing:
    """One kind of drawn data.

    name: as in synthetic:NAME. classes, colors: in the order of their ids. size: height and width unless told
    otherwise. train: training images unless told otherwise. summary: a line on what is drawn. why: for a
    control, why a network that sees only locally cannot solve it, and what can; empty otherwise. draw: image
    number `index` at a size, RGB, with its class ids (255: ignored) or its label. Labels of images are
    `index % len(classes)`.
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    colors: tuple[Color, ...]
    size: Size
    train: int
    summary: str
    why: str
    draw: Draw

    @property
    def is_control(self) -> bool:
        """Whether it is known which attention helps here, and why."""
        return bool(self.why)


_DRAWINGS: dict[str, Drawing] = {}


def drawing(
    name: str,
    *,
    classes: tuple[str, ...],
    summary: str,
    why: str = "",
    task: Task = "segmentation",
    colors: tuple[Color, ...] = (),
    size: Size = (48, 48),
    train: int = 160,
) -> Callable[[Draw], Draw]:
    """Function decorator: register a drawing; the arguments are those of `Drawing`."""

    def register(draw: Draw) -> Draw:
        if name in _DRAWINGS:
            raise ValueError(f"the drawing '{name}' is registered twice")
        _DRAWINGS[name] = Drawing(name, task, classes, colors, size, train, summary, why, draw)
        return draw

    return register


def drawings() -> dict[str, Drawing]:
    """All drawings by name.

    >>> [name for name, drawn in drawings().items() if drawn.is_control]
    ['cue', 'light', 'same', 'search']
    """
    import_shelf(__package__)
    return dict(sorted(_DRAWINGS.items()))
