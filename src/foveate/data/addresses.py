"""Files at any address that fsspec knows: a path, s3://, gs://, https://, memory:// and many more."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from foveate.data.errors import DataError
from foveate.data.files import write_whole

Span = tuple[int, int]


def read_bytes(address: str, span: Span | None = None) -> bytes:
    """A file's content, or the span of it from one byte to before another; `DataError` where that fails.

    >>> with create("memory://shelf/a.txt") as file:
    ...     _ = file.write(b"abcdef")
    >>> read_bytes("memory://shelf/a.txt", (2, 4))
    b'cd'
    """
    start, end = span or (None, None)
    with _told(address, "read"):
        # Asked for anew each time: a process keeps its connection, and one does not outlive a fork.
        files, path = fsspec.url_to_fs(address)
        content = files.cat_file(path, start, end)
    if span and len(content) != span[1] - span[0]:
        raise DataError(f"{address}: ends before byte {end}; copy the file again")
    return content


@contextmanager
def create(address: str) -> Iterator[IO[bytes]]:
    """Open a new file to write to. On a disk it appears whole or not at all, and its folder is made."""
    with _told(address, "written"):
        files, path = fsspec.url_to_fs(address)
        if isinstance(files, LocalFileSystem):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            opened = write_whole(path)
        else:
            opened = files.open(path, "wb")
    with opened as file:
        yield file


def require_empty(address: str) -> None:
    """Raise `DataError` if there are files in the folder at an address, or it is a file."""
    with _told(address, "written"):
        files, path = fsspec.url_to_fs(address)
        there = files.exists(path) and (not files.isdir(path) or files.ls(path, detail=False))
    if there:
        raise DataError(f"{address}: holds files already; name another folder, or empty this one")


@contextmanager
def _told(address: str, done: str) -> Iterator[None]:
    """Each kind of address has errors of its own, of no common class: all become a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{address}: there is no such file") from None
    except ImportError as error:
        raise DataError(f"{address}: addresses of this kind need another package ({error})") from None
    except Exception as error:
        raise DataError(
            f"{address}: cannot be {done} ({type(error).__name__}: {error}); is the address right?"
        ) from None
