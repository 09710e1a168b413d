"""Cells of the tables of a work in words."""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from foveate.experiments.works.shown import shown_words
from foveate.experiments.works.tables import Cell, Filled
from foveate.files import write_whole
from foveate.report.words import counted

COLUMNS = ("row", "column", "ours", "interval", "seeds", "theirs", "difference", "remark")


def number(value: float, digits: int, signed: bool = False) -> str:
    """Format a value; NaN gives "".

    >>> number(0.8961, 3), number(-0.0204, 3, signed=True), number(float("nan"), 2)
    ('0.896', '−0.020', '')
    """
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−") if math.isfinite(value) else ""


def interval(cell: Cell) -> str:
    """Return the interval of our value, "" without one."""
    if cell.ours is None or not math.isfinite(cell.ours.low + cell.ours.high):
        return ""
    return f"{number(cell.ours.low, cell.digits)} to {number(cell.ours.high, cell.digits)}"


def remark(cell: Cell) -> str:
    """Return what else is known of a cell: what was chosen, on what it was measured, why it is empty."""
    if cell.ours is None:
        return f"empty: {cell.reason}"
    chosen = f"best on validation: {' = '.join(cell.chosen)}" if cell.chosen else ""
    return "; ".join(part for part in (chosen, cell.ours.on) if part)


def as_words(cell: Cell) -> dict[str, str]:
    """Return a cell as words by `COLUMNS`."""
    ours = cell.ours
    return {
        "row": cell.row,
        "column": cell.column,
        "ours": "" if ours is None else number(ours.value, cell.digits),
        "interval": interval(cell),
        "seeds": "" if ours is None or not ours.seeds else str(ours.seeds),
        "theirs": cell.theirs or "–",
        "difference": number(cell.difference, cell.digits, signed=True),
        "remark": remark(cell),
    }


def title(table: Filled) -> str:
    """Return the title of a table with what it shows."""
    return f"{table.title}: {shown_words(table.shows)}"


def table_lines(table: Filled) -> list[str]:
    """Return a table as lines of text, a cell a line. Cells with neither number are counted by reason."""
    told = [cell for cell in table.cells if cell.ours is not None or cell.theirs]
    words = [dict(zip(COLUMNS, COLUMNS, strict=True)), *map(as_words, told)]
    widths = [max(len(line[name]) for line in words) for name in COLUMNS[:-1]]
    lines = [
        "  ".join([*map(str.ljust, (line[name] for name in COLUMNS[:-1]), widths), line["remark"]]).rstrip()
        for line in words
    ]
    reasons = Counter(cell.reason for cell in table.cells if cell.ours is None and not cell.theirs)
    empty = [f"empty: {counted(number, 'cell')}: {reason}" for reason, number in reasons.items()]
    return [title(table), *(lines if told else ()), *empty, *([table.note] if table.note else [])]


def write_csv(tables: Sequence[Filled], path: Path, scale: str) -> Path:
    """Write all cells of all tables, a row for each, with values as they are."""
    names = ("table", "shows", "row", "column", "scale", "data", "stand_in", "ours", "low", "high", "seeds")
    names += ("images", "theirs", "difference", "chosen", "measured_on", "reason")
    with write_whole(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for table in tables:
            for cell in table.cells:
                writer.writerow([table.title, table.shows, cell.row, cell.column, scale, *_values(cell)])
    return path


def _values(cell: Cell) -> list[str | float | int]:
    ours = cell.ours
    data = [cell.data, "yes" if cell.stand_in else "no"]
    if ours is None:
        return [*data, "", "", "", "", "", cell.theirs, "", "", "", cell.reason]
    ends = [_known(end) for end in (ours.value, ours.low, ours.high)]
    chosen = " = ".join(cell.chosen)
    return [
        *data,
        *ends,
        ours.seeds,
        ours.images or "",
        cell.theirs,
        _known(cell.difference),
        chosen,
        ours.on,
        "",
    ]


def _known(value: float) -> str | float:
    return value if math.isfinite(value) else ""
