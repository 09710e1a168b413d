"""Show a sweep while it goes on: a live table on a terminal, a line every 20 s elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from foveate.cli.progress import QUIET_SECONDS
from foveate.durations import duration

if TYPE_CHECKING:
    from foveate.experiments.sweeps.board import Board

REFRESH_SECONDS = 1.0
"""Least time between two drawings of the table."""

ROWS = 16
"""Runs under way that the table shows at most."""


@contextmanager
def watching() -> "Iterator[Callable[[Board], None]]":
    """Yield a function that shows the board of a sweep whenever it is time to."""
    if not sys.stderr.isatty():
        yield _now_and_then(
            lambda board: print(board_line(board), file=sys.stderr, flush=True), QUIET_SECONDS
        )
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        yield _now_and_then(lambda board: live.update(_table(board), refresh=True), REFRESH_SECONDS)


def board_line(board: "Board") -> str:
    """Return the state of a sweep in one line."""
    left = board.seconds_left()
    parts = [
        f"{board.done} of {len(board.runs)} runs done",
        f"{len(board.under_way)} under way",
        *([f"{len(board.failed)} failed"] if board.failed else []),
        *([f"{duration(max(left, 0.0))} left"] if left is not None else []),
    ]
    return ", ".join(parts)


def _print(board: "Board") -> None:
    print(board_line(board), file=sys.stderr, flush=True)


def _now_and_then(show: "Callable[[Board], None]", seconds: float) -> "Callable[[Board], None]":
    shown = time.monotonic()

    def watch(board: "Board") -> None:
        nonlocal shown
        if time.monotonic() - shown >= seconds:
            shown = time.monotonic()
            show(board)

    return watch


def _table(board: "Board"):
    from rich.table import Table

    table = Table(title=board_line(board), title_justify="left")
    for head in ("run", "epoch", "since"):
        table.add_column(head)
    now = time.monotonic()
    for folder, begun in list(board.under_way.items())[:ROWS]:
        done, epochs = board.epochs(folder)
        table.add_row(str(board.runs[folder].cell), f"{done}/{epochs}", duration(now - begun))
    more = len(board.under_way) - ROWS
    if more > 0:
        table.add_row(f"and {more} more", "", "")
    return table
