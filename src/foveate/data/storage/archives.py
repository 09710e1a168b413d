"""Unpack untrusted archives: no file outside the target folder, no links, no more bytes than a limit."""

import errno
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path, PurePosixPath

from foveate.errors import DataError

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LIMIT = 500 * 10**9
"""Default limit for the bytes that an archive unpacks to."""

_CHUNK = 1 << 20
_BLOCK = 512
_DAMAGE = (EOFError, OSError, ValueError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_LOCAL_ERRORS = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Member = tuple[str, int, Callable[[], BufferedIOBase]]


def is_archive(path: Path) -> bool:
    """Whether a path is a file named like an archive, and not hidden.

    >>> is_archive(Path("nowhere.zip"))
    False
    """
    named = path.name.lower().endswith(ENDINGS) and not path.name.startswith(".")
    return named and path.is_file()


def unpack(
    archive: str | Path,
    folder: str | Path,
    limit_bytes: int = LIMIT,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Unpack a zip or tar archive into `folder`, which must not exist yet and appears whole or not at all.

    File modes and owners are not kept. progress: called with the bytes of the archive read since the last
    call. Returns the number of bytes written. Raises `DataError` for an archive that is truncated, damaged or
    encrypted; that holds links, devices or names outside its folder; or whose files are larger than
    `limit_bytes` or than the disk's free space.

    >>> root = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(root / "a.zip", "w") as file:
    ...     file.writestr("images/a.txt", "a")
    >>> unpack(root / "a.zip", root / "a")
    1
    >>> (root / "a" / "images" / "a.txt").read_text()
    'a'
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".", suffix=".part"))
    try:
        written = _fill(archive, draft, limit_bytes, progress)
        draft.chmod(0o755)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return written


def unpacked_size(archive: Path) -> int | None:
    """Return the bytes that an archive unpacks to, or None for a compressed tar, which does not record them.

    Raises `DataError` as `unpack` does.
    """
    with _members(archive) as (_, members):
        if archive.name.lower().endswith(".zip"):
            return sum(size for _, size, _ in members)
    return archive.stat().st_size if archive.name.lower().endswith(".tar") else None


def _fill(archive: Path, folder: Path, limit_bytes: int, progress: Callable[[int], None] | None) -> int:
    room = most = min(limit_bytes, shutil.disk_usage(folder).free)
    with _members(archive) as (file, members):
        read = _ReadPosition(file, progress)
        for name, size, open_member in members:
            if size > room:
                raise DataError(
                    f"{archive}: unpacks to more than the limit of {limit_bytes / 1e9:g} GB or the free "
                    f"space of the disk ('{name}' does not fit); make room, or unpack it by hand"
                )
            path = folder / _safe_path(archive, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source, path.open("wb") as target:
                written = _copy(source, target, min(size, room), read.update)
            if written != size:
                raise DataError(
                    f"{archive}: '{name}' has {written} bytes and should have {size}; download it again"
                )
            room -= size
        read.advance(archive.stat().st_size)
    return most - room


class _ReadPosition:
    """Reports how far an archive has been read. Steps back are not reported: a zip may list its members in
    another order than it stores them.
    """

    def __init__(self, file: BufferedIOBase, progress: Callable[[int], None] | None) -> None:
        self.file, self.progress, self.place = file, progress, 0

    def update(self) -> None:
        self.advance(self.file.tell())

    def advance(self, place: int) -> None:
        if self.progress and place > self.place:
            self.progress(place - self.place)
            self.place = place


def _copy(source: BufferedIOBase, target: BufferedIOBase, most: int, copied: Callable[[], None]) -> int:
    written = 0
    while chunk := source.read(_CHUNK):
        written += len(chunk)
        if written > most:
            break
        target.write(chunk)
        copied()
    return written


def _safe_path(archive: Path, name: str) -> PurePosixPath:
    """Return the relative path of a member; raise `DataError` if it leads out of the target folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise DataError(
            f"{archive}: the member '{name}' would be written outside the folder that the archive is "
            "unpacked into; do not use this archive, get it from its official source"
        )
    return path


@contextmanager
def _members(archive: Path) -> Iterator[tuple[BufferedIOBase, Iterator[Member]]]:
    """Open an archive: its file, and its members in their order. Errors become `DataError`."""
    try:
        with archive.open("rb") as packed:
            if archive.name.lower().endswith(".zip"):
                with zipfile.ZipFile(packed) as file:
                    yield packed, _zip_members(archive, file)
            else:
                with tarfile.open(fileobj=packed, mode="r:*") as file:
                    yield packed, _tar_members(archive, file)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: there is no such file") from None
    except NotImplementedError as error:
        raise DataError(f"{archive}: cannot be unpacked here ({error}); unpack it by hand") from None
    except _DAMAGE as error:
        if getattr(error, "errno", None) in _LOCAL_ERRORS:
            raise  # a fault of this machine, not of the archive
        what = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
        raise DataError(
            f"{archive}: the archive is damaged or truncated ({what}); download it again"
        ) from None


def _zip_members(archive: Path, file: zipfile.ZipFile) -> Iterator[Member]:
    for info in file.infolist():
        kind = info.external_attr >> 28
        if kind not in (0, 0o10, 0o04):
            raise DataError(_unsafe_member(archive, info.filename))
        if info.flag_bits & 1:
            raise DataError(f"{archive}: '{info.filename}' is encrypted; unpack it by hand with its password")
        if not info.is_dir():
            yield info.filename, info.file_size, lambda info=info: file.open(info)


def _tar_members(archive: Path, file: tarfile.TarFile) -> Iterator[Member]:
    for info in file:
        if not (info.isreg() or info.isdir()):
            raise DataError(_unsafe_member(archive, info.name))
        if info.isreg():
            yield info.name, info.size, lambda info=info: file.extractfile(info)
    # A complete tar ends with a block of zeros; one that was cut between two members lacks it.
    if file.fileobj.tell() < file.offset + _BLOCK:
        raise tarfile.ReadError("it has no end")
    while file.fileobj.read(_CHUNK):  # read to the end, where a compressed tar has its checksum
        pass


def _unsafe_member(archive: Path, name: str) -> str:
    return (
        f"{archive}: the member '{name}' is a link or a device, which no dataset needs; do not use this "
        "archive, get it from its official source"
    )
