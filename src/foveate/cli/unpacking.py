"""Opening data that is packed unpacks it: a line when that begins, and one now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foveate.data.unpacking import listening

QUIET_SECONDS = 20.0


@contextmanager
def unpacking_told() -> Iterator[None]:
    """Lines on standard error while the block runs, for a bar may stand there already."""
    said = 0.0

    def tell(done: int, total: int | None, note: str) -> None:
        nonlocal said
        now = time.monotonic()
        if done == 0 or now - said >= QUIET_SECONDS:
            said = now
            print(f"Unpacking {note}", file=sys.stderr, flush=True)

    with listening(tell):
        yield
