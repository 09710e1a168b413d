"""Show the progress of a long job: a bar on a terminal, a line every 20 s elsewhere."""

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
    """Callback: `done` of `total` is done. left: seconds left, None to estimate them from the pace."""

    def __call__(self, done: float, total: float, note: str = "", left: float | None = None) -> None: ...


@contextmanager
def progress(what: str, even: bool = True) -> Iterator[Advance]:
    """Show progress on standard error while the block runs.

    even: whether the work advances evenly, so that the time left can be estimated (see `Pace`). Without a
    terminal, a line appears at most every 20 seconds.
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
            text = ", ".join(filter(None, [_time_left(pace, done, total, left), note]))
            bar.update(task, completed=done, total=total, note=text)

        yield advance


def _lines(what: str, pace: Pace | None) -> Advance:
    printed = time.monotonic()

    def advance(done: float, total: float, note: str = "", left: float | None = None) -> None:
        nonlocal printed
        now = time.monotonic()
        if now - printed >= QUIET_SECONDS:
            printed = now
            text = ", ".join(filter(None, [_time_left(pace, done, total, left), note]))
            print(f"{what}: {100 * done / total:.0f}%, {text}", file=sys.stderr, flush=True)

    return advance


def _time_left(pace: Pace | None, done: float, total: float, left: float | None) -> str:
    if left is None and pace is not None and done > 0:
        left = pace.left(done, total, time.monotonic())
    return f"{duration(left)} left" if left is not None else ""
