"""Which layout a folder has: in itself, in the only dataset inside it, or in the archives that it holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.folders.listing import (
    SEARCH_LIMIT,
    folders_in,
    holds_images,
    single_folder_chain,
    wrapper_chain,
)
from foveate.data.folders.pair_folders import has_masks, split_roots
from foveate.data.layout import Layout, LayoutReader, layout_readers
from foveate.data.storage.unpacked import Unpacked, archives_in, megabytes, unpacked
from foveate.errors import DataError, SeveralDatasets

_CLASSES = "class_folders"
"""The layout that any folder of folders with images has; all others say more."""


@dataclass(frozen=True)
class Recognised:
    """A layout and its folder. archives: those that lie there; unpacked: where, if it was in them."""

    source: Path
    layout: LayoutReader
    folder: Path
    archives: tuple[Path, ...]
    unpacked: Unpacked | None

    def read(self, classes: Sequence[str] | None) -> Layout:
        """What the layout holds; says where it came from, and what was not looked into."""
        names = ", ".join(path.name for path in self.archives[:6]) + ", ..." * (len(self.archives) > 6)
        try:
            layout = self.layout.read(self.folder, classes)
        except DataError as error:
            if not self.archives:
                raise
            how = f"unpacked from {names}" if self.unpacked else f"still packed beside it: {names}"
            raise DataError(f"{error} ({how})") from None
        notes = [*layout.notes]
        root = self.unpacked.folder if self.unpacked else self.source
        if self.folder != root and self.folder not in wrapper_chain(root):
            notes.append(f"found in {self.folder.relative_to(root)}/; the folders beside it are not read")
        if self.unpacked:
            notes.append(f"read from {names}, kept unpacked ({megabytes(self.unpacked.bytes)})")
        elif self.archives:
            notes.append(f"not looked into, being packed: {names}")
        return replace(layout, notes=tuple(notes))


def recognise(source: Path) -> Recognised | None:
    """The first layout that a folder or an archive has; folders are looked at before the archives in them.

    Raises `DataError` for a folder of several datasets.
    """
    archives = archives_in(source)
    found = _shard(source) if source.is_file() else _match(source)
    if found and found[0].tars:
        archives = ()
    kept = unpacked(source) if found is None and archives else None
    if kept:
        found = _match(kept.folder)
    return found and Recognised(source, *found, archives, kept)


def _shard(source: Path) -> tuple[LayoutReader, Path] | None:
    """The layout of a tar that is read as it is."""
    readers = (layout for layout in layout_readers() if layout.tars)
    return next(((layout, source) for layout in readers if layout.recognise(source)), None)


def _match(root: Path) -> tuple[LayoutReader, Path] | None:
    """The layout of a folder; or of the dataset that is alone in it, or published and beside no classes."""
    folders = wrapper_chain(root)
    found = _first(layout_readers(), folders)
    if found and not found[0].info and found[0].name != _CLASSES:
        return found
    folder = found[1] if found else folders[0]
    inside = _inside(folder)
    if found and found[0].info:
        inside = [(layout, path) for layout, path in inside if layout.info]
        if {layout.name for layout, _ in inside} <= {found[0].name}:  # parts of it look like the whole
            return found
    elif not inside:
        return found and (found[0], _of_classes(folder))
    elif len(inside) == 1 and _classes_beside(folder, inside[0][1]):
        return found
    elif len(inside) == 1 and (inside[0][0].info or len(folders_in(folder)) == 1):
        return inside[0]
    names = ", ".join(f"{path.relative_to(folder)} ({layout.name})" for layout, path in inside)
    what = "several datasets" if len(inside) > 1 else "a dataset beside other folders"
    raise SeveralDatasets(f"{folder}: holds {what}: {names}; give one alone, such as {inside[0][1]}")


def _of_classes(root: Path) -> Path:
    """Where the folders of the classes are: past a folder that is alone beside words, if it is no split."""
    if split_roots(root):
        return root
    return next((folder for folder in single_folder_chain(root)[::-1] if len(folders_in(folder)) > 1), root)


def _first(readers: Iterable[LayoutReader], folders: Sequence[Path]) -> tuple[LayoutReader, Path] | None:
    """The first layout that one of the folders has."""
    return next(((layout, path) for layout in readers for path in folders if _has(layout, path)), None)


def _has(layout: LayoutReader, folder: Path) -> bool:
    try:
        return layout.recognise(folder)
    except PermissionError:  # of a folder in it, as lost+found
        return False


def _inside(root: Path) -> list[tuple[LayoutReader, Path]]:
    """The datasets that are published, or have masks or splits, among the first folders in a folder and in
    those.
    """
    found = []
    for folder in folders_in(root)[:SEARCH_LIMIT]:
        if match := _dataset(folder):
            found.append(match)
        else:
            found += filter(None, map(_dataset, folders_in(folder)[:SEARCH_LIMIT]))
    return found


def _dataset(folder: Path) -> tuple[LayoutReader, Path] | None:
    if holds_images(folder):
        return None  # a class, which may be large
    *others, classes = layout_readers()
    folders = wrapper_chain(folder)
    found = _first(others, folders)
    if found and (found[0].name != "paired" or has_masks(found[1])):  # images/ alone may be of one class
        return found
    several = any(len(folders_in(split)) > 1 for _, split in split_roots(folders[0]))
    return (classes, folders[0]) if several else None


def _classes_beside(root: Path, dataset: Path) -> bool:
    """Whether two folders or more, other than that of the dataset, hold images or folders of images."""
    others = [folder for folder in folders_in(root)[:SEARCH_LIMIT] if not dataset.is_relative_to(folder)]
    filled = (any(map(holds_images, [folder, *folders_in(folder)[:SEARCH_LIMIT]])) for folder in others)
    return sum(filled) >= 2
