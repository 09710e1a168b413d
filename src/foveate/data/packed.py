"""Datasets that are still packed: unpacked once, into a cache that an archive's change makes stale."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from foveate.data.archives import ENDINGS, LIMIT, is_archive, unpack
from foveate.data.readers.shards import INDEX


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
    return tuple(filter(is_archive, files))


def unpacked(source: Path) -> Path:
    """A folder with what the archives at `source` hold (archives inside them included), beside the files and
    folders that lie there already.

    Raises `DataError` for archives that are damaged or not safe, as `archives.unpack` does.
    """
    archives = archives_in(source)
    folder = cache_folder() / "unpacked" / f"{bare_name(source.resolve().name)}-{_key(source, archives)}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".", suffix=".part"))
        try:
            _fill(draft, source, archives)
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def unpack_beside(
    archive: str | Path,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    limit_bytes: int = LIMIT,
) -> int:
    """Unpack an archive, and the archives in it, into a folder that may hold other files; errors as `unpack`.

    Where files lie loose in an archive, its name stands for the folder that they were in. Folders are merged
    with those that are there; of two files of one name (a licence, say) the first stays. Returns the bytes
    that were written, which `limit_bytes` bounds for all of these archives together.
    """
    name = bare_name(Path(archive).name)
    draft = folder / f".{name}.unpacked"
    written = unpack(archive, draft, limit_bytes, progress)
    for inner in sorted(filter(is_archive, draft.rglob("*"))):
        written += unpack_beside(inner, inner.parent, progress, limit_bytes - written)
        inner.unlink()
    loose = not any(path.is_dir() for path in draft.iterdir())
    _merge(draft, folder / name if loose else folder)
    return written


def bare_name(name: str) -> str:
    """A file's name without the ending of an archive.

    >>> bare_name("images.tar.gz"), bare_name("v1.2")
    ('images', 'v1.2')
    """
    ending = next((end for end in ENDINGS if name.lower().endswith(end)), "")
    return name[: len(name) - len(ending)]


def _merge(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_dir() and (place.is_dir() or not place.exists()):
            _merge(path, place)
        elif not place.exists():
            path.rename(place)
    shutil.rmtree(source)


def _fill(draft: Path, source: Path, archives: tuple[Path, ...]) -> None:
    for archive in archives:
        unpack_beside(archive, draft)
    # Last, so that no member of an archive can be written through a link.
    for path in () if source.is_file() else source.iterdir():
        if path not in archives and not path.name.startswith(".") and not (draft / path.name).exists():
            (draft / path.name).symlink_to(path.resolve())


def _key(source: Path, archives: tuple[Path, ...]) -> str:
    """Differs when the place, an archive's size or date, or the names beside them do."""
    facts = [str(source.resolve())]
    facts += [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in archives]
    facts += sorted(path.name for path in source.iterdir()) if source.is_dir() else []
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
