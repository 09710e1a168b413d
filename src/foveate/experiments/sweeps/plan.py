"""The runs of a sweep, each with its spec and its folder, and the record of them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.sweeps.swept_run import SweptRun
from foveate.files import write_whole
from foveate.models.create import resolve_encoder
from foveate.plain import from_plain, to_plain
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.sweep import Cell, SweepSpec
from foveate.verdicts.looks import Looks

CELLS, SPEC, WEIGHTS, LOOKS = "cells.jsonl", "sweep.json", "weights.json", "looks.json"
"""Files of a sweep: its runs, one a line; its spec; the weights that encoders with "auto" start from; the
numbers of trainings at which its verdicts were looked at."""


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: what it was asked for as, and its complete spec."""

    cell: Cell
    spec: RunSpec

    @cached_property
    def digest(self) -> str:
        return self.spec.digest

    def folder(self, out: Path) -> Path:
        """Return the run directory in the folder of the sweep."""
        return out / "runs" / self.digest


@dataclass(frozen=True)
class SweepPlan:
    """A sweep that is ready to start. Raises `UserError` if two of its runs are the same run."""

    spec: SweepSpec
    runs: tuple[PlannedRun, ...]

    def __post_init__(self):
        seen: dict[str, PlannedRun] = {}
        for run in self.runs:
            other = seen.setdefault(run.digest, run)
            if other is not run:
                raise UserError(
                    f"two runs of the sweep are the same: ({other.cell}) and ({run.cell}); leave one out, or "
                    "see whether the swept fields have an effect"
                )

    def jobs(self, out: Path, trainer_flags: Mapping[str, Any]) -> Iterator[SweptRun]:
        """Yield the runs as jobs, with the weights of encoders that are recorded in `out`."""
        weights = _read_weights(out)
        for run in self.runs:
            model = run.spec.model
            kept = weights.get(_encoder(model))
            model = resolve_encoder(model.continuing(ModelSpec(encoder_weights=kept)) if kept else model)
            spec = replace(run.spec, model=model).everywhere()
            folder = run.folder(out).absolute()
            yield SweptRun(run.spec, folder, spec, dict(trainer_flags), self.spec.smaller_batches)

    def save(self, out: Path) -> None:
        """Record the spec, the runs, and the weights that encoders with "auto" start from."""
        models = {_encoder(run.spec.model): run.spec.model for run in self.runs}
        known = _read_weights(out)
        found = {name: resolve_encoder(model).encoder_weights for name, model in models.items()}
        _write_json(out / WEIGHTS, found | known)
        _write_json(out / SPEC, to_plain(self.spec))
        with write_whole(out / CELLS, "w") as file:
            for run in self.runs:
                file.write(json.dumps({"run": run.digest, **to_plain(run.cell)}) + "\n")


def take_look(out: Path, units: int) -> None:
    """Record that the finished sweep in a folder is looked at with so many trainings of each combination."""
    looks = read_looks(out, units)
    _write_json(out / LOOKS, to_plain(looks.plan((units,)).take(units)))


def read_looks(out: Path, units: int) -> Looks:
    """Return the looks at the sweep in a folder; a single one at so many trainings if none is recorded."""
    if not (out / LOOKS).is_file():
        return Looks.once(units).take(units)
    return from_plain(Looks, _read_json(out / LOOKS))


def load_sweep(out: Path) -> SweepSpec:
    """Read the spec of the sweep in a folder. Raises `UserError` if there is none, or it cannot be read."""
    return from_plain(SweepSpec, _read_json(out / SPEC))


def load_cells(out: Path) -> Iterator[tuple[str, Cell]]:
    """Yield the digest and the cell of each run of the sweep in a folder."""
    with (out / CELLS).open(encoding="utf-8") as file:
        for line in file:
            plain = json.loads(line)
            digest = plain.pop("run")
            values = tuple((name, value) for name, value in plain.pop("values"))
            yield digest, Cell(**plain, values=values)


def _encoder(model: ModelSpec) -> str:
    return f"{model.arch}/{model.encoder}"


def _read_weights(out: Path) -> dict[str, str]:
    return _read_json(out / WEIGHTS) if (out / WEIGHTS).is_file() else {}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path.parent}: holds no sweep ({path.name} is missing)") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); run the sweep again to write it anew") from None


def _write_json(path: Path, value: Any) -> None:
    with write_whole(path, "w") as file:
        json.dump(value, file, indent=1)
