"""The files of a run directory.

spec.yaml          the run's spec, with the image size and batch that were chosen
splits.json        the stems of train, val and test
environment.json   versions, device, threads, precision, command line, and how the data were read
metrics.csv        one row per epoch
last.ckpt          the training state to resume from
best.safetensors   the weights with the best monitored value; prediction needs only this and config.json
result.json        the result, written when the run is complete
start.safetensors  the best weights of a finished run that was resumed for more epochs, until these are done
report.html        the page of the run, with gallery.npz (its pictures) and cost.json (size and time)
baseline.json      the signs of the validation images, from which drift is told
log.txt            what the process of a sweep's run has printed
tb/                TensorBoard's event files, if TensorBoard is installed
"""

import csv
import hashlib
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.files import leftover_parts, write_whole
from foveate.specs.run import RunSpec


@dataclass(frozen=True)
class RunResult:
    """The result of a finished run.

    epochs: number of epochs run; early stopping ends a run before `TrainingSpec.epochs`. best_epoch: counted
    from 1. best_score: validation score of the saved weights, in [0, 1]. score_name: "val_miou" or
    "val_accuracy". seconds: training time without interruptions.
    """

    folder: Path
    epochs: int
    best_epoch: int
    best_score: float
    score_name: str
    seconds: float


class Run:
    """Paths and readers of a run directory.

    >>> Run("runs/a").metrics_file.as_posix()
    'runs/a/metrics.csv'
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @property
    def spec_file(self) -> Path:
        return self.folder / "spec.yaml"

    @property
    def splits_file(self) -> Path:
        return self.folder / "splits.json"

    @property
    def environment_file(self) -> Path:
        return self.folder / "environment.json"

    @property
    def metrics_file(self) -> Path:
        return self.folder / "metrics.csv"

    @property
    def last_checkpoint(self) -> Path:
        return self.folder / "last.ckpt"

    @property
    def best_weights(self) -> Path:
        return self.folder / "best.safetensors"

    @property
    def start_weights(self) -> Path:
        return self.folder / "start.safetensors"

    @property
    def result_file(self) -> Path:
        return self.folder / "result.json"

    @property
    def log_file(self) -> Path:
        return self.folder / "log.txt"

    @property
    def cost_file(self) -> Path:
        return self.folder / "cost.json"

    @property
    def report_file(self) -> Path:
        return self.folder / "report.html"

    @property
    def is_complete(self) -> bool:
        """Whether training is finished. A run that goes on for more epochs is not, until these are done."""
        if not self.result_file.is_file():
            return False
        return not self.start_weights.is_file() or self.result.epochs > self.spec.after

    @property
    def spec(self) -> RunSpec:
        return RunSpec.load(self.spec_file)

    @property
    def splits(self) -> dict[str, list[str]]:
        """The stems of train, val and test."""
        return _read_json(self.splits_file)

    @property
    def splits_by_fold(self) -> dict[str, dict[str, list[str]]]:
        """The splits of each fold of a comparison; empty if it has one split."""
        record = _read_json(self.splits_file)
        return {} if "train" in record else record

    @property
    def environment(self) -> dict[str, Any]:
        return _read_json(self.environment_file)

    @property
    def result(self) -> RunResult:
        """The result of a complete run, or of its earlier part while it goes on for more epochs.

        Raises `UserError` if the run was never complete.
        """
        return RunResult(folder=self.folder, **_read_json(self.result_file))

    @property
    def result_fingerprint(self) -> str:
        """The SHA-256 of result.json, another one if the run went on; "" for a run that was never complete.

        Times of files do not tell whether it went on: machines may have set them by clocks that differ.
        """
        if not self.result_file.is_file():
            return ""
        return hashlib.sha256(self.result_file.read_bytes()).hexdigest()

    def metrics(self) -> list[dict[str, float]]:
        """Return the rows of metrics.csv: epoch, step, lr, losses, accuracies, validation scores, seconds.

        train_accuracy is that of augmented batches during the epoch. If attention has auxiliary losses,
        train_auxiliary is their sum.
        """
        try:
            with open(self.metrics_file, newline="", encoding="utf-8") as file:
                return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        except FileNotFoundError:
            message = f"{self.metrics_file}: does not exist yet; it is written after the first epoch"
            raise UserError(message) from None

    def write_spec(self, spec: RunSpec) -> None:
        spec.save(self.spec_file)

    def write_splits(self, splits: Mapping[str, Any]) -> None:
        """Write the stems of train, val and test; a comparison with folds has such a table for each fold."""
        _write_json(self.splits_file, splits)

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        _write_json(self.environment_file, environment)

    def write_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, fieldnames=names, restval=math.nan, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with write_whole(self.metrics_file) as file:
            file.write(text.getvalue().encode())

    def write_result(self, result: RunResult) -> None:
        fields = asdict(result)
        del fields["folder"]
        _write_json(self.result_file, fields)


def claim(folder: Path, resume: bool) -> list[Path]:
    """Create `folder` if it is missing and check that it can be written to; return the folders created.

    Half-written files of a killed process are removed. With `resume`, the files of a run that died before it
    wrote its spec are removed, too. Raises `UserError` if the folder cannot be written to, is not empty
    without `resume`, or holds files that belong to no run.
    """
    created = [path for path in (*reversed(folder.parents), folder) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        release(created)
        reason = error.strerror or error
        message = f"{folder}: cannot write there ({reason}); choose another folder for the run"
        raise UserError(message) from error
    parts = set(leftover_parts(folder))
    run = Run(folder)
    contents = set(folder.iterdir()) - parts - {run.log_file}
    if contents and not resume:
        raise UserError(
            f"{folder} exists and is not empty; resume the run in it with --resume, or choose another folder"
        )
    without_spec = set() if run.spec_file.is_file() else contents
    if not without_spec <= {run.splits_file, run.environment_file}:
        raise UserError(f"{folder} holds files but no spec.yaml: no run to resume; choose another folder")
    for path in parts | without_spec:
        path.unlink()
    return created


def release(created: Sequence[Path]) -> None:
    """Remove the folders that `claim` created; stop at the first that is not empty."""
    for path in reversed(created):
        try:
            path.rmdir()
        except OSError:
            return


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; is {path.parent} a complete run?") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error


def _write_json(path: Path, value: Any) -> None:
    with write_whole(path) as file:
        file.write((json.dumps(value, indent=2) + "\n").encode())
