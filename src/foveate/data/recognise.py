"""Recognise the layout of a folder, of the only dataset inside it, or of the archives that it holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.folders.accounting import missed_note
from foveate.data.folders.listing import (
    SEARCH_LIMIT,
    folders_in,
    holds_images,
    remembering_folders,
    single_folder_chain,
    wrapper_chain,
)
from foveate.data.folders.pair_folders import has_masks, split_roots
from foveate.data.layout import Layout, LayoutReader, layout_readers
from foveate.data.storage.unpacked import Unpacked, archives_in, megabytes, unpacked
from foveate.errors import DataError, SeveralDatasets, choose

_CLASSES = "class_folders"
"""The fallback layout: any folder of folders with images has it."""

_JOINED = ("pairs_in_folders", "classes_in_folders")
"""Layouts that join folders, which may also be datasets that lie in one place."""


@dataclass(frozen=True)
class Recognised:
    """A recognised layout.

    source: the folder or archive that was given. folder: where the layout was found. archives: archives at
    the source. unpacked: their cache folder, None if they were not unpacked. named: whether the user named
    the layout.
    """

    source: Path
    layout: LayoutReader
    folder: Path
    archives: tuple[Path, ...]
    unpacked: Unpacked | None
    named: bool = False

    def read(self, classes: Sequence[str] | None) -> Layout:
        """Read the layout. Its notes name the folder it was found in and the archives read or left unread."""
        names = ", ".join(path.name for path in self.archives[:6]) + ", ..." * (len(self.archives) > 6)
        try:
            read = self.layout.read_named if self.named and self.layout.read_named else self.layout.read
            layout = read(self.folder, classes)
        except DataError as error:
            said = [str(error), *missed_note(self.folder)]
            if self.archives:
                said[0] += f" ({'unpacked from' if self.unpacked else 'still packed beside it:'} {names})"
            raise type(error)("; ".join(said)) from None
        notes = [*layout.notes, *([f"read as {self.layout.name}, as --layout says"] if self.named else [])]
        root = self.unpacked.folder if self.unpacked else self.source
        if self.folder != root and self.folder not in wrapper_chain(root):
            notes.append(f"found in {self.folder.relative_to(root)}/; the folders beside it are not read")
        if self.unpacked:
            notes.append(f"read from {names}, kept unpacked ({megabytes(self.unpacked.bytes)})")
        elif self.archives:
            notes.append(f"archives that were not read: {names}")
        return replace(layout, notes=tuple(notes), below=self.below)

    @property
    def below(self) -> Path | None:
        """The folder below which every file is accounted for; None for published datasets, whose files their
        authors chose.
        """
        if self.layout.info:
            return None
        return self.unpacked.folder if self.unpacked else self.source


@remembering_folders()
def recognise(source: Path, layout: str | None = None) -> Recognised | None:
    """Return the layout of a folder or an archive, or None.

    layout: the name of the layout that the user says it has. Archives in a folder are unpacked only if the
    folder itself has no known layout. Raises `SeveralDatasets` for a folder of several datasets, and
    `UserError` for an unknown name.
    """
    if layout is not None:
        return _named(source, layout)
    archives = archives_in(source)
    match = _match_tar(source) if source.is_file() else _match_folder(source)
    if match and match[0].tars:
        archives = ()
    cache = unpacked(source) if match is None and archives else None
    if cache:
        match = _match_folder(cache.folder)
    return match and Recognised(source, *match, archives, cache)


def _named(source: Path, name: str) -> Recognised:
    """Return the layout of this name, at the innermost wrapping folder that has it, or else at the source."""
    readers = {layout.name: layout for layout in layout_readers()}
    layout = readers[choose(name, readers, "layout")]
    if layout.tars:
        return Recognised(source, layout, source, (), None, named=True)
    archives = archives_in(source)
    packed = source.is_file() or (archives and not any(map(layout.recognise, _chain(source))))
    cache = unpacked(source) if packed else None
    folders = _chain(cache.folder if cache else source)
    folder = next((folder for folder in folders if _matches(layout, folder)), folders[0])
    folder = _class_root(folder) if layout.name == _CLASSES else folder
    return Recognised(source, layout, folder, archives, cache, named=True)


def _chain(root: Path) -> list[Path]:
    """Return the folders that wrap a dataset, innermost first; words may lie beside them."""
    return list(dict.fromkeys([*wrapper_chain(root), *single_folder_chain(root)]))


def _match_tar(source: Path) -> tuple[LayoutReader, Path] | None:
    """Return the layout of a tar that is read without unpacking."""
    readers = (layout for layout in layout_readers() if layout.tars)
    return next(((layout, source) for layout in readers if layout.recognise(source)), None)


def _match_folder(root: Path) -> tuple[LayoutReader, Path] | None:
    """Return the layout of a folder and where it was found: in the folder itself or in a dataset inside it.

    A dataset inside is taken if it is published or the only folder there, unless folders of classes lie
    beside it. Raises `SeveralDatasets` if the choice is ambiguous.
    """
    folders = wrapper_chain(root)
    match = _first_match(layout_readers(), folders)
    if match and not match[0].info and match[0].name not in (_CLASSES, *_JOINED):
        return match
    folder = match[1] if match else folders[0]
    inside = _datasets_inside(folder)
    if match and match[0].info:
        inside = [(layout, path) for layout, path in inside if layout.info]
        if {layout.name for layout, _ in inside} <= {match[0].name}:  # parts of a dataset match its layout
            return match
    elif match and match[0].name in _JOINED and not any(layout.info for layout, _ in inside):
        return match
    elif not inside:
        return match and (match[0], _class_root(folder))
    elif len(inside) == 1 and _has_classes_beside(folder, inside[0][1]):
        return match
    elif len(inside) == 1 and (inside[0][0].info or len(folders_in(folder)) == 1):
        return inside[0]
    names = ", ".join(f"{path.relative_to(folder)} ({layout.name})" for layout, path in inside)
    what = "several datasets" if len(inside) > 1 else "a dataset beside other folders"
    message = f"{folder}: holds {what}: {names}; give one alone, such as {inside[0][1]}"
    if {layout.name for layout, _ in inside} == {"paired"} and len(inside) > 1:
        message += (
            ", or join them as the parts of one with --layout pairs_in_folders; where they are classes, "
            "--layout class_folders reads their images alone"
        )
    raise SeveralDatasets(message)


def _class_root(root: Path) -> Path:
    """Return the folder that holds the class folders, following single folders unless they are splits."""
    if split_roots(root):
        return root
    return next((folder for folder in single_folder_chain(root)[::-1] if len(folders_in(folder)) > 1), root)


def _first_match(
    readers: Iterable[LayoutReader], folders: Sequence[Path]
) -> tuple[LayoutReader, Path] | None:
    """Return the first layout that one of the folders has, with that folder."""
    return next(((layout, path) for layout in readers for path in folders if _matches(layout, path)), None)


def _matches(layout: LayoutReader, folder: Path) -> bool:
    try:
        return layout.recognise(folder)
    except PermissionError:  # of a folder inside, such as lost+found
        return False


def _datasets_inside(root: Path) -> list[tuple[LayoutReader, Path]]:
    """Return the datasets one or two levels below a folder, among the first `SEARCH_LIMIT` of each level."""
    datasets = []
    for folder in folders_in(root)[:SEARCH_LIMIT]:
        if match := _match_dataset(folder):
            datasets.append(match)
        else:
            datasets += filter(None, map(_match_dataset, folders_in(folder)[:SEARCH_LIMIT]))
    return datasets


def _match_dataset(folder: Path) -> tuple[LayoutReader, Path] | None:
    """Return the layout of a folder if it is a published dataset, or has masks or splits of classes."""
    if holds_images(folder):
        return None  # a class, which may be large
    *others, classes = layout_readers()
    folders = wrapper_chain(folder)
    match = _first_match(others, folders)
    if match and (match[0].name != "paired" or has_masks(match[1])):  # images/ alone may be of one class
        return match
    several = any(len(folders_in(split)) > 1 for _, split in split_roots(folders[0]))
    return (classes, folders[0]) if several else None


def _has_classes_beside(root: Path, dataset: Path) -> bool:
    """Whether at least two folders beside the dataset hold images or folders of images."""
    others = [folder for folder in folders_in(root)[:SEARCH_LIMIT] if not dataset.is_relative_to(folder)]
    filled = (any(map(holds_images, [folder, *folders_in(folder)[:SEARCH_LIMIT]])) for folder in others)
    return sum(filled) >= 2
