"""`foveate.results`: every run and every question of the sweeps and comparisons in a folder."""

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import UserError
from foveate.extras import require

if TYPE_CHECKING:
    import pandas

    from foveate.experiments.sweeps.collect import Collection

FORMATS = (".csv", ".parquet", ".html")


class Results:
    """The results of a folder, read from disk; a sweep may still be going on.

    collection: rows of all runs, and entries of all complete combinations with their verdicts.
    """

    def __init__(self, folder: str | Path):
        from foveate.experiments.sweeps.collect import collect

        self.folder = Path(folder)
        self.collection: Collection = collect(folder)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each run; all have the same keys."""
        names = dict.fromkeys(name for row in self.collection.rows for name in row)
        return [{name: row.get(name) for name in names} for row in self.collection.rows]

    def verdicts(self) -> list[dict[str, Any]]:
        """Return a row for each complete combination: score, difference, interval, p and verdict.

        Scores and differences are in [0, 1]; what does not exist is None.
        """
        return [
            {
                "folder": entry.source,
                "data": entry.data,
                "arm": entry.arm,
                **entry.values,
                "score_name": entry.score_name,
                "score": entry.score.mean,
                "score_low": entry.score.low,
                "score_high": entry.score.high,
                "trainings": entry.trainings,
                "reference": entry.reference or None,
                "difference": entry.difference and entry.difference.mean,
                "low": entry.difference and entry.difference.low,
                "high": entry.difference and entry.difference.high,
                "p": None if math.isnan(entry.p) else entry.p,
                "verdict": entry.verdict or None,
                "parameters": entry.parameters,
            }
            for entry in self.collection.entries
        ]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return `rows()` as a table. Raises `UserError` if pandas is not installed."""
        return require("pandas", "hf", "to_pandas()").DataFrame(self.rows())

    def save(self, path: str | Path) -> Path:
        """Write the runs as .csv or .parquet, or the page with the verdicts as .html; return the path.

        Raises `UserError` for another ending, and for a folder that does not exist.
        """
        from foveate.files import write_whole

        path = check_format(path)
        if path.suffix == ".html":
            from foveate.report.swept import write_page

            return write_page(self.collection, self.folder, path)
        rows = self.rows()
        if path.suffix == ".parquet":
            arrow = require("pyarrow", "hf", "writing Parquet")
            table = arrow.Table.from_pylist(rows)
            with write_whole(path) as file:
                require("pyarrow.parquet", "hf", "writing Parquet").write_table(table, file)
            return path
        with write_whole(path, "w") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["run"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path


def check_format(path: str | Path) -> Path:
    """Return the path of a file to write. Raise `UserError` for an unknown ending or a missing folder."""
    path = Path(path)
    if path.suffix not in FORMATS:
        raise UserError(f"--out: {path}: the ending tells the format; write one of {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise UserError(f"--out: {path.parent}: there is no such folder; make it first, or name another")
    return path


def results(folder: str | Path) -> Results:
    """Read the sweeps and comparisons in a folder; `foveate results` in Python.

    Raises `UserError` if there are none.

    Example:
        found = foveate.results("runs")
        found.to_pandas(), found.verdicts(), found.save("runs.html")
    """
    return Results(folder)
