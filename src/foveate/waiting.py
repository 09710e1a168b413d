"""Progress callbacks for slow data opening: unpacking archives, reading all masks or images."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Progress = Callable[[int, int | None, str], None]
T = TypeVar("T")

_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def progress_listener(progress: Progress) -> Iterator[None]:
    """Inside the block, call `progress(done, total, message)` while data is opened.

    For an archive, done and total are bytes. The first call has done = 0 and a message that names the archive
    and the target folder; more calls follow as bytes are read. total becomes None if more bytes were read
    than the archive has, because archives inside it are not counted. For files, done and total are their
    numbers, and each file is one call.

    >>> with progress_listener(print):
    ...     report_progress(0, 100, "Unpacking photos.zip into /tmp/photos")
    ...     sizes = list(with_progress(map(len, ["ab", "c"]), 2, "Reading masks"))
    0 100 Unpacking photos.zip into /tmp/photos
    1 2 Reading masks: 1 of 2
    2 2 Reading masks: 2 of 2
    """
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


def report_progress(done: int, total: int | None, message: str) -> None:
    """Call the `progress_listener`, if there is one."""
    if listener := _listener.get():
        listener(done, total, message)


def with_progress(results: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the results, and report progress for each: "WHAT: DONE of TOTAL"."""
    for done, result in enumerate(results, start=1):
        report_progress(done, total, f"{what}: {done:,} of {total:,}")
        yield result
