"""Atomic file writes, a lock on a folder, and a check of relative paths."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from foveate.errors import UserError


def escapes_folder(name: str) -> bool:
    """Return whether a path relative to a folder may point outside it: an absolute path, or one with "..".

    >>> escapes_folder("images/a.png"), escapes_folder("../a.png"), escapes_folder("/a.png")
    (False, True, True)
    """
    return Path(name).is_absolute() or ".." in Path(name).parts


@contextmanager
def write_whole(path: str | Path, mode: str = "wb") -> Iterator[IO]:
    """Write a file atomically: open a temporary file beside `path`, and rename it to `path` after the block.

    A reader sees the old content or the new content, never a part, even if the process is killed. If the
    block raises (on a full disk, for example), the temporary file is removed and `path` keeps its old
    content. The folder must exist. The temporary name is short, whatever the length of the name of `path`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with write_whole(folder / "a.txt", "w") as file:
    ...     _ = file.write("whole")
    >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes files private; use the permissions of open()
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder against other processes that call this too; raise `UserError` if one holds the lock.

    The lock ends with the process, even if it is killed, and leaves no file behind. On Windows, and on file
    systems without locks on folders, it has no effect.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with folder_lock(folder):
    ...     pass
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another foveate process is writing to this folder; wait for it, stop it, or "
                "choose another folder"
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def shortened(name: str, room: int = 200) -> str:
    """Return a file name cut to at most `room` bytes, between characters: file systems allow 255 bytes.

    >>> shortened("photos"), shortened("图" * 100, room=7)
    ('photos', '图图')
    """
    return os.fsencode(name)[:room].decode(errors="ignore")


def make_cache(folder: Path, variable: str) -> None:
    """Create a cache folder if it is missing.

    variable: the environment variable that chooses another folder. Raises `UserError`, which names it, if the
    folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: this cache cannot be written to ({error.strerror or error}); name another folder in "
            f"the environment variable {variable}"
        ) from None


def leftover_parts(folder: Path) -> list[Path]:
    """Return the temporary files that killed processes left in `folder` (see `write_whole`)."""
    return list(folder.glob(".*.part"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
