"""Print progress while data opens slowly: a line when unpacking starts, then a line every 20 s."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foveate.cli.pace import Pace
from foveate.durations import duration
from foveate.waiting import progress_listener

QUIET_SECONDS = 20.0


@contextmanager
def print_data_progress() -> Iterator[None]:
    """Print lines on standard error while the block opens data; a bar may already be shown there.

    Time counts from the first report of a task, not from the beginning of the block, which may import
    libraries first.
    """
    printed, last_done, pace = 0.0, math.inf, Pace()

    def print_line(done: int, total: int | None, note: str) -> None:
        nonlocal printed, last_done, pace
        now = time.monotonic()
        if done <= last_done:  # a new task
            printed, pace = now, Pace()
        last_done = done
        left = None if total is None else pace.left(done, total, now)
        if done == 0:
            print(note, file=sys.stderr, flush=True)
        elif now - printed >= QUIET_SECONDS:
            printed = now
            time_left = "" if left is None else f", {duration(left)} left"
            print(f"{note}{time_left}", file=sys.stderr, flush=True)

    with progress_listener(print_line):
        yield
