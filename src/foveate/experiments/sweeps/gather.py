"""Gather the runs of a sweep from its folder, done or not, as rows of a table."""

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.sweeps.marker import read_mark
from foveate.experiments.sweeps.plan import load_cells, load_sweep
from foveate.files import write_whole
from foveate.plain import to_plain
from foveate.training.run_directory import Run

RESULTS = "results.csv"

SCORES = ("miou", "dice", "accuracy", "mean_accuracy", "precision", "recall")
"""Scores on the test images, in [0, 1]."""

Row = dict[str, Any]


def rows_of_sweep(out: Path) -> Iterator[Row]:
    """Yield a row for each run of the sweep in a folder: what was asked for, its status, and its scores.

    status: "done", "failed", "under way", "waiting", or "changed" for a run directory that is not as the run
    left it; such a run has no scores.
    """
    swept = load_sweep(out).swept
    for digest, cell in load_cells(out):
        values = dict(cell.values)
        row = {"sweep": str(out), "data": cell.source, "arm": cell.arm}
        row |= {name: _plain(values.get(name)) for name in swept}
        row |= {"seed": cell.seed, "fold": cell.fold}
        yield row | _outcome(out, digest) | {"run": digest}


def _outcome(out: Path, digest: str) -> Row:
    folder = out / "runs" / digest
    empty = dict.fromkeys((*SCORES, "epochs", "best_epoch", "seconds", "parameters", "batch", "machine"))
    try:
        mark = read_mark(folder)
    except UserError:
        return {"status": "changed"} | empty
    if mark is None:
        failed = (out / "failures" / f"{digest}.txt").is_file()
        begun = Run(folder).spec_file.is_file()
        return {"status": "failed" if failed else "under way" if begun else "waiting"} | empty
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    result = Run(folder).result
    return {
        "status": "done",
        **{name: math.nan if scores.get(name) is None else scores[name] for name in SCORES},
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "parameters": mark.parameters,
        "batch": mark.batch,
        "machine": mark.host,
    }


def write_results(out: Path) -> Path:
    """Write results.csv into the folder of a sweep, a row for each run, and return its path."""
    path = out / RESULTS
    with write_whole(path, "w") as file:
        writer = None
        for row in rows_of_sweep(out):
            if writer is None:
                writer = csv.DictWriter(file, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
    return path


def _plain(value: Any) -> Any:
    """Return a swept value as a cell of a table: what is not a number or a text as JSON."""
    is_plain = value is None or isinstance(value, bool | int | float | str)
    return value if is_plain else json.dumps(to_plain(value))
