"""Files appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from foveate.errors import UserError


def escapes_folder(name: str) -> bool:
    """Whether a file's name in a table may lie outside the folder that the names are relative to.

    >>> escapes_folder("images/a.png"), escapes_folder("../a.png"), escapes_folder("/a.png")
    (False, True, True)
    """
    return Path(name).is_absolute() or ".." in Path(name).parts


@contextmanager
def write_whole(path: str | Path, mode: str = "wb") -> Iterator[IO]:
    """Open a temporary file beside `path` and move it there when the block ends well.

    A reader sees the old content or the new, never a part of it, whatever moment the process dies at. When
    the block raises (a full disk included) the temporary file is removed and what stood at `path` stays. The
    folder must exist.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with write_whole(folder / "a.txt", "w") as file:
    ...     _ = file.write("whole")
    >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes files private; keep what open() would have given
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder that is written to for long, where they ask for it too.

    Ends with the process, however that ends, and leaves nothing behind; on Windows, and on file systems that
    lock no folders, it keeps nobody out. Raises `UserError` where another process holds it.

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
                f"{folder}: another foveate process is at work there; wait for it, stop it, or choose "
                "another folder"
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def leftover_parts(folder: Path) -> list[Path]:
    """The temporary files in `folder` of writers that were killed."""
    return list(folder.glob(".*.part"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
