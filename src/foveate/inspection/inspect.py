"""Look at a trained run: maps of its attention on images, drawn as figures and kept as numbers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from foveate.errors import UserError, choose
from foveate.files import write_whole
from foveate.inspection.figures.registry import FigureKind, figure_kinds, figures_for
from foveate.inspection.look import look
from foveate.inspection.record import mechanisms
from foveate.inspection.sources import Source, find_sources, spread
from foveate.inspection.subjects import Pixel, Sight, View
from foveate.inspection.values import save_values
from foveate.prediction.predictor import load

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Drawing:
    """One figure on disk: of which attention ("" for the image itself), and what it shows."""

    path: Path
    figure: str
    attention: str
    summary: str


@dataclass
class Inspection:
    """What was drawn: by image, its figures; `available` images there were, `left_out` says why some were."""

    run: str
    arm: str
    out: Path
    available: int
    drawings: dict[str, list[Drawing]] = field(default_factory=dict)
    left_out: list[UserError] = field(default_factory=list)


def inspect(
    run: str | Path,
    out: str | Path,
    images: str | Path | None = None,
    split: str = "test",
    pixels: Sequence[Pixel] = (),
    figures: Sequence[str] = (),
    limit: int = 8,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Draw what the attention of a run does on at most `limit` images, evenly spread over those there are.

    `images`: an image, a folder of images, or a data set, of which `split` is taken; None stands for the
    run's own. `pixels`: (row, column) in the images for which pairwise attention is shown; by default the
    centre and those of the quadrants. `figures`: names of `figure_kinds()`; all that suit by default.
    `progress(done, images, name)` is called after each image.

    Each image gets a folder in `out`: panels.png, a folder for each attention with its figures, and maps.npz
    with maps.json. Files of the same names are replaced.

    Raises `UserError` for a run without attention, unknown or unsuitable figures, and images that cannot be
    found. One that cannot be read, or that a pixel lies outside of, is left out; the error is raised where
    no image is left.
    """
    kinds = _chosen(figures)
    predictor = load(run, device)
    if not mechanisms(predictor.model) and {kind.name for kind in kinds} != {"panels"}:
        raise UserError(
            f"{run}: the run has no attention to look at (its arm is {predictor.model.config['arm']}); "
            "inspect one with an arm, as `foveate fit --arm cbam@decoder` trains it, or draw nothing but "
            "--figures panels"
        )
    if limit < 1:
        raise UserError(f"limit is {limit}; at least 1 image is needed to see anything")
    sources = find_sources(run, predictor.classes, images, split)
    found = Inspection(str(run), predictor.model.config["arm"], Path(out), len(sources))
    chosen = spread(sources, limit)
    names = _folders(chosen)
    for done, source in enumerate(chosen, 1):
        try:
            view, sights = look(predictor, names[source.name], *source.read(), pixels)
        except UserError as error:
            found.left_out.append(error)
        else:
            found.drawings[view.name] = _draw(Path(out) / view.name, view, sights, kinds)
        if progress is not None:
            progress(done, len(chosen), source.name)
    if not found.drawings:
        raise found.left_out[0]
    return found


def _chosen(figures: Sequence[str]) -> tuple[FigureKind, ...]:
    names = [kind.name for kind in figure_kinds()]
    wanted = {choose(name, names, "figure") for name in figures} or set(names)
    return tuple(kind for kind in figure_kinds() if kind.name in wanted)


def _draw(folder: Path, view: View, sights: list[Sight], kinds: Sequence[FigureKind]) -> list[Drawing]:
    plans = [(kind, subject) for subject in (view, *sights) for kind in figures_for(subject) if kind in kinds]
    if not plans:
        there = sorted({kind.name for subject in (view, *sights) for kind in figures_for(subject)})
        raise UserError(
            f"--figures: none of {', '.join(kind.name for kind in kinds)} suits what this run's attention "
            f"does; there are: {', '.join(there)}"
        )
    drawings: list[Drawing] = []
    for kind, subject in plans:
        label = subject.label if isinstance(subject, Sight) else ""
        where = folder / _plain(label) if label else folder
        where.mkdir(parents=True, exist_ok=True)
        path = where / f"{kind.name}.png"
        twins = sum((drawing.figure, drawing.attention) == (kind.name, label) for drawing in drawings)
        if twins:
            path = path.with_stem(f"{kind.name}-{twins + 1}")
        with write_whole(path) as file:
            kind.draw(subject).savefig(file, format="png")
        drawings.append(Drawing(path, kind.name, label, kind.summary))
    if sights:
        save_values(folder, sights)
    return drawings


def _folders(sources: Sequence[Source]) -> dict[str, str]:
    """By name, a folder's name of its own.

    >>> _folders([Source("test/a", list), Source("test-a", list)])
    {'test/a': 'test-a', 'test-a': 'test-a-2'}
    """
    names: dict[str, str] = {}
    for source in sources:
        name = base = _plain(source.name)
        number = 1
        while name in names.values():
            number += 1
            name = f"{base}-{number}"
        names[source.name] = name
    return names


def _plain(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "-", name).strip(".") or "image"
