"""What the attention of trained runs does, drawn by `foveate inspect` on test images."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from foveate.experiments.works.plan import PlacedRun, WorkRuns
from foveate.inspection.inspect import inspect
from foveate.report.works.pictures import Canvas, Picture, picture


@picture("inspected")
def inspected(canvas: Canvas) -> Iterator[Picture]:
    """Draw the kinds of figures that the options name.

    Options: a list of mappings with `part`, `arms` (a pattern), `figures` (of `foveate inspect`), and as
    wanted `images` (1; always 1 at scale smoke). Of each part on each of its data, the first finished run
    that fits is drawn.
    """
    for wanted in canvas.options["draw"]:
        for runs in canvas.plan.runs:
            if runs.sweep.part != wanted["part"]:
                continue
            run = _first(runs, wanted.get("arms", "*"))
            if run is not None:
                yield from _drawn(canvas, runs, run, wanted)


def _first(runs: WorkRuns, pattern: str) -> PlacedRun | None:
    fits = (run for run in runs.placed if fnmatchcase(run.cell.arm, pattern) and run.mark)
    return next(fits, None)


def _drawn(canvas: Canvas, runs: WorkRuns, run: PlacedRun, wanted: dict) -> Iterator[Picture]:
    folder = canvas.folder / runs.sweep.part / runs.sweep.datum.name
    folder.mkdir(parents=True, exist_ok=True)
    limit = 1 if canvas.plan.scale_name == "smoke" else wanted.get("images", 1)
    found = inspect(run.folder, folder, figures=wanted["figures"], limit=limit)
    for name, drawings in found.drawings.items():
        for drawing in drawings:
            about = f"{run.cell.arm}, seed {run.cell.seed}, {runs.sweep.datum.heading}, {name}"
            yield Picture(drawing.path, f"{drawing.summary}: {about}")
