"""The runs of an ensemble: those that are named, and those in folders that hold several."""

from collections.abc import Sequence
from pathlib import Path

from foveate.errors import UserError

WEIGHTS = "best.safetensors"


def runs_in(path: str | Path) -> tuple[Path, ...]:
    """Return the runs that lie directly in a folder, or in its folder runs; none if it is a run itself.

    So a cross-validation (`foveate fit --folds`) and an arm of a comparison (runs/ARM) stand for their runs.
    """
    folder = Path(path)
    if not folder.is_dir() or (folder / WEIGHTS).is_file():
        return ()
    for place in (folder, folder / "runs"):
        found = sorted(weights.parent for weights in place.glob(f"*/{WEIGHTS}"))
        if found:
            return tuple(found)
    return ()


def several_runs(paths: Sequence[str | Path]) -> tuple[str, ...]:
    """Return the runs that are meant by paths; folders with several runs are replaced by these.

    Raises `UserError` for a run that is named twice, and for no path.
    """
    runs = [str(run) for path in paths for run in (runs_in(path) or (path,))]
    if not runs:
        raise UserError("an ensemble needs at least one run")
    seen: set[str] = set()
    for run in runs:
        place = run if "://" in run else _place(run)
        if place in seen:
            raise UserError(
                f"--ensemble: {run} is given twice; give each run once, and --weights to count one more"
            )
        seen.add(place)
    return tuple(runs)


def _place(run: str) -> str:
    """Return one name for a run, which may be named by its folder or by its file of weights."""
    path = Path(run).resolve()
    return str(path.parent if path.name == WEIGHTS else path)
