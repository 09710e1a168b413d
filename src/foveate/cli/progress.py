"""How far a long job is: a bar with the remaining time on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from foveate.durations import duration

QUIET_SECONDS = 20.0
KNOWN_SECONDS = 2.0
"""A pace that was measured over less is not told."""


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


def _lines(what: str, pace: "Pace | None") -> Advance:
    said = time.monotonic()

    def advance(done: float, total: float, note: str = "", left: float | None = None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= QUIET_SECONDS:
            said = now
            words = ", ".join(filter(None, [_left(pace, done, total, left), note]))
            print(f"{what}: {100 * done / total:.0f}%, {words}", file=sys.stderr, flush=True)

    return advance


class Pace:
    """The time left of even work, told once it is known: the first report is where the clock begins, for it
    holds what is done once, such as loading; after it come at least two more and two seconds.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._reports = 0

    def left(self, done: float, total: float) -> float | None:
        """Seconds left when `done` of `total` is done; None while the pace is not known."""
        now = time.monotonic()
        if self._first is None or done < self._first[1]:
            self._first, self._reports = (now, done), 0
            return None
        self._reports += 1
        elapsed, finished = now - self._first[0], done - self._first[1]
        if self._reports < 2 or elapsed < KNOWN_SECONDS or finished <= 0:
            return None
        return elapsed / finished * (total - done)


def _left(pace: Pace | None, done: float, total: float, left: float | None) -> str:
    if left is None and pace is not None and done > 0:
        left = pace.left(done, total)
    return f"{duration(left)} left" if left is not None else ""
