"""Look at a trained run: maps of its attention on images, drawn as figures and kept as numbers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from foveate.attention.maps import MaskMap, MemoryMap, PairwiseMap, SpatialMap
from foveate.data.errors import DataError
from foveate.data.files import write_whole
from foveate.errors import UserError, choose
from foveate.evaluation.predictor import Predictor, load
from foveate.inspection.figures.registry import FigureKind, figure_kinds, figures_for
from foveate.inspection.record import mechanisms, record
from foveate.inspection.sources import Source, find_sources, spread
from foveate.inspection.subjects import (
    Pixel,
    Sight,
    Size,
    View,
    cell_of,
    coverage,
    sampled_rows,
    spread_pixels,
)
from foveate.inspection.values import save_values
from foveate.models.attach import gate_of

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
    """What was drawn: by image, its figures; `available` images there were, `unread` could not be read."""

    run: str
    arm: str
    out: Path
    available: int
    drawings: dict[str, list[Drawing]] = field(default_factory=dict)
    unread: list[DataError] = field(default_factory=list)


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

    Raises `UserError` for a run without attention, pixels outside an image, unknown or unsuitable figures,
    and images that cannot be found; one that cannot be read is left out.
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
            picture, truth = source.read()
        except DataError as error:
            found.unread.append(error)
        else:
            view, sights = look(predictor, names[source.name], picture, truth, pixels)
            found.drawings[view.name] = _draw(Path(out) / view.name, view, sights, kinds)
        if progress is not None:
            progress(done, len(chosen), source.name)
    return found


def look(
    predictor: Predictor, name: str, image, truth=None, pixels: Sequence[Pixel] = ()
) -> tuple[View, list[Sight]]:
    """Predict one image (uint8 `h w 3`) and record every map on the way."""
    size = image.shape[:2]
    pixels = tuple(pixels) or spread_pixels(size)
    for row, column in pixels:
        if not (0 <= row < size[0] and 0 <= column < size[1]):
            raise UserError(
                f"pixel {row},{column} lies outside {name}, which is {size[0]}x{size[1]} (height x width); "
                f"give rows from 0 to {size[0] - 1} and columns from 0 to {size[1] - 1}"
            )
    model, fed = predictor.model, predictor.size or size
    padded = model.padded(fed)

    def queries(height: int, width: int) -> torch.Tensor:
        covers = coverage((height, width), fed, padded)
        cells = [cell_of(pixel, size, (height, width), covers) for pixel in pixels]
        return torch.cat([torch.tensor(cells), sampled_rows(height, width)])

    view = View(name, image, predictor.predict(image), truth)
    if not (modules := mechanisms(model)):
        return view, []
    # One pass as the image is: a prediction may be the mean of several views.
    with torch.inference_mode(), record(model, queries, features=True) as recording:
        model(predictor.prepared(image))
    sights = []
    for label, maps in recording.maps.items():
        inputs, output = recording.features[label][-1]
        gate, before, after = gate_of(model, modules[label]), inputs[0][0], output[0]
        for number, one in enumerate(maps):
            covers, of_keys = _covers(one, inputs, fed, padded)
            sights.append(Sight(view, label, number, one, covers, of_keys, pixels, before, after, gate))
    return view, sights


def _covers(
    found: AttentionMap, inputs: tuple[torch.Tensor, ...], fed: Size, padded: Size
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Which share of a map lies over the image, and of what an across-levels map looks at."""
    if isinstance(found, AcrossLevelsMap):
        # Patches are cut from the first input and from the last; a rest at the border belongs to none.
        queries = tuple(side / (found.patch_size * n) for side, n in zip(fed, found.grid, strict=True))
        scales = (side / length for side, length in zip(padded, inputs[-1].shape[-2:], strict=True))
        patches = zip(fed, scales, found.feature_grid, strict=True)
        keys = tuple(side / (found.patch_size * scale * cells) for side, scale, cells in patches)
        return queries, keys
    if isinstance(found, SpatialMap | MaskMap | MemoryMap):
        grid = tuple(found.values.shape[-2:])
    else:
        grid = found.grid if isinstance(found, PairwiseMap) else tuple(inputs[0].shape[-2:])
    return coverage(grid, fed, padded), (1.0, 1.0)


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
        twins = sum(
            drawing.path.stem.split("-")[0] == kind.name and drawing.attention == label
            for drawing in drawings
        )
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

    >>> _folders([Source("test/a", None), Source("test-a", None)])
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
