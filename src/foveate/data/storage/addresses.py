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
"""Seconds to wait for the first answer of a server. The libraries' own retries take much longer."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Span = tuple[int, int]


def read_bytes(address: str, span: Span | None = None) -> bytes:
    """Return the content of a file, or its bytes from `span[0]` up to, not including, `span[1]`.

    Raises `DataError` if the file cannot be read; without a span, after `ANSWER_SECONDS` at most if no server
    answers.

    >>> with create("memory://shelf/a.txt") as file:
    ...     _ = file.write(b"abcdef")
    >>> read_bytes("memory://shelf/a.txt", (2, 4))
    b'cd'
    """
    start, end = span or (None, None)
    with _as_data_error(address, "read"):
        # Looked up at every call: fsspec caches one connection per process, and it breaks after a fork.
        files, path = fsspec.url_to_fs(address)
        if span is None:
            _within_timeout(files, lambda: files.info(path))
        content = files.cat_file(path, start=start, end=end)
    if span and len(content) > span[1] - span[0]:
        raise DataError(
            f"{address}: the server sends whole files only, but images are read as parts of files; use a "
            "server that answers range requests, or copy the data here"
        )
    if span and len(content) < span[1] - span[0]:
        raise DataError(f"{address}: ends before byte {end}; copy the file again")
    return content


@contextmanager
def create(address: str) -> Iterator[IO[bytes]]:
    """Open a new file for writing. It appears when the block ends, whole or not at all.

    On a disk, missing folders are made. For other addresses, the content is written to a temporary file and
    uploaded when the block ends. Raises `DataError` if the file cannot be written. Other errors of the block
    pass through.
    """
    with _as_data_error(address, "written"):
        files, path = fsspec.url_to_fs(address)
    with ExitStack() as stack:
        with _as_data_error(address, "written"):
            here = isinstance(files, LocalFileSystem)
            file = stack.enter_context(_write_local(path) if here else _upload(files, path))
        try:
            yield file
        except OSError as error:
            if error.errno not in _FULL:
                raise
            full = Path(path).parent if here else tempfile.gettempdir()
            raise DataError(
                f"{address}: cannot be written ({full}: {error.strerror}); make room, or give another place"
            ) from None
        with _as_data_error(address, "written"):
            stack.close()


def require_empty(address: str) -> None:
    """Raise `DataError` if an address holds files or cannot be written to.

    It cannot be written to if the bucket does not exist, credentials are missing, or no server answers within
    `ANSWER_SECONDS`.
    """
    with _as_data_error(address, "written"):
        files, path = fsspec.url_to_fs(address)
        if "https" in files.protocol:
            raise DataError(f"{address}: web servers cannot be written to; give a folder or an object store")
        occupied = _within_timeout(files, lambda: _occupied(files, path))
    if occupied:
        raise DataError(f"{address}: holds files already; name another folder, or empty this one")


def _occupied(files: AbstractFileSystem, path: str) -> bool:
    if files.exists(path):
        return not files.isdir(path) or bool(files.ls(path, detail=False))
    if bucket := _bucket(path):
        files.info(bucket)
    return False


def _bucket(path: str) -> str:
    """The bucket of a path in an object store: its first part. Empty for a file system, whose paths start
    with a slash.
    """
    return path.partition("/")[0]


@contextmanager
def _write_local(path: str) -> Iterator[IO[bytes]]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as file:
        yield file


@contextmanager
def _upload(files: AbstractFileSystem, path: str) -> Iterator[IO[bytes]]:
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


def _within_timeout(files: AbstractFileSystem, ask: Callable[[], Any]) -> Any:
    """Return or raise what `ask` does; raise `TimeoutError` after `ANSWER_SECONDS`."""
    files.invalidate_cache()  # so that files written by others since the last call are seen
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
def _as_data_error(address: str, action: str) -> Iterator[None]:
    """Turn every error of the block into a `DataError`: fsspec's file systems have no common error class.

    action: "read" or "written", for the message.
    """
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        if action == "read" and type(error.__cause__).__name__ != "NoSuchBucket":
            raise DataError(f"{address}: there is no such file") from None
        raise DataError(
            f"{address}: cannot be {action}: there is no such bucket or folder; make it, or mend the address"
        ) from None
    except ImportError as error:
        remedy = "pip install 'foveate[shards]'" if address.startswith("s3") else error
        raise DataError(f"{address}: addresses of this kind need another package: {remedy}") from None
    except Exception as error:
        raise DataError(f"{address}: cannot be {action}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Say what went wrong and what to do about it."""
    kind, message = type(error).__name__, " ".join(str(error).split())
    if kind == "NoCredentialsError":
        return (
            "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (or, "
            "for public data, FSSPEC_S3_ANON=true)"
        )
    if isinstance(error, PermissionError):
        return f"access is denied ({message}); use an account, or a place, with the right to it"
    if isinstance(error, ConnectionError | TimeoutError) or "Connect" in kind or "Timeout" in kind:
        return (
            f"nobody answers ({message or f'within {ANSWER_SECONDS:g} s'}); check the network and the address"
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"{message}; make room, or give another place"
    return f"{kind}: {message}; is the address right?"
