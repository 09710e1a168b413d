"""Kinds of figures by name: each file of this package registers its function and is found without a list.

A kind suits some maps (a function of a `Sight`) or the image itself (a function of a `View`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from foveate.inspection.subjects import Sight, View
from foveate.shelves import import_shelf

Draw = Callable[[Any], Figure]


@dataclass(frozen=True)
class FigureKind:
    """`order` is its place on a page; `summary` says in a line what it shows."""

    name: str
    order: int
    summary: str
    suits: tuple[type, ...]
    draw: Draw


_kinds: dict[str, FigureKind] = {}


def figure(name: str, order: int, summary: str, *suits: type) -> Callable[[Draw], Draw]:
    """Decorator that makes a function known as the figure `name` for these kinds of maps, or for a `View`."""

    def add(draw: Draw) -> Draw:
        if name in _kinds:
            raise ValueError(f"figure '{name}' is already registered, by {_kinds[name].draw.__module__}")
        _kinds[name] = FigureKind(name, order, summary, suits, draw)
        return draw

    return add


def figure_kinds() -> tuple[FigureKind, ...]:
    """All kinds in the order in which they are shown.

    >>> [kind.name for kind in figure_kinds()][:3]
    ['panels', 'channels', 'spatial']
    """
    import_shelf(__package__)
    return tuple(sorted(_kinds.values(), key=lambda kind: (kind.order, kind.name)))


def figures_for(subject: View | Sight) -> tuple[FigureKind, ...]:
    """The kinds that can draw a view, or a sight's map."""
    drawn = type(subject.found) if isinstance(subject, Sight) else type(subject)
    return tuple(kind for kind in figure_kinds() if drawn in kind.suits)
