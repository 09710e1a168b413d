"""Get a public dataset into a folder, or check that a folder holds it: all of it, and readable."""

import shutil
from collections.abc import Callable
from pathlib import Path

from foveate.data.archives import is_archive, unpack
from foveate.data.catalogue import DatasetInfo, Download
from foveate.data.download import download
from foveate.data.errors import DataError
from foveate.data.layout import Layout, LayoutReader, layout_readers

WORKSHOP = ".foveate-get"
"""The folder in a dataset's own where its archives lie until everything is there."""

Progress = Callable[[float, float, str], None]


def get(info: DatasetInfo, out: Path, progress: Progress | None = None) -> Path:
    """Download and unpack a dataset into `out`; returns the folder to open, `out` or one inside it.

    What arrived before an interruption is kept, and `out` fills only when all of it is there. progress:
    called with the files done (and a part of one), all files, and words. Raises `DataError` for archives that
    are damaged or unsafe and for a result that is not the dataset, `UserError` where the download fails.
    """
    workshop, tell, count = out / WORKSHOP, progress or _silent, len(info.downloads)
    files = []
    for number, file in enumerate(info.downloads):

        def arrived(done: int, of: int | None, number: int = number, file: Download = file) -> None:
            all_of_it = of or file.bytes
            tell(
                number + (done / all_of_it if all_of_it else 0), count, f"{file.file}: {_mb(done, all_of_it)}"
            )

        files.append(download(file, workshop, arrived))
    whole = workshop / "unpacked"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    for path in files:
        if is_archive(path):
            _unpack(path, whole, tell)
        else:
            shutil.copy2(path, whole)
    _merge(whole, out)
    shutil.rmtree(workshop)
    return verify(info, out)


def find(info: DatasetInfo, out: Path) -> Path | None:
    """The folder that has the layout of a dataset: `out`, or one inside it; None where there is none."""
    if not out.is_dir():
        return None
    recognise = _reader(info).recognise
    folders = [out, *sorted(path for path in out.iterdir() if path.is_dir() and path.name != WORKSHOP)]
    return next((folder for folder in folders if recognise(folder)), None)


def verify(info: DatasetInfo, out: Path) -> Path:
    """Check that a folder holds a dataset, by its layout and the counts of its images; returns it.

    Raises `DataError` where it is not recognised, cannot be read, or has other counts.
    """
    root = find(info, out)
    if root is None:
        raise DataError(f"{out}: does not look like {info.name}; expected: {info.layout}")
    _compare(info, _reader(info).read(root, None), root)
    return root


def _compare(info: DatasetInfo, layout: Layout, root: Path) -> None:
    found = {part: len(entries) for part, entries in layout.parts.items()}
    expected = (
        {"all": info.images} if info.images and not set(info.splits) & set(found) else dict(info.splits)
    )
    if not set(expected) & set(found):
        found = {"all": sum(found.values())}
    wrong = [part for part in expected if found.get(part, 0) != expected[part]]
    if wrong:
        counts = ", ".join(f"{found.get(part, 0)} of {expected[part]} images in {part}" for part in wrong)
        raise DataError(f"{root}: is not all of {info.name}, or not only that: {counts}; add what is missing")


def _reader(info: DatasetInfo) -> LayoutReader:
    return next(layout for layout in layout_readers() if layout.info and layout.info.name == info.name)


def _unpack(archive: Path, folder: Path, tell: Progress) -> None:
    """Unpack into `folder`; files that lie loose in the archive get a folder of its name."""
    written = 0

    def count(more: int) -> None:
        nonlocal written
        written += more
        tell(1, 1, f"unpacking {archive.name}: {_mb(written)}")

    draft = folder / archive.name.split(".")[0]
    unpack(archive, draft, progress=count)
    if any(path.is_dir() for path in draft.iterdir()):
        _merge(draft.rename(folder.parent / "draft"), folder)


def _merge(source: Path, target: Path) -> None:
    """Move what is in a folder into another one, and remove it."""
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_dir() and place.is_dir():
            _merge(path, place)
        elif place.exists():
            raise DataError(f"{place}: is there already; move it away, or name another folder")
        else:
            path.rename(place)
    source.rmdir()


def _mb(done: int, of: int | None = None) -> str:
    return f"{done / 1e6:.0f} of {of / 1e6:.0f} MB" if of else f"{done / 1e6:.0f} MB"


def _silent(done: float, total: float, note: str) -> None:
    pass
