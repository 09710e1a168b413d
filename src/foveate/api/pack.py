"""`foveate.api.pack.pack`: one zip file from a run."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foveate.api.results import check_file
from foveate.errors import UserError
from foveate.models.weights_file import find_weights


@dataclass(frozen=True)
class PackedRun:
    """The zip file of a run, its size in bytes, and the names of the files in it."""

    path: Path
    bytes: int
    names: tuple[str, ...]


def pack(run: str | Path, out: str | Path | None = None, overwrite: bool = False) -> PackedRun:
    """Pack a run into one zip file, which `foveate.load`, `predict` and `export` take in place of the run.

    Args:
        run: a run directory.
        out: the zip file. Default: RUN.zip, beside the run.
        overwrite: replace an existing file.

    It holds the weights, the spec, the splits and the scores, and of a comparison's run the verdict; it holds
    no images and no optimiser state. Raises `UserError` for a folder that is not a run, an existing file, and
    a place that cannot be written to.
    """
    folder = find_weights(run).parent
    target = Path(out) if out is not None else folder.resolve().with_name(f"{folder.resolve().name}.zip")
    check_file(target, ".zip", overwrite)
    from foveate.experiments.verdict_on import verdict_on
    from foveate.models.packed import pack_run
    from foveate.watching.baseline import baseline_of

    # Drift can be told from a packed run alone: where the data are missing, it holds no baseline.
    with suppress(UserError):
        baseline_of(folder)
    names = pack_run(folder, target, verdict_on(folder))
    return PackedRun(target, target.stat().st_size, names)
