"""The figures of a work: a registry. Each module of `figures` registers what it draws."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.errors import UserError, choose
from foveate.experiments.works.plan import WorkPlan
from foveate.experiments.works.tables import Filled
from foveate.shelves import import_shelf

FOLDER = "figures"


@dataclass(frozen=True)
class Picture:
    """A figure on disk, .png or .svg, and what it shows."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Canvas:
    """What a figure is drawn from. folder: for its files. options: from the work's file."""

    plan: WorkPlan
    tables: list[Filled]
    folder: Path
    options: Mapping[str, Any]


Draw = Callable[[Canvas], Iterable[Picture]]
_DRAWN: dict[str, Draw] = {}


def picture(name: str) -> Callable[[Draw], Draw]:
    """Register, by decorator, a function that draws the figures called `name` in the files of works."""

    def register(draw: Draw) -> Draw:
        if name in _DRAWN:
            raise ValueError(f"the figure '{name}' is registered twice")
        _DRAWN[name] = draw
        return draw

    return register


def picture_kinds() -> dict[str, Draw]:
    """Return all kinds of figures by name."""
    import_shelf("foveate.report.works.figures")
    return dict(sorted(_DRAWN.items()))


def check_pictures(names: Iterable[str]) -> None:
    """Raise `UserError` for a figure that is not known."""
    for name in names:
        choose(name, picture_kinds(), "figure of a work")


def draw_pictures(plan: WorkPlan, tables: list[Filled]) -> tuple[list[Picture], list[str]]:
    """Draw the figures that the file of a work names; return them, and why others could not be drawn.

    A figure without finished runs draws nothing.
    """
    known = picture_kinds()
    drawn: list[Picture] = []
    left_out: list[str] = []
    for name, options in plan.work.figures.items():
        draw = known[name]
        folder = plan.out / FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            drawn += draw(Canvas(plan, tables, folder, options or {}))
        except UserError as error:
            left_out.append(f"{name}: {error}")
        if not any(folder.iterdir()):
            folder.rmdir()
    return drawn, left_out
