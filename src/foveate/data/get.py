"""Download a public dataset into a folder, or check that a folder holds the whole dataset and can be read."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout
from foveate.data.recognise import recognise
from foveate.data.storage.archives import is_archive
from foveate.data.storage.download import download
from foveate.data.storage.unpacked import megabytes, unpack_into
from foveate.errors import DataError

STAGING = ".foveate-get"
"""Name of the folder, inside the target folder, that holds the archives until the download is complete."""

DOWNLOAD_SHARE = 0.9
"""Share of a file's progress bar for its download; unpacking takes the rest."""

Progress = Callable[[float, float, str], None]


def get(info: DatasetInfo, out: Path, progress: Progress | None = None) -> None:
    """Download and unpack a dataset into `out`, which must hold nothing else.

    An interrupted download continues at the next call. Files appear in `out` only when the download is
    complete. progress: called with the number of files done (a fraction for the file in work), the number of
    all files, and a message. Raises `UserError` if the download fails, and `DataError` for damaged or unsafe
    archives and if the result is not the dataset.
    """
    staging, report = out / STAGING, progress or _ignore
    files = [_fetch(info.downloads, number, staging, report) for number in range(len(info.downloads))]
    whole = staging / "unpacked"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    for number, path in enumerate(files):
        if is_archive(path):
            unpack_into(path, whole, _unpack_progress(files, number, report))
        else:
            shutil.copy2(path, whole)
            report(_files_done(files, number, 1), len(files), path.name)
    for path in whole.iterdir():
        path.rename(out / path.name)
    shutil.rmtree(staging)
    verify(info, out)


def holds_files(folder: Path) -> bool:
    """Whether a folder holds files other than hidden ones, such as those of an unfinished download."""
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def verify(info: DatasetInfo, folder: Path) -> None:
    """Check the layout and the image counts of a folder that holds a dataset, unpacked or in archives.

    Raises `DataError` if the dataset is not recognised, cannot be read, or has other counts.
    """
    match = recognise(folder)
    if match is None or match.layout.info is None or match.layout.info.name != info.name:
        seems = f", but like '{match.layout.name}'" if match else ""
        raise DataError(f"{folder}: does not look like {info.name}{seems}; expected: {info.layout}")
    _check_counts(info, match.read(None), folder)


def _check_counts(info: DatasetInfo, layout: Layout, folder: Path) -> None:
    present = {part: len(entries) for part, entries in layout.parts.items()}
    expected = dict(info.splits)
    if info.images and not expected.keys() & present.keys():
        present, expected = {"all": sum(present.values())}, {"all": info.images}
    wrong = [part for part in expected if present.get(part, 0) != expected[part]]
    if wrong:
        counts = ", ".join(f"{present.get(part, 0)} of {expected[part]} images in {part}" for part in wrong)
        raise DataError(
            f"{folder}: does not hold exactly the images of {info.name}: {counts}; remove the folder and get "
            "the dataset again"
        )


def _fetch(downloads: tuple[Download, ...], number: int, folder: Path, report: Progress) -> Path:
    file = downloads[number]

    def on_bytes(done: int, of: int | None) -> None:
        size = of or file.bytes
        part = done / size if size else 0
        report(DOWNLOAD_SHARE * (number + part), len(downloads), f"{file.file}: {megabytes(done, size)}")

    return download(file, folder, on_bytes)


def _unpack_progress(files: Sequence[Path], number: int, report: Progress) -> Callable[[int], None]:
    """Return a callback that takes the bytes just read of an archive and reports the progress."""
    archive, read = files[number], 0
    size = archive.stat().st_size

    def count(more: int) -> None:
        nonlocal read
        read += more
        total = size if read <= size else None  # `size` leaves out the archives inside the archive
        done = _files_done(files, number, min(1, read / size))
        report(done, len(files), f"unpacking {archive.name}: {megabytes(read, total)}")

    return count


def _files_done(files: Sequence[Path], unpacked: int, part: float) -> float:
    """Progress in files: all downloaded, `unpacked` of them unpacked, and a `part` (0 to 1) of the next."""
    return DOWNLOAD_SHARE * len(files) + (1 - DOWNLOAD_SHARE) * (unpacked + part)


def _ignore(done: float, total: float, note: str) -> None:
    pass
