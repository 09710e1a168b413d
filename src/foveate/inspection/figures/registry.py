"""Registry of the kinds of figures. Each file of this package registers its function; there is no list.

A figure draws some kinds of maps (a function of a `RecordedMap`) or the image (a function of a `View`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from foveate.inspection.subjects import RecordedMap, View
from foveate.shelves import import_shelf

Draw = Callable[[Any], Figure]


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure.

    order: its position on a page. summary: what it shows, in a line. suits: the `View`, or classes of maps,
    that it can draw.
    """

    name: str
    order: int
    summary: str
    suits: tuple[type, ...]
    draw: Draw


_kinds: dict[str, FigureKind] = {}


def figure(name: str, order: int, summary: str, *suits: type) -> Callable[[Draw], Draw]:
    """Register a function, by decorator, as the figure `name` for these classes of maps or for a `View`."""

    def add(draw: Draw) -> Draw:
        if name in _kinds:
            raise ValueError(f"figure '{name}' is already registered, by {_kinds[name].draw.__module__}")
        _kinds[name] = FigureKind(name, order, summary, suits, draw)
        return draw

    return add


def figure_kinds() -> tuple[FigureKind, ...]:
    """Return all kinds in the order in which they are shown.

    >>> [kind.name for kind in figure_kinds()][:3]
    ['panels', 'channels', 'spatial']
    """
    import_shelf(__package__)
    return tuple(sorted(_kinds.values(), key=lambda kind: (kind.order, kind.name)))


def figures_for(subject: View | RecordedMap) -> tuple[FigureKind, ...]:
    """Return the kinds that can draw this view or this recorded map."""
    drawn = {type(subject.map), subject.map.like} if isinstance(subject, RecordedMap) else {type(subject)}
    return tuple(kind for kind in figure_kinds() if drawn & set(kind.suits))
