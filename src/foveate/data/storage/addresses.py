"""Files at any address that fsspec knows: a path, s3://, gs://, https://, memory:// and many more."""

import errno
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from foveate.errors import DataError
from foveate.files import write_whole

ANSWER_SECONDS = 4.0
"""How long an address may take to say whether it is there: libraries try again for much longer."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Span = tuple[int, int]


def read_bytes(address: str, span: Span | None = None) -> bytes:
    """A file's content, or the span of it from one byte to before another.

    Raises `DataError` where that fails; without a span within `ANSWER_SECONDS` where nobody answers.

    >>> with create("memory://shelf/a.txt") as file:
    ...     _ = file.write(b"abcdef")
    >>> read_bytes("memory://shelf/a.txt", (2, 4))
    b'cd'
    """
    start, end = span or (None, None)
    with _told(address, "read"):
        # Asked for anew each time: a process keeps its connection, and one does not outlive a fork.
        files, path = fsspec.url_to_fs(address)
        if span is None:
            _in_time(files, lambda: files.info(path))
        content = files.cat_file(path, start=start, end=end)
    if span and len(content) > span[1] - span[0]:
        raise DataError(
            f"{address}: its server sends whole files only, and images are read as parts of files; use one "
            "that answers range requests, or copy the data here"
        )
    if span and len(content) < span[1] - span[0]:
        raise DataError(f"{address}: ends before byte {end}; copy the file again")
    return content


@contextmanager
def create(address: str) -> Iterator[IO[bytes]]:
    """Open a new file to write to, which appears when the block ends: whole, or not at all.

    On a disk its folder is made. What goes elsewhere is kept in a temporary file until it is sent. Raises
    `DataError` where it cannot be written; what the block itself raises passes through.
    """
    with _told(address, "written"):
        files, path = fsspec.url_to_fs(address)
    with ExitStack() as stack:
        with _told(address, "written"):
            here = isinstance(files, LocalFileSystem)
            file = stack.enter_context(_put(path) if here else _sent(files, path))
        try:
            yield file
        except OSError as error:
            if error.errno not in _FULL:
                raise
            full = Path(path).parent if here else tempfile.gettempdir()
            raise DataError(
                f"{address}: cannot be written ({full}: {error.strerror}); make room, or give another place"
            ) from None
        with _told(address, "written"):
            stack.close()


def require_empty(address: str) -> None:
    """Raise `DataError` if there is anything at an address, or nothing could be put there: no such bucket, no
    credentials, nobody who answers within `ANSWER_SECONDS`."""
    with _told(address, "written"):
        files, path = fsspec.url_to_fs(address)
        if "https" in files.protocol:
            raise DataError(f"{address}: web servers are read from only; give a folder or an object store")
        there = _in_time(files, lambda: _occupied(files, path))
    if there:
        raise DataError(f"{address}: holds files already; name another folder, or empty this one")


def _occupied(files: AbstractFileSystem, path: str) -> bool:
    if files.exists(path):
        return not files.isdir(path) or bool(files.ls(path, detail=False))
    if bucket := _bucket(path):
        files.info(bucket)
    return False


def _bucket(path: str) -> str:
    """What the first part of a path is called in an object store; nothing where there are folders."""
    return path.partition("/")[0]


@contextmanager
def _put(path: str) -> Iterator[IO[bytes]]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as file:
        yield file


@contextmanager
def _sent(files: AbstractFileSystem, path: str) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile() as file:
        yield file
        file.flush()
        try:
            files.put_file(file.name, path)
        except BaseException:
            if not _bucket(path):  # an object store shows whole objects only
                with suppress(Exception):
                    files.rm_file(path)
            raise


def _in_time(files: AbstractFileSystem, ask: Callable[[], Any]) -> Any:
    """What `ask` returns or raises, as long as that comes within `ANSWER_SECONDS`."""
    files.invalidate_cache()  # what others wrote since is to be seen
    if isinstance(files, LocalFileSystem):
        return ask()
    answer: Future = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer.result(ANSWER_SECONDS)


@contextmanager
def _told(address: str, done: str) -> Iterator[None]:
    """Each kind of address has errors of its own, of no common class: all become a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        if done == "read" and type(error.__cause__).__name__ != "NoSuchBucket":
            raise DataError(f"{address}: there is no such file") from None
        raise DataError(
            f"{address}: cannot be {done}: there is no such bucket or folder; make it, or mend the address"
        ) from None
    except ImportError as error:
        remedy = "pip install 'foveate[shards]'" if address.startswith("s3") else error
        raise DataError(f"{address}: addresses of this kind need another package: {remedy}") from None
    except Exception as error:
        raise DataError(f"{address}: cannot be {done}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What went wrong, and what to do about it."""
    kind, said = type(error).__name__, " ".join(str(error).split())
    if kind == "NoCredentialsError":
        return (
            "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (or, "
            "where everybody may read, FSSPEC_S3_ANON=true)"
        )
    if isinstance(error, PermissionError):
        return f"access is denied ({said}); use an account, or a place, with the right to it"
    if isinstance(error, ConnectionError | TimeoutError) or "Connect" in kind or "Timeout" in kind:
        return f"nobody answers ({said or f'within {ANSWER_SECONDS:g} s'}); check the network and the address"
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"{said}; make room, or give another place"
    return f"{kind}: {said}; is the address right?"
