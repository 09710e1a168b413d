"""Datasets that are still packed: unpacked once, into a cache that an archive's change makes stale."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foveate.data.storage.archives import ENDINGS, LIMIT, is_archive, unpack, unpacked_size
from foveate.data.storage.shards import INDEX
from foveate.data.storage.webdataset import is_shard
from foveate.errors import DataError
from foveate.files import write_whole
from foveate.waiting import report_progress

DEEPEST = 4
"""How many archives may lie in one another."""


@dataclass(frozen=True)
class Unpacked:
    """Where archives were unpacked, and the bytes of the files that were in them."""

    folder: Path
    bytes: int


def cache_folder() -> Path:
    """Where unpacked archives are kept: FOVEATE_CACHE if it is set, or else foveate/ in the user's cache."""
    chosen = os.environ.get("FOVEATE_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen or Path(user) / "foveate").expanduser()


def archives_in(source: Path) -> tuple[Path, ...]:
    """The archive itself, or those in a folder; the tars of shards are read as they are, and none of them."""
    if (source / INDEX).is_file():
        return ()
    files = [source] if source.is_file() else sorted(source.iterdir())
    return tuple(path for path in files if is_archive(path) and not is_shard(path))


def unpacked(source: Path) -> Unpacked:
    """A folder with what the archives at `source` hold (archives inside them included), beside the files and
    folders that lie there already. It is made once; a `progress_listener` is called meanwhile.

    A file beside it, of its name and .json, says where it is from. Raises `DataError` for archives that are
    damaged or not safe, as `archives.unpack` does.
    """
    archives = archives_in(source)
    folder = cache_folder() / "unpacked" / f"{bare_name(source.resolve().name)}-{_key(source, archives)}"
    record = folder.with_name(f"{folder.name}.json")
    if not (folder.is_dir() and record.is_file()):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".", suffix=".part"))
        try:
            written = _fill(draft, source, archives, folder)
            with write_whole(record, "w") as file:
                json.dump({"source": str(source.resolve()), "bytes": written}, file)
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return Unpacked(folder, json.loads(record.read_text())["bytes"])


def unpack_beside(
    archive: str | Path,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    limit_bytes: int = LIMIT,
) -> int:
    """Unpack an archive, and the archives in it, into a folder that may hold other files; errors as `unpack`.

    Where files lie loose in an archive, its name stands for the folder that they were in. Folders are merged
    with those that are there; of two files of one name (a licence, say) the first stays. Returns the bytes
    that were written, which `limit_bytes` bounds for all of these archives together. Also raises `DataError`
    where a file and a folder have one name, and for archives in archives more than `DEEPEST` deep.
    """
    return _beside(Path(archive), folder, progress, limit_bytes, depth=1)


def bare_name(name: str) -> str:
    """A file's name without the ending of an archive.

    >>> bare_name("images.tar.gz"), bare_name("v1.2")
    ('images', 'v1.2')
    """
    ending = next((end for end in ENDINGS if name.lower().endswith(end)), "")
    return name[: len(name) - len(ending)]


def megabytes(count: int, of: int | None = None) -> str:
    """Bytes as people say them, of all that there are where that is known.

    >>> megabytes(3_000_000), megabytes(3_000_000, 12_000_000)
    ('3 MB', '3 of 12 MB')
    """
    return f"{count / 1e6:,.0f} of {of / 1e6:,.0f} MB" if of else f"{count / 1e6:,.0f} MB"


def _beside(
    archive: Path, folder: Path, progress: Callable[[int], None] | None, limit_bytes: int, depth: int
) -> int:
    name = bare_name(archive.name)
    draft = folder / f".{name}.unpacked"
    written = unpack(archive, draft, limit_bytes, progress)
    inside = sorted(path for path in draft.rglob("*") if is_archive(path) and not is_shard(path))
    for inner in (path for path in inside if not (path.parent / INDEX).is_file()):  # shards stay as they are
        if depth == DEEPEST:
            raise DataError(
                f"{archive}: archives lie in archives more than {DEEPEST} deep, as in one that contains "
                "itself; unpack by hand what you need"
            )
        try:
            written += _beside(inner, inner.parent, progress, limit_bytes - written, depth + 1)
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
            f"{archive}: '{target.name}' is to be a {kind}, and there is something else of that name where "
            "it belongs; unpack it by hand into a folder of its own"
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
    size = f"{megabytes(total)}{_said(unpacks_to)}"
    report_progress(0, total, f"Unpacking {names} ({size}) into {folder}, once{_stale(source, folder)}")
    written = read = 0

    def count(more: int) -> None:
        nonlocal read
        read += more
        known = total if read <= total else None  # archives in archives were not counted
        report_progress(read, known, f"Unpacking {names}: {megabytes(read, known)}")

    for archive in archives:
        written += unpack_beside(archive, draft, count)
    # Last, so that no member of an archive can be written through a link.
    for path in () if source.is_file() else source.iterdir():
        if path not in archives and not path.name.startswith(".") and not (draft / path.name).exists():
            (draft / path.name).symlink_to(path.resolve())
    return written


def _said(total: int | None) -> str:
    return "" if total is None else f", {megabytes(total)} unpacked"


def _stale(source: Path, folder: Path) -> str:
    """A word on what was unpacked of a place before it changed."""
    old = [
        path.with_suffix("")
        for path in sorted(folder.parent.glob("*.json"))
        if path.with_suffix("") != folder and json.loads(path.read_text())["source"] == str(source.resolve())
    ]
    left = ", ".join(str(path) for path in old if path.is_dir())
    return f"; of what was there before, {left} is left and may be deleted" if left else ""


def _key(source: Path, archives: tuple[Path, ...]) -> str:
    """Differs when the place, an archive's size or date, or the names beside them do."""
    facts = [str(source.resolve())]
    facts += [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in archives]
    facts += sorted(path.name for path in source.iterdir()) if source.is_dir() else []
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
