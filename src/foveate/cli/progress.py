"""How far a long job is: a bar with the remaining time on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 10.0

Advance = Callable[..., None]


@contextmanager
def progress(what: str, total: int = 0) -> Iterator[Advance]:
    """Show progress on standard error; call the value as `advance(done, total, note)`, note being optional.

    Away from a terminal a line appears at most every ten seconds and at the end.
    """
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _lines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total or None, note="")

        def advance(done: float, total: float | None = None, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=note)

        yield advance


def _lines(what: str) -> Advance:
    start = said = time.monotonic()

    def advance(done: float, total: float = 0, note: str = "") -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < QUIET_SECONDS and done < total:
            return
        said = now
        left = f", {duration((now - start) / done * (total - done))} left" if 0 < done < total else ""
        print(
            f"{what}: {done:g} of {total:g}{left}{'  ' + note if note else ''}", file=sys.stderr, flush=True
        )

    return advance


def duration(seconds: float) -> str:
    """Time as people say it.

    >>> duration(8), duration(100), duration(9000)
    ('8 s', '1 min 40 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
