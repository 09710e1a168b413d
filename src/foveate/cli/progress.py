"""How far a long job is: a bar with the remaining time on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from foveate.cli.pace import Pace
from foveate.durations import duration

QUIET_SECONDS = 20.0


@runtime_checkable
class Advance(Protocol):
    """Tell that `done` of `total` is done; `left` is in seconds."""

    def __call__(self, done: float, total: float, note: str = "", left: float | None = None) -> None: ...


@contextmanager
def progress(what: str, even: bool = True) -> Iterator[Advance]:
    """Show progress on standard error while the block runs.

    The time left is reckoned from the pace where it is not told, unless the pace is not `even` (see `Pace`).
    Away from a terminal a line appears at most every twenty seconds.
    """
    pace = Pace() if even else None
    if not sys.stderr.isatty():
        yield _lines(what, pace)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, note="")

        def advance(done: float, total: float, note: str = "", left: float | None = None) -> None:
            words = ", ".join(filter(None, [_left(pace, done, total, left), note]))
            bar.update(task, completed=done, total=total, note=words)

        yield advance


def _lines(what: str, pace: Pace | None) -> Advance:
    said = time.monotonic()

    def advance(done: float, total: float, note: str = "", left: float | None = None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= QUIET_SECONDS:
            said = now
            words = ", ".join(filter(None, [_left(pace, done, total, left), note]))
            print(f"{what}: {100 * done / total:.0f}%, {words}", file=sys.stderr, flush=True)

    return advance


def _left(pace: Pace | None, done: float, total: float, left: float | None) -> str:
    if left is None and pace is not None and done > 0:
        left = pace.left(done, total, time.monotonic())
    return f"{duration(left)} left" if left is not None else ""
