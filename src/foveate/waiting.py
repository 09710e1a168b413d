"""Who is told what data that is opened waits for: archives to be unpacked, every mask or image to be read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Progress = Callable[[int, int | None, str], None]
T = TypeVar("T")

_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def progress_listener(progress: Progress) -> Iterator[None]:
    """While the block runs, `progress` is told what is waited for on the way to a dataset.

    It is called with how much is done, of how much, and words. Of archives these are the bytes that were
    read, of all (None once more was read, for archives in archives are not counted): first 0, with what is
    unpacked and where to, then after every piece. Of files it is their number, after every one.

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


def report_progress(done: int, total: int | None, note: str) -> None:
    """Tell the listener, if there is one."""
    if listener := _listener.get():
        listener(done, total, note)


def with_progress(results: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The results, the listener told of every one."""
    for done, result in enumerate(results, start=1):
        report_progress(done, total, f"{what}: {done:,} of {total:,}")
        yield result
