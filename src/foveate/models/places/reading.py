"""Which axes a tensor has, from its shapes in forwards on images of two sizes.

The axes that follow the image's size are spatial: 2 and 3 of `b c h w`, 1 and 2 of `b h w c`; an axis 1 that
follows its area counts tokens. A network that takes one size alone is read from one shape: both spatial axes
are then smaller than the image by the same factor. What the network's library says of its features decides
where several readings fit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from foveate.models.places.axes import Axes, Layout, Size

MAX_PREFIX = 16
"""The most tokens before the map that are looked for where the library does not say how many there are."""


@dataclass(frozen=True)
class Hints:
    """What a library says of a feature; None where it says nothing."""

    channels: int | None = None
    stride: float | None = None
    prefix: int | None = None
    layout: Layout | None = None
    folds: int = 0


NO_HINTS = Hints()


@dataclass(frozen=True)
class Seen:
    """The shape of a tensor in a forward on an image of a size."""

    image: Size
    shape: tuple[int, ...]


def read_axes(seen: Sequence[Seen], hints: Hints = NO_HINTS) -> Axes | str:
    """The axes of the tensor that was seen, on images of one size or two, or why they cannot be told.

    >>> read_axes([Seen((224, 224), (1, 56, 56, 96)), Seen((256, 224), (1, 64, 56, 96))]).layout
    'b h w c'
    >>> read_axes([Seen((224, 224), (1, 197, 192))])
    Axes(layout='b n c', stride=16, prefix=1, folds=0)
    >>> read_axes([Seen((224, 224), (1, 56, 56, 56))])  # doctest: +ELLIPSIS
    'of shape (1, 56, 56, 56), which fits both b c h w and b h w c, ...'
    """
    shape = seen[0].shape
    if len(shape) not in (3, 4):
        return f"of shape {shape} where b c h w, b h w c or tokens b n c are expected"
    moving = {axis for one in seen for axis in range(len(shape)) if one.shape[axis] != shape[axis]}
    if 0 in moving:
        return f"of shape {shape}, whose first axis follows the image's size: windows, not a map"
    if len(shape) == 3:
        return _read_tokens(seen, moving, hints)
    return _read_map(seen, moving, hints)


def _read_map(seen: Sequence[Seen], moving: set[int], hints: Hints) -> Axes | str:
    shape, image = seen[0].shape, seen[0].image
    layouts: tuple[tuple[Layout, int], ...] = (("b c h w", 2), ("b h w c", 1))
    if moving:
        taller, wider = (any(one.image[k] != image[k] for one in seen) for k in (0, 1))
        fitting = [
            layout
            for layout, first in layouts
            if moving == {axis for axis, moves in ((first, taller), (first + 1, wider)) if moves}
        ]
    else:
        fitting = [layout for layout, first in layouts if _even(image, shape[first : first + 2])] or [
            layout for layout, first in layouts if shape[first] == shape[first + 1]
        ]
    known = [layout for layout in fitting if hints.channels in (None, Axes(layout).channels(shape))]
    if len(known) > 1 and hints.layout in known:
        known = [hints.layout]
    if len(known) == 1:
        return Axes(known[0])
    if not fitting:
        return f"of shape {shape}, which is no map of an image of {image[0]}x{image[1]}"
    if not known:
        return f"of shape {shape}, and its library says that it has {hints.channels} channels"
    return (
        f"of shape {shape}, which fits both b c h w and b h w c, and the model takes no image of another "
        "size that would tell them apart: pass an example= that is not square, or name another module"
    )


def _even(image: Size, size: tuple[int, ...]) -> bool:
    """Whether an image was made smaller to `size` by one factor, within a pixel or a tenth."""
    columns = image[1] * size[0] / image[0]
    return size[0] <= image[0] and abs(columns - size[1]) <= max(1, columns / 10)


def _read_tokens(seen: Sequence[Seen], moving: set[int], hints: Hints) -> Axes | str:
    shape, image = seen[0].shape, seen[0].image
    if moving == {2}:
        return f"of shape {shape}, whose last axis follows the image's size: b c n, not tokens b n c"
    if hints.channels not in (None, shape[2]):
        return f"of shape {shape}, and its library says that it has {hints.channels} channels"
    if len(seen) > 1 and not moving:
        return f"of shape {shape}, which does not follow the image's size"
    fitting = [
        Axes("b n c", stride, prefix, hints.folds)
        for stride in _strides(image, hints.stride, exact=not moving)
        for prefix in _prefixes(seen, stride, hints.prefix)
    ]
    if fitting:
        return min(fitting, key=lambda axes: _unlikely(seen, axes, hints))
    return f"of shape {shape}, and {shape[1]} are not the tokens of a map of {image[0]}x{image[1]}"


def _unlikely(seen: Sequence[Seen], axes: Axes, hints: Hints) -> tuple:
    """The order of readings of tokens: few tokens before the map first, then strides that are hinted at."""
    uneven = sum(side % axes.stride != 0 for one in seen for side in one.image)
    surplus = axes.prefix > max(1, hints.prefix or 0)
    return surplus, axes.stride != hints.stride, axes.prefix, uneven


def _strides(image: Size, hinted: float | None, exact: bool) -> Iterable[float]:
    if hinted is not None:
        yield hinted
    for stride in range(1, 65):
        if not exact or (image[0] % stride == 0 and image[1] % stride == 0):
            yield stride


def _prefixes(seen: Sequence[Seen], stride: float, hinted: int | None) -> set[int]:
    """How many tokens may stand before a map at that stride: the same for all that was seen."""
    fitting = None
    for one in seen:
        rows, columns = ({ceil(side / stride), int(side / stride)} for side in one.image)
        found = {one.shape[1] - h * w for h in rows for w in columns}
        fitting = found if fitting is None else fitting & found
    allowed = range(MAX_PREFIX + 1) if hinted is None else (0, hinted)
    return {prefix for prefix in fitting or () if prefix in allowed}
