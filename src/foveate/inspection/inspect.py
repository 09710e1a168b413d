"""Inspect a trained run: draw its attention maps on images as figures, and save them as numbers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from foveate.errors import UserError, choose
from foveate.files import write_whole
from foveate.inspection.figures.fonts import use_fonts
from foveate.inspection.figures.registry import FigureKind, figure_kinds, figures_for
from foveate.inspection.figures.style import save_figure
from foveate.inspection.image import inspect_image
from foveate.inspection.record import attention_of
from foveate.inspection.sources import Source, evenly_spaced, find_sources
from foveate.inspection.subjects import Pixel, RecordedMap, View
from foveate.inspection.values import save_values
from foveate.prediction.predictor import load
from foveate.specs.data import ANY_FOLDER, FolderChoice

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Drawing:
    """One figure on disk.

    figure: its kind. attention: the label, "" for the image itself. summary: what the figure shows.
    """

    path: Path
    figure: str
    attention: str
    summary: str


@dataclass
class Inspection:
    """The figures of a run.

    available: number of images that were found. drawings: the figures of each drawn image, by name. left_out:
    one error for each image that could not be drawn.
    """

    run: str
    arm: str
    out: Path
    available: int
    drawings: dict[str, list[Drawing]] = field(default_factory=dict)
    left_out: list[UserError] = field(default_factory=list)
    classes: tuple[str, ...] = ()


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
    folder: FolderChoice = ANY_FOLDER,
) -> Inspection:
    """Draw the attention of a run on at most `limit` evenly spaced images.

    images: an image, a folder of images, or a dataset, of which only `split` is used; None for the run's own
    data. pixels: (row, column) in the images from which pairwise attention is drawn; by default the centres
    of the image and of its quadrants. figures: names of `figure_kinds()`; by default all that can draw the
    run's maps. progress: called as `progress(done, images, name)` after each image.
    folder: what the user says about the folder of a dataset.

    Each image gets a folder in `out`: panels.png, one folder of figures for each attention, and maps.npz with
    maps.json. Existing files of these names are replaced.

    Raises `UserError` for a run without attention, for figures that are unknown or cannot draw the run's
    maps, and if no images are found. An image is left out if it cannot be read or a pixel lies outside it. If
    all are left out, the first error is raised.
    """
    kinds = _select_kinds(figures)
    predictor = load(run, device)
    if not attention_of(predictor.model) and {kind.name for kind in kinds} != {"panels"}:
        raise UserError(
            f"{run}: the run has no attention to look at (its arm is {predictor.facts.arm}); "
            "inspect one with an arm, as `foveate fit --arm cbam@decoder` trains it, or a transformer, which "
            "has attention of its own, or draw nothing but "
            "--figures panels"
        )
    if limit < 1:
        raise UserError(f"limit is {limit}; at least 1 image is needed to see anything")
    sources = find_sources(run, predictor.classes, images, split, folder)
    inspection = Inspection(str(run), predictor.facts.arm, Path(out), len(sources), classes=predictor.classes)
    chosen = evenly_spaced(sources, limit)
    folders = _folder_names(chosen)
    for done, source in enumerate(chosen, 1):
        try:
            image, truth = source.read()
            image = predictor.read(image) if isinstance(image, Path) else image
            view, maps = inspect_image(predictor, folders[source.name], image, truth, pixels)
        except UserError as error:
            inspection.left_out.append(error)
        else:
            inspection.drawings[view.name] = _draw(Path(out) / view.name, view, maps, kinds)
        if progress is not None:
            progress(done, len(chosen), source.name)
    if not inspection.drawings:
        raise inspection.left_out[0]
    return inspection


def _select_kinds(figures: Sequence[str]) -> tuple[FigureKind, ...]:
    names = [kind.name for kind in figure_kinds()]
    wanted = {choose(name, names, "figure") for name in figures} or set(names)
    return tuple(kind for kind in figure_kinds() if kind.name in wanted)


def _draw(folder: Path, view: View, maps: list[RecordedMap], kinds: Sequence[FigureKind]) -> list[Drawing]:
    plans = [(kind, subject) for subject in (view, *maps) for kind in figures_for(subject) if kind in kinds]
    if not plans:
        suitable = sorted({kind.name for subject in (view, *maps) for kind in figures_for(subject)})
        raise UserError(
            f"--figures: none of {', '.join(kind.name for kind in kinds)} suits what this run's attention "
            f"does; choose from: {', '.join(suitable)}"
        )
    drawings: list[Drawing] = []
    for kind, subject in plans:
        label = subject.label if isinstance(subject, RecordedMap) else ""
        subfolder = folder / _file_name(label) if label else folder
        subfolder.mkdir(parents=True, exist_ok=True)
        path = subfolder / f"{kind.name}.png"
        earlier = sum((drawing.figure, drawing.attention) == (kind.name, label) for drawing in drawings)
        if earlier:
            path = path.with_stem(f"{kind.name}-{earlier + 1}")
        with write_whole(path) as file:
            page = kind.draw(subject)
            use_fonts(page)
            save_figure(page, file, "png")
        drawings.append(Drawing(path, kind.name, label, kind.summary))
    if maps:
        save_values(folder, maps)
    return drawings


def _folder_names(sources: Sequence[Source]) -> dict[str, str]:
    """Return a unique folder name for each source, by the source's name.

    >>> _folder_names([Source("test/a", list), Source("test-a", list)])
    {'test/a': 'test-a', 'test-a': 'test-a-2'}
    """
    names: dict[str, str] = {}
    for source in sources:
        name = base = _file_name(source.name)
        number = 1
        while name in names.values():
            number += 1
            name = f"{base}-{number}"
        names[source.name] = name
    return names


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "-", name).strip(".") or "image"
