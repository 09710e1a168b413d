"""Worker processes that read images: they never start without shared memory, and never die in silence.

A worker hands its batches over in /dev/shm. Docker gives a container 64 MB of it unless told otherwise.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from pathlib import Path

from foveate.errors import UserError

SHARED = Path("/dev/shm")

AHEAD = 2
"""Batches that a worker reads ahead: PyTorch's default."""

_DEAD = re.compile(r"DataLoader worker \(pid.*?\) (?:is killed by signal: (\w[\w ]*)|exited unexpectedly)")


def check_shared_memory(workers: int, batch_bytes: int, loaders: int = 1) -> None:
    """Raise `UserError` if workers that read ahead need more shared memory than there is.

    batch_bytes: size of a batch. loaders: how many loaders read at once, each with so many workers. Systems
    without /dev/shm are not checked.

    >>> check_shared_memory(workers=0, batch_bytes=10**15)
    """
    if not workers or not SHARED.is_dir():
        return
    batches = loaders * (AHEAD * workers + 1)
    needed, free = batches * batch_bytes, shutil.disk_usage(SHARED).free
    if needed > free:
        many = "workers read" if workers * loaders > 1 else "worker reads"
        raise UserError(
            f"{SHARED} has {_size(free)} free, and {workers * loaders} {many} up to {_size(needed)} ahead "
            f"into it ({batches} batches of {_size(batch_bytes)}). Give the container more (docker run "
            f"--shm-size {-(-2 * needed // 10**9)}g), or let the main process read (--workers 0)"
        )


def end_with_the_queue(worker: int) -> None:
    """Let a new worker end if it cannot hand over a batch: the main process would wait for it forever."""

    def end(error: BaseException, batch: object) -> None:
        os._exit(1)

    Queue._on_queue_feeder_error = staticmethod(end)


@contextmanager
def dead_workers_told() -> Iterator[None]:
    """Inside the block, the death of a worker is a `UserError`."""
    try:
        yield
    except (RuntimeError, EOFError, ConnectionResetError, ConnectionRefusedError) as error:
        # The last three come from the socket of a worker that has died since it sent a batch.
        death = _DEAD.search(str(error))
        if isinstance(error, RuntimeError) and not death:
            raise
        how = (death and death[1]) or "it was killed, or could not hand over a batch"
        raise UserError(
            f"a worker process that reads images died ({how}); the memory, or {SHARED}, may be too small. "
            "Read with fewer workers (--workers 1), or in the main process (--workers 0); for a container, "
            "docker run --shm-size 8g gives more. Finished epochs are kept"
        ) from error


def _size(count: int) -> str:
    """Write a number of bytes.

    >>> _size(63_900_000), _size(262_144)
    ('64 MB', '262 kB')
    """
    return f"{count / 1e6:,.0f} MB" if count >= 10**7 else f"{count / 1e3:,.0f} kB"
