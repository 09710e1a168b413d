"""Who is told when opening data means unpacking it first, which may take long and much room."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Progress = Callable[[int, int | None, str], None]

_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def listening(progress: Progress) -> Iterator[None]:
    """While the block runs, `progress` is told what is unpacked on the way to a dataset.

    It is called with the bytes of archives that were read, all that there are (None once more was read, for
    archives in archives are not counted), and words: first with 0 bytes, what is unpacked and where to, then
    after every piece.

    >>> with listening(print):
    ...     tell(0, 100, "photos.zip into /tmp/photos")
    0 100 photos.zip into /tmp/photos
    """
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(done: int, total: int | None, note: str) -> None:
    """Tell the listener, if there is one."""
    if listener := _listener.get():
        listener(done, total, note)
