"""The tables of a work: ours from the runs that are done, beside the published cells."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.works.network import show_network
from foveate.experiments.works.plan import PlacedRun, WorkPlan, WorkRuns
from foveate.experiments.works.shown import COSTS, Shown, check_shown, show
from foveate.specs.arm import parse_named_arm
from foveate.specs.work import Datum, Line, Table, aimed
from foveate.training.run_directory import Run

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    row, column: their names. data: what our runs saw, "" for networks. stand_in: whether that stands for the
    published data. theirs: as printed, "" where nothing is known. ours: as it is shown, in the unit of
    theirs; None for a cell that was not run, and then `reason` tells why. chosen: the arms that scored best
    on the validation images, if there were several.
    """

    row: str
    column: str
    data: str
    stand_in: bool
    theirs: str
    ours: Shown | None
    chosen: tuple[str, ...] = ()
    reason: str = ""
    digits: int = 3

    @property
    def difference(self) -> float:
        """Ours minus the number in theirs; NaN if one of them is missing."""
        number = NUMBER.search(self.theirs.replace("−", "-"))
        return math.nan if number is None or self.ours is None else self.ours.value - float(number[0])


@dataclass(frozen=True)
class Filled:
    """A table with its cells, row by row. shows: what it shows. note: below it."""

    title: str
    shows: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    note: str = ""

    @property
    def cells(self) -> list[Cell]:
        return [cell for _, cells in self.rows for cell in cells]


def fill_tables(plan: WorkPlan) -> list[Filled]:
    """Return all tables of a work, with the runs that are done."""
    return [_fill(plan, table, shows) for table in plan.work.tables for shows in table.shows]


def check_tables(tables: Sequence[Table]) -> None:
    """Raise `UserError` for a table of what cannot be shown."""
    for table in tables:
        lines = [line.shows for line in (*table.rows, *table.columns) if line.shows]
        for text in (*table.shows, *lines):
            try:
                check_shown(text)
            except UserError as error:
                raise UserError(f"the table '{table.title}': {error}") from None


@dataclass(frozen=True)
class _Column:
    """A column with the data that it is about at this scale, None for networks. number: in `published`."""

    line: Line
    datum: Datum | None
    number: int

    @property
    def name(self) -> str:
        is_other = self.datum is not None and (self.datum.stand_in or self.datum.note)
        return f"{self.line.name} [{self.datum.heading}]" if is_other else self.line.name


def _fill(plan: WorkPlan, table: Table, shows: str) -> Filled:
    columns = list(_columns(plan, table))
    rows = []
    for row in table.rows:
        cells: dict[str, Cell] = {}
        for column in columns:
            if not column.line.mean:
                cells[column.name] = _cell(plan, table, shows, row, column)
        for column in columns:
            if column.line.mean:
                cells[column.name] = _mean(row, column, list(cells.values()), table)
        rows.append((row.name, tuple(cells[column.name] for column in columns)))
    return Filled(table.title, shows, tuple(column.name for column in columns), tuple(rows), table.note)


def _columns(plan: WorkPlan, table: Table) -> Iterator[_Column]:
    """Yield the columns; one that is about data with several stand-ins is there once for each.

    A mean is about the data of the columns that it is taken over.
    """
    keys = {line.name: line.data for line in table.columns}
    for number, line in enumerate(table.columns):
        key = keys[line.mean[0]] if line.mean else line.data
        found = plan.data.get(key or "", ())
        for datum in found or (None,):
            yield _Column(line, datum, number)


def _cell(plan: WorkPlan, table: Table, shows: str, row: Line, column: _Column) -> Cell:
    line = column.line
    theirs = (row.published[column.number] if row.published else None) or ""
    digits = next(each for each in (line.digits, row.digits, table.digits) if each is not None)
    percent = next(each for each in (line.percent, row.percent, table.percent) if each is not None)
    empty = Cell(row.name, column.name, "", False, theirs, None, digits=digits)
    shows = line.shows or row.shows or shows
    if absent := row.absent or line.absent:
        return replace(empty, reason=absent)
    if network := row.network | line.network:
        return replace(empty, ours=show_network(shows, network))
    found = _find(plan, row, column)
    if isinstance(found, str):
        return replace(empty, reason=found)
    datum = found.sweep.datum
    cell = replace(empty, data=datum.heading, stand_in=datum.stand_in)
    if not found.placed:
        return replace(cell, reason="not begun yet; the same command goes on")
    groups = _groups(found, line.arms or row.arms or ("*",), row.values | line.values)
    if not groups:
        return replace(cell, reason=plan.scale.without)
    marks = {arm: [run.mark for run in runs] for arm, runs in groups.items()}
    for arm, runs in groups.items():
        for run, mark in zip(runs, marks[arm], strict=True):
            if mark is None:
                return replace(cell, reason=run.why_not)
    best, tied = _best(groups)
    folders = [run.folder for run in groups[best]]
    ours = show(aimed(shows, datum), folders, [mark for mark in marks[best] if mark])
    ours = _scaled(ours, percent and _is_score(shows))
    return replace(cell, ours=ours, chosen=tied if len(groups) > 1 else ())


def _groups(found: WorkRuns, patterns: Sequence[str], values: dict[str, Any]) -> dict[str, list[PlacedRun]]:
    """Return the runs by arm, of those arms that fit a pattern, with these swept values."""
    wanted = {name: str(value) for name, value in values.items()}
    groups: dict[str, list[PlacedRun]] = {}
    for run in found.placed:
        own = {name: str(value) for name, value in run.cell.values}
        fits = any(fnmatchcase(run.cell.arm, _as_written(pattern)) for pattern in patterns)
        if fits and all(own.get(name) == value for name, value in wanted.items()):
            groups.setdefault(run.cell.arm, []).append(run)
    return groups


def _as_written(pattern: str) -> str:
    """Return a pattern of arms; an arm without a star as specs write it, such as with its options sorted."""
    return pattern if "*" in pattern else str(parse_named_arm(pattern)[1])


def _best(groups: dict[str, list[PlacedRun]]) -> tuple[str, tuple[str, ...]]:
    """Return the arm with the best mean score on the validation images, and all that are as good."""
    scores = {}
    for arm, runs in groups.items():
        results = [Run(run.folder).result.best_score for run in runs]
        scores[arm] = sum(results) / len(results)
    known = [score for score in scores.values() if math.isfinite(score)]
    top = max(known, default=math.nan)
    tied = tuple(arm for arm, score in scores.items() if score == top) or tuple(scores)[:1]
    return tied[0], tied


def _mean(row: Line, column: _Column, cells: Sequence[Cell], table: Table) -> Cell:
    """Return the mean of other cells of a row, without an interval: they share test images."""
    line = column.line
    theirs = (row.published[column.number] if row.published else None) or ""
    names = {_Column(replace(line, name=name), column.datum, 0).name for name in line.mean}
    wanted = [cell for cell in cells if cell.column in names]
    datum = column.datum
    about = (datum.heading, datum.stand_in) if datum else ("", False)
    cell = Cell(row.name, column.name, *about, theirs, None, digits=table.digits)
    if missing := [each.column for each in wanted if each.ours is None]:
        return replace(cell, reason=f"{missing[0]} is empty")
    shown = [each.ours for each in wanted if each.ours]
    mean = sum(each.value for each in shown) / len(shown)
    return replace(cell, ours=Shown(mean, seeds=min(each.seeds for each in shown)))


def chosen_runs(plan: WorkPlan, table: Table) -> Iterator[tuple[str, str, Datum, list[Path]]]:
    """Yield row, column, data and the folders of the runs behind each cell that runs fill."""
    for row in table.rows:
        for column in _columns(plan, table):
            if column.line.mean or row.absent or column.line.absent or row.network or column.line.network:
                continue
            found = _find(plan, row, column)
            if isinstance(found, str):
                continue
            groups = _groups(found, column.line.arms or row.arms or ("*",), row.values | column.line.values)
            if groups and all(run.mark for runs in groups.values() for run in runs):
                best, _ = _best(groups)
                yield row.name, column.name, found.sweep.datum, [run.folder for run in groups[best]]


def _find(plan: WorkPlan, row: Line, column: _Column) -> WorkRuns | str:
    """Return the runs of the part and the data of a cell, or why there are none."""
    key = column.line.data or row.data
    data = [column.datum] if column.datum else list(plan.data.get(key or "", ()))
    return plan.find(column.line.part or row.part, data[0]) if data else plan.without(key)


def _is_score(shows: str) -> bool:
    return shows.partition(":")[0] not in COSTS


def _scaled(shown: Shown, percent: bool) -> Shown:
    if not percent:
        return shown
    return replace(shown, value=100 * shown.value, low=100 * shown.low, high=100 * shown.high)
