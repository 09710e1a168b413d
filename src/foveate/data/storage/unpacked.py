"""Unpack the archives of a dataset once, into a cache folder; unpack again when an archive changes."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.data.storage.archives import ENDINGS, LIMIT, is_archive, unpack, unpacked_size
from foveate.data.storage.shards import INDEX
from foveate.data.storage.webdataset import is_shard
from foveate.errors import DataError, UserError
from foveate.files import make_cache, shortened, write_whole
from foveate.waiting import report_progress

MAX_NESTING = 4
"""Largest depth of archives inside archives."""


@dataclass(frozen=True)
class Unpacked:
    """The folder that archives were unpacked into, and the total bytes of their files."""

    folder: Path
    bytes: int


def cache_folder() -> Path:
    """Return the cache folder: FOVEATE_CACHE if that is set, or else foveate/ in the user's cache.

    Raises `UserError` for a user without a home folder.
    """
    chosen = os.environ.get("FOVEATE_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(chosen or Path(user) / "foveate").expanduser()
    except RuntimeError:
        raise UserError(
            "this user has no home folder for the cache; name a folder in the environment variable "
            "FOVEATE_CACHE"
        ) from None


def archives_in(source: Path) -> tuple[Path, ...]:
    """Return the archive at `source`, or the archives in the folder there; shards are not among them."""
    if (source / INDEX).is_file():
        return ()
    names = () if source.is_file() else os.listdir(source)
    files = sorted(source / name for name in names if name.lower().endswith(ENDINGS))
    return tuple(path for path in files or [source] if is_archive(path) and not is_shard(path))


def unpacked(source: Path) -> Unpacked:
    """Return the cache folder with the unpacked archives of `source` and links to the other files there.

    Archives inside archives are unpacked too. The folder is made at the first call, which reports its
    progress (`foveate.waiting`). A file FOLDER.json beside it records the source. Raises `DataError` for
    damaged or unsafe archives, as `archives.unpack` does, and `UserError` if the cache cannot be written to.
    """
    archives = archives_in(source)
    name = shortened(strip_archive_suffix(source.resolve().name))
    folder = cache_folder() / "unpacked" / f"{name}-{_key(source, archives)}"
    record = folder.with_name(f"{folder.name}.json")
    if not (folder.is_dir() and record.is_file()):
        make_cache(folder.parent, "FOVEATE_CACHE")
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".", suffix=".part"))
        try:
            written = _fill(draft, source, archives, folder)
            with write_whole(record, "w") as file:
                json.dump({"source": str(source.resolve()), "bytes": written}, file)
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process has made it in the meantime
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return Unpacked(folder, _recorded(record)["bytes"])


def unpack_into(
    archive: str | Path,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    limit_bytes: int = LIMIT,
) -> int:
    """Unpack an archive, and the archives inside it, into a folder that may hold other files.

    An archive without folders is unpacked into a folder of its own name. Folders of the same name are merged;
    of two files of the same name (licences, say) the first is kept. limit_bytes: most bytes that all these
    archives together may unpack to. Returns the number of bytes written. Raises `DataError` as `unpack` does,
    and also if a file and a folder have the same name, or if archives are nested deeper than `MAX_NESTING`.
    """
    return _unpack_nested(Path(archive), folder, progress, limit_bytes, depth=1)


def strip_archive_suffix(name: str) -> str:
    """Return a file's name without its archive suffix.

    >>> strip_archive_suffix("images.tar.gz"), strip_archive_suffix("v1.2")
    ('images', 'v1.2')
    """
    ending = next((end for end in ENDINGS if name.lower().endswith(end)), "")
    return name[: len(name) - len(ending)]


def megabytes(count: int, of: int | None = None) -> str:
    """Write a number of bytes in megabytes, with the total `of` if it is known.

    >>> megabytes(3_000_000), megabytes(3_000_000, 12_000_000)
    ('3 MB', '3 of 12 MB')
    """
    return f"{count / 1e6:,.0f} of {of / 1e6:,.0f} MB" if of else f"{count / 1e6:,.0f} MB"


def _unpack_nested(
    archive: Path, folder: Path, progress: Callable[[int], None] | None, limit_bytes: int, depth: int
) -> int:
    name = strip_archive_suffix(archive.name)
    draft = folder / f".{shortened(name)}.unpacked"
    written = unpack(archive, draft, limit_bytes, progress)
    inside = sorted(path for path in draft.rglob("*") if is_archive(path) and not is_shard(path))
    for inner in (path for path in inside if not (path.parent / INDEX).is_file()):  # shards stay as they are
        if depth == MAX_NESTING:
            raise DataError(
                f"{archive}: holds archives inside archives more than {MAX_NESTING} deep, as one that "
                "contains itself would; unpack by hand what you need"
            )
        try:
            written += _unpack_nested(inner, inner.parent, progress, limit_bytes - written, depth + 1)
        except DataError as error:
            raise DataError(str(error).replace(str(draft), str(archive))) from None
        inner.unlink()
    loose = not any(path.is_dir() for path in draft.iterdir())
    _merge(draft, folder / name if loose else folder, archive)
    return written


def _merge(source: Path, target: Path, archive: Path) -> None:
    if target.exists() and target.is_dir() != source.is_dir():
        kind = "folder" if source.is_dir() else "file"
        raise DataError(
            f"{archive}: '{target.name}' is a {kind} in the archive, but not in the folder that it is "
            "unpacked into; unpack it by hand into a folder of its own"
        )
    if source.is_dir():
        target.mkdir(exist_ok=True)
        for path in sorted(source.iterdir()):
            _merge(path, target / path.name, archive)
        source.rmdir()
    elif target.exists():
        source.unlink()
    else:
        source.rename(target)


def _fill(draft: Path, source: Path, archives: tuple[Path, ...], folder: Path) -> int:
    sizes = [unpacked_size(archive) for archive in archives]
    unpacks_to = None if None in sizes else sum(sizes)
    total = sum(archive.stat().st_size for archive in archives)
    names = ", ".join(archive.name for archive in archives)
    size = f"{megabytes(total)}{_unpacked_note(unpacks_to)}"
    report_progress(0, total, f"Unpacking {names} ({size}) into {folder}, once{_stale_note(source, folder)}")
    written = read = 0

    def count(more: int) -> None:
        nonlocal read
        read += more
        known = total if read <= total else None  # `total` leaves out archives inside archives
        report_progress(read, known, f"Unpacking {names}: {megabytes(read, known)}")

    for archive in archives:
        written += unpack_into(archive, draft, count)
    # After unpacking, so that no member of an archive is written through a link.
    for path in () if source.is_file() else source.iterdir():
        if path not in archives and not path.name.startswith(".") and not (draft / path.name).exists():
            (draft / path.name).symlink_to(path.resolve())
    return written


def _unpacked_note(total: int | None) -> str:
    return "" if total is None else f", {megabytes(total)} unpacked"


def _stale_note(source: Path, folder: Path) -> str:
    """Name the cache folders that were unpacked from earlier states of `source`."""
    old = [
        path.with_suffix("")
        for path in sorted(folder.parent.glob("*.json"))
        if path.with_suffix("") != folder and _recorded(path)["source"] == str(source.resolve())
    ]
    left = ", ".join(str(path) for path in old if path.is_dir())
    return f"; {left} holds an earlier state and may be deleted" if left else ""


def _recorded(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _key(source: Path, archives: tuple[Path, ...]) -> str:
    """Return a digest of the path, of the archives' sizes and dates, and of the names beside them."""
    facts = [str(source.resolve())]
    facts += [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in archives]
    facts += sorted(path.name for path in source.iterdir()) if source.is_dir() else []
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
