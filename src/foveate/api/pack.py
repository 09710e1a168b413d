"""`foveate.api.pack.pack`: one zip file from a run."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foveate.api.ensemble import run_folders, settled_temperature
from foveate.api.results import check_file
from foveate.errors import UserError
from foveate.models.several import several_runs
from foveate.models.weights_file import find_weights, run_folder


@dataclass(frozen=True)
class PackedRun:
    """The zip file of a run, its size in bytes, and the names of the files in it."""

    path: Path
    bytes: int
    names: tuple[str, ...]


def pack(
    run: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    overwrite: bool = False,
    weights: Sequence[float] = (),
    temperature: float | str = 1.0,
) -> PackedRun:
    """Pack a run into one zip file, which `foveate.load`, `predict` and `export` take in place of the run.

    Several runs become one predictor, which `foveate.load`, `predict` and `serve` take.

    Args:
        run: a run directory; several, or a folder that holds several, for an ensemble.
        out: the zip file. Default: RUN.zip, beside the run.
        overwrite: replace an existing file.
        weights, temperature: of an ensemble, as in `foveate.evaluate_ensemble`.

    It holds the weights, the spec, the splits and the scores, and of a comparison's run the verdict; it holds
    no images and no optimiser state. Raises `UserError` for a folder that is not a run, an existing file, and
    a place that cannot be written to.
    """
    given = [run] if isinstance(run, str | Path) else list(run)
    runs = several_runs(given)
    if len(runs) > 1:
        return _pack_several(runs, Path(given[0]), out, overwrite, weights, temperature)
    folder = run_folder(find_weights(next(iter(runs))))
    target = Path(out) if out is not None else folder.resolve().with_name(f"{folder.resolve().name}.zip")
    check_file(target, ".zip", overwrite)
    if weights or str(temperature) not in ("1", "1.0"):
        raise UserError(f"--weights, --temperature: {folder} is a single run; these are for several")
    from foveate.experiments.verdict_on import verdict_on
    from foveate.models.packed import pack_run
    from foveate.watching.baseline import baseline_of

    # Drift can be told from a packed run alone: where the data are missing, it holds no baseline.
    with suppress(UserError):
        baseline_of(folder)
    names = pack_run(folder, target, verdict_on(folder))
    return PackedRun(target, target.stat().st_size, names)


def _pack_several(
    runs: Sequence[str],
    first: Path,
    out: str | Path | None,
    overwrite: bool,
    weights: Sequence[float],
    temperature: float | str,
) -> PackedRun:
    folders = run_folders(runs)
    place = first.resolve()
    target = Path(out) if out is not None else place.with_name(f"{place.name}-ensemble.zip")
    check_file(target, ".zip", overwrite)
    from foveate.experiments.verdict_on import verdict_on
    from foveate.prediction.ensemble_file import pack_ensemble
    from foveate.prediction.predictor import load

    number = settled_temperature(folders, weights, temperature)
    ensemble = load(folders, "cpu", weights, number).model  # whether the runs go together
    names = pack_ensemble(
        [(folder, verdict_on(folder)) for folder in folders], target, ensemble.weights, number
    )
    return PackedRun(target, target.stat().st_size, names)
