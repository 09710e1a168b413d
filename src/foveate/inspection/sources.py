"""The images to inspect: files, a folder, a dataset with its truth, or the run's own data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import UInt8
from numpy import ndarray

from foveate.data.dataset import Pixels
from foveate.data.pixels.images import image_files
from foveate.data.storage.archives import is_archive
from foveate.errors import UserError, choose
from foveate.evaluation.scored_data import check_classes, data_of
from foveate.specs.data import ANY_FOLDER, FolderChoice

Truth = UInt8[ndarray, "h w"] | int | None


@dataclass(frozen=True)
class Source:
    """One image with a unique name; `read` returns its pixels or its file, and its truth if it is known."""

    name: str
    read: Callable[[], tuple[Pixels | Path, Truth]]


def find_sources(
    run: str | Path,
    classes: tuple[str, ...],
    images: str | Path | None,
    split: str,
    folder: FolderChoice = ANY_FOLDER,
) -> list[Source]:
    """Return the images of `images`.

    `images` is an image file, a folder that directly holds images, a dataset with the classes of the run, or
    None for the run's own data. Of a dataset, only `split` is used. folder: what the user says about it.

    Raises `UserError` if there are no
    images, for an unknown split, and for data with other classes.
    """
    choose(split, ("train", "val", "test"), "split")
    path = Path(images or "")
    if images is not None and path.is_file() and not is_archive(path):
        return [_file(path, path.stem)]
    if images is not None and path.is_dir():
        files = image_files(path.iterdir())
        if files:
            stems = [file.stem for file in files]
            return [_file(file, file.stem if stems.count(file.stem) == 1 else file.name) for file in files]
    data = data_of(Path(run), images, None, classes, folder).dataset
    check_classes(Path(run), classes or data.classes, data.source, data.classes)
    entries = data.index(split)
    if not entries:
        raise UserError(f"{images or run}: the split {split} holds no images; choose another --split")
    return [Source(entry.stem, lambda entry=entry: data.read(entry)) for entry in entries]


def evenly_spaced(sources: list[Source], limit: int) -> list[Source]:
    """Return at most `limit` evenly spaced sources, in order.

    >>> [source.name for source in evenly_spaced([Source(name, list) for name in "abcdef"], 3)]
    ['a', 'c', 'e']
    """
    count = min(limit, len(sources))
    return [sources[number * len(sources) // count] for number in range(count)]


def _file(path: Path, name: str) -> Source:
    return Source(name, lambda: (path, None))
