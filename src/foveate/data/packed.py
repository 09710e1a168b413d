"""Datasets that are still packed: unpacked once, into a cache that an archive's change makes stale."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from foveate.data.archives import ENDINGS, is_archive, unpack_into


def cache_folder() -> Path:
    """Where unpacked archives are kept: FOVEATE_CACHE if it is set, or else foveate/ in the user's cache."""
    chosen = os.environ.get("FOVEATE_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen or Path(user) / "foveate").expanduser()


def archives_in(source: Path) -> tuple[Path, ...]:
    """The archive itself, or those in a folder."""
    files = [source] if source.is_file() else sorted(source.iterdir())
    return tuple(filter(is_archive, files))


def unpacked(source: Path) -> Path:
    """A folder with what the archives at `source` hold (archives inside them included), beside the files and
    folders that lie there already.

    Raises `DataError` for archives that are damaged or not safe, as `archives.unpack` does.
    """
    archives = archives_in(source)
    folder = cache_folder() / "unpacked" / f"{_bare(source.resolve().name)}-{_key(source, archives)}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".", suffix=".part"))
        try:
            _fill(draft, source, archives)
            if not folder.is_dir():
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def _fill(draft: Path, source: Path, archives: tuple[Path, ...]) -> None:
    for archive in archives:
        unpack_into(archive, draft)
    for inner in sorted(filter(is_archive, draft.rglob("*"))):
        unpack_into(inner, inner.parent)
        inner.unlink()
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


def _bare(name: str) -> str:
    ending = next((end for end in sorted(ENDINGS, key=len) if name.lower().endswith(end)), "")
    return name[: len(name) - len(ending)]
