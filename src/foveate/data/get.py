"""Get a public dataset into a folder, or check that a folder holds it: all of it, and readable."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout
from foveate.data.recognise import recognise
from foveate.data.storage.archives import is_archive
from foveate.data.storage.download import download
from foveate.data.storage.unpacked import megabytes, unpack_beside
from foveate.errors import DataError

WORKSHOP = ".foveate-get"
"""The folder in a dataset's own where its archives lie until everything is there."""

FETCHING = 0.9
"""The share of the work on a file that fetching it is; unpacking it is the rest."""

Progress = Callable[[float, float, str], None]


def get(info: DatasetInfo, out: Path, progress: Progress | None = None) -> None:
    """Download and unpack a dataset into `out`, which must hold nothing else.

    What arrived before an interruption is kept, and `out` fills only when all of it is there. progress:
    called with the files done (and a part of one), all files, and words. Raises `DataError` for archives that
    are damaged or unsafe and for a result that is not the dataset, `UserError` where the download fails.
    """
    workshop, tell = out / WORKSHOP, progress or _silent
    files = [_fetch(info.downloads, number, workshop, tell) for number in range(len(info.downloads))]
    whole = workshop / "unpacked"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    for number, path in enumerate(files):
        if is_archive(path):
            unpack_beside(path, whole, _unpacking(files, number, tell))
        else:
            shutil.copy2(path, whole)
            tell(_done(files, number, 1), len(files), path.name)
    for path in whole.iterdir():
        path.rename(out / path.name)
    shutil.rmtree(workshop)
    verify(info, out)


def holds_files(folder: Path) -> bool:
    """Whether there is anything in a folder but hidden files, such as those of a download under way."""
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def verify(info: DatasetInfo, folder: Path) -> None:
    """Check that a folder holds a dataset, unpacked or not, by its layout and the counts of its images.

    Raises `DataError` where it is not recognised, cannot be read, or has other counts.
    """
    found = recognise(folder)
    if found is None or found.layout.info is None or found.layout.info.name != info.name:
        seems = f", but like '{found.layout.name}'" if found else ""
        raise DataError(f"{folder}: does not look like {info.name}{seems}; expected: {info.layout}")
    _compare(info, found.read(None), folder)


def _compare(info: DatasetInfo, layout: Layout, folder: Path) -> None:
    found = {part: len(entries) for part, entries in layout.parts.items()}
    expected = dict(info.splits)
    if info.images and not expected.keys() & found.keys():
        found, expected = {"all": sum(found.values())}, {"all": info.images}
    wrong = [part for part in expected if found.get(part, 0) != expected[part]]
    if wrong:
        counts = ", ".join(f"{found.get(part, 0)} of {expected[part]} images in {part}" for part in wrong)
        raise DataError(f"{folder}: is not all of {info.name}, or not only that: {counts}; mend the folder")


def _fetch(downloads: tuple[Download, ...], number: int, folder: Path, tell: Progress) -> Path:
    file = downloads[number]

    def arrived(done: int, of: int | None) -> None:
        known = of or file.bytes
        part = done / known if known else 0
        tell(FETCHING * (number + part), len(downloads), f"{file.file}: {megabytes(done, known)}")

    return download(file, folder, arrived)


def _unpacking(files: Sequence[Path], number: int, tell: Progress) -> Callable[[int], None]:
    """A callback for what was just read of an archive that tells what was read so far."""
    archive, read = files[number], 0
    size = archive.stat().st_size

    def count(more: int) -> None:
        nonlocal read
        read += more
        known = size if read <= size else None  # archives in it were not counted
        done = _done(files, number, min(1, read / size))
        tell(done, len(files), f"unpacking {archive.name}: {megabytes(read, known)}")

    return count


def _done(files: Sequence[Path], unpacked: int, part: float) -> float:
    """Files done when all are fetched, so many of them unpacked, and a part of the next."""
    return FETCHING * len(files) + (1 - FETCHING) * (unpacked + part)


def _silent(done: float, total: float, note: str) -> None:
    pass
