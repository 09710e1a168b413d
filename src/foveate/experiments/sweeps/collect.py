"""Find the sweeps and comparisons in a folder, and gather their runs and their questions."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foveate.errors import UserError
from foveate.experiments.result import load_comparison
from foveate.experiments.sweeps.family import Entry, entries_of_comparison, entries_of_sweep, family_of
from foveate.experiments.sweeps.gather import Row, rows_of_sweep
from foveate.experiments.sweeps.plan import SPEC

COMPARISON = "comparison.json"


@dataclass(frozen=True)
class Collection:
    """All results in a folder.

    rows: one for each run. entries: one for each complete combination, with the verdicts of the family.
    left_out: what could not be read, and why.
    """

    rows: list[Row]
    entries: list[Entry]
    left_out: list[str]

    @property
    def questions(self) -> int:
        """The number of questions over which p-values are adjusted."""
        return sum(entry.difference is not None and entry.asks for entry in self.entries)


def collect(folder: str | Path) -> Collection:
    """Gather all sweeps and comparisons in a folder and its subfolders.

    Raises `UserError` if there are none. One that cannot be read is left out, and told.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; give one that holds sweeps or comparisons")
    rows: list[Row] = []
    entries: list[Entry] = []
    left_out: list[str] = []
    found = False
    for path, is_sweep in _results(folder):
        found = True
        try:
            rows += rows_of_sweep(path) if is_sweep else _rows_of_comparison(path)
            entries += entries_of_sweep(path) if is_sweep else entries_of_comparison(path)
        except (UserError, OSError) as error:
            left_out.append(f"{path}: {error}")
    if not found:
        raise UserError(f"{folder}: holds neither a sweep nor a finished comparison")
    return Collection(rows, family_of(entries), left_out)


def _results(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the folders of sweeps and comparisons, and whether each is a sweep; runs are passed over."""
    for path, folders, files in os.walk(folder):
        folders.sort()
        if SPEC in files or COMPARISON in files:
            yield Path(path), SPEC in files
            folders[:] = [name for name in folders if name not in ("runs", "failures")]


def _rows_of_comparison(out: Path) -> Iterator[Row]:
    """Yield a row for each run of the finished comparison in a folder."""
    comparison = load_comparison(out)
    for item in comparison.contenders:
        for number, seed in enumerate(item.seeds):
            yield {
                "sweep": str(out),
                "data": comparison.dataset,
                "arm": item.label,
                "model": comparison.host,
                "seed": seed,
                "status": "done",
                **{name: values[number] for name, values in item.scores.items()},
            }
