"""Opening data may take long: a line when archives are unpacked, now and then one while files are read."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foveate.cli.pace import Pace
from foveate.durations import duration
from foveate.waiting import progress_listener

QUIET_SECONDS = 20.0


@contextmanager
def waits_told() -> Iterator[None]:
    """Lines on standard error while the block runs, for a bar may stand there already."""
    said, before, pace = time.monotonic(), 0, Pace()

    def tell(done: int, total: int | None, note: str) -> None:
        nonlocal said, before, pace
        now = time.monotonic()
        if done <= before:  # something else is begun
            said, pace = now, Pace()
        before = done
        left = None if total is None else pace.left(done, total, now)
        if done == 0:
            print(note, file=sys.stderr, flush=True)
        elif now - said >= QUIET_SECONDS:
            said = now
            words = "" if left is None else f", {duration(left)} left"
            print(f"{note}{words}", file=sys.stderr, flush=True)

    with progress_listener(tell):
        yield
