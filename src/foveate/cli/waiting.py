"""Opening data may take long: a line when archives are unpacked, now and then one while files are read."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foveate.durations import duration
from foveate.waiting import progress_listener

QUIET_SECONDS = 20.0


@contextmanager
def waits_told() -> Iterator[None]:
    """Lines on standard error while the block runs, for a bar may stand there already."""
    began = said = time.monotonic()
    before = 0

    def tell(done: int, total: int | None, note: str) -> None:
        nonlocal began, said, before
        now = time.monotonic()
        if done <= before:  # something else is begun
            began = said = now
        before = done
        if done == 0:
            print(note, file=sys.stderr, flush=True)
        elif now - said >= QUIET_SECONDS:
            said = now
            left = f", {duration((now - began) / done * (total - done))} left" if total else ""
            print(f"{note}{left}", file=sys.stderr, flush=True)

    with progress_listener(tell):
        yield
