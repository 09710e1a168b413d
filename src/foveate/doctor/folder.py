"""What a folder holds, told from its names alone: readable, paired, or not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.dataset import Entry, Read, Task
from foveate.data.folders.listing import folders_in, list_images
from foveate.data.folders.pair_folders import has_masks, pairs_of, split_roots, unread_folders, unread_lists
from foveate.data.folders.pairing import by_split, match_by_stem
from foveate.data.layout import Layout, LayoutReader
from foveate.data.open import is_path, read_layout, unknown
from foveate.data.pixels.palette import Color
from foveate.data.readers.coloured import colors_file, read_colors
from foveate.data.readers.csv_table import entries_of, read_rows, tables_in
from foveate.data.recognise import recognise
from foveate.data.storage.archives import is_archive
from foveate.errors import DataError

PLAIN = ("coloured", "camvid", "paired")
"""Layouts of images beside masks, where a pair can be looked at whatever is wrong with the others."""

MENDABLE = (*PLAIN, "class_folders")
"""Layouts whose files can be changed and left out without a list that has to follow."""


@dataclass(frozen=True)
class Folder:
    """What was found below `root`.

    layout: the name of the layout, and its summary: why it was taken for that. parts: images by split, or
    under "all". lonely: files without their other half, with what they are ("image" or "mask"). clashes:
    files that are passed over since another means the same, with the sentence that says so. colors: those of
    class_dict.csv or labelmap.txt, if it is there. read: how entries are decoded whose masks are not to be
    taken as they are stored. masks: whether there are masks to look at. classes: names, where the layout
    knows them. refused: what the layout's reader said, where it would not go on; notes: how it understood the
    rest. tables: those that say what belongs together, and that can be read; surplus: rows of theirs
    ("file:line") that are refused and that a copy can do without. spare: folders and lists that lie
    beside the pairs and are not looked at.
    """

    root: Path
    layout: str
    summary: str
    task: Task
    parts: Mapping[str, tuple[Entry, ...]]
    unpaired: tuple[tuple[Path, str], ...] = ()
    clashes: tuple[tuple[Path, str], ...] = ()
    colors: tuple[tuple[str, Color], ...] = ()
    read: Read | None = None
    masks: bool = True
    classes: tuple[str, ...] = ()
    reader_errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Path, ...] = ()
    droppable_rows: frozenset[str] = frozenset()
    unread: tuple[tuple[Path, ...], tuple[Path, ...]] = ((), ())

    @property
    def mendable(self) -> bool:
        """Whether `--fix` can copy it."""
        return self.layout in MENDABLE or bool(self.tables)

    @property
    def entries(self) -> list[tuple[str, Entry]]:
        """Every image with the part it is in."""
        return [(part, entry) for part, entries in self.parts.items() for entry in entries]

    def image(self, entry: Entry) -> Path:
        """The file of an image; where it is one of many in a file, or in none of its own, its stem."""
        return self.root / entry.stem if entry.image is None or entry.part is not None else entry.image

    def mask(self, entry: Entry) -> Path:
        """The file of a mask, or a stem, as with images."""
        return self.root / entry.stem if entry.mask is None or entry.part is not None else entry.mask

    def name(self, path: Path) -> str:
        """A file as it is called inside the folder."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def scan_folder(source: str | Path) -> Folder:
    """Find the images of a folder (or of an archive, or of those in it) and what belongs to them; or those of
    whatever else `open_dataset` reads.

    Raises `DataError` only where there is nothing to look at: no such folder, or none of the known layouts.
    """
    if not is_path(source):
        name, _, layout = read_layout(source)
        return _as_read(Path(source), name, f"read from {source}", layout)
    root = Path(source).expanduser()
    if not root.is_dir() and not is_archive(root):
        raise DataError(f"{root}: there is no such folder; give the folder of your images")
    found = recognise(root)
    if found is None:
        raise unknown(root)
    by_layout = {"class_folders": _class_folders, "csv": _table, **dict.fromkeys(PLAIN, _pairs)}
    folder = by_layout.get(found.layout.name, _other)(found.folder, found.layout)
    inner = found.folder != root and found.folder.is_relative_to(root)
    where = (f"found in {found.folder.relative_to(root)}/",) if inner else ()
    return replace(folder, notes=(*where, *folder.notes))


def _pairs(root: Path, layout: LayoutReader) -> Folder:
    folders = pairs_of(root)
    parts: dict[str, tuple[Entry, ...]] = {}
    unpaired: list[tuple[Path, str]] = []
    clashes: list[tuple[Path, str]] = []
    for part, (images, masks) in folders.items():
        if images is None or masks is None:
            what, there = ("mask", masks) if images is None else ("image", images)
            unpaired += [(path, what) for path in list_images(there)] if there else []
            continue
        matched = match_by_stem(images, masks, "" if part == "all" else f"{part}/")
        parts |= by_split(matched.entries) if part == "all" else {part: matched.entries}
        unpaired += [(path, "image") for path in matched.unpaired_images.values()]
        unpaired += [(path, "mask") for path in matched.unpaired_masks.values()]
        clashes += [(other, f"it and {kept.name} {end}") for _, kept, other, end in matched.clashes]
    colors, reader_errors = _class_dict(root)
    return Folder(
        root,
        layout.name,
        layout.summary,
        "segmentation",
        parts,
        tuple(unpaired),
        tuple(clashes),
        colors,
        reader_errors=reader_errors,
        unread=(
            tuple(unread_folders(root)),
            (*unread_lists(root), *(tables_in(root, masked=True) if colors else ())),
        ),
    )


def _class_dict(root: Path) -> tuple[tuple[tuple[str, Color], ...], tuple[str, ...]]:
    path = colors_file(root)
    try:
        return (tuple(read_colors(path)) if path else ()), ()
    except DataError as error:
        return (), (str(error),)


def _class_folders(root: Path, layout: LayoutReader) -> Folder:
    reader_errors = ()
    try:
        layout.read(root, None)
    except DataError as error:
        reader_errors = (str(error),)
    tops = split_roots(root) or [("all", root)]
    folders = [(part, folder) for part, top in tops for folder in folders_in(top)]
    classes = sorted({folder.name for _, folder in folders})
    parts: dict[str, tuple[Entry, ...]] = dict.fromkeys((part for part, _ in folders), ())
    for part, folder in folders:
        parts[part] += tuple(
            Entry(path.relative_to(root).as_posix(), path, label=classes.index(folder.name))
            for path in list_images(folder)
        )
    return Folder(
        root,
        layout.name,
        layout.summary,
        "classification",
        parts,
        masks=False,
        classes=tuple(classes),
        reader_errors=reader_errors,
    )


def _table(root: Path, layout: LayoutReader) -> Folder:
    """What a table puts together, each row by itself."""
    try:
        table = read_rows(root)
    except DataError as error:
        return _refused(root, layout, error)
    parts, faults = entries_of(root, table)
    return Folder(
        root,
        layout.name,
        layout.summary,
        "segmentation" if table.masked else "classification",
        {part: tuple(entries) for part, entries in parts.items()},
        masks=table.masked,
        classes=table.classes,
        reader_errors=tuple(str(fault.error) for fault in faults),
        notes=table.notes,
        tables=tuple(tables_in(root)),
        droppable_rows=frozenset(fault.where for fault in faults if fault.droppable),
    )


def _other(root: Path, layout: LayoutReader) -> Folder:
    """A layout of its own: what its reader finds."""
    try:
        found = layout.read(root, None)
    except DataError as error:
        return _refused(root, layout, error)
    return _as_read(root, layout.name, layout.summary, found)


def _refused(root: Path, layout: LayoutReader, error: DataError) -> Folder:
    """What a reader refuses: folders of images and masks, if there are such. No mask is looked at where only
    a published dataset's reader understands them.
    """
    pairs = _pairs(root, layout)
    parts, unpaired = (pairs.parts, pairs.unpaired) if has_masks(root) else ({}, ())
    return replace(
        pairs, parts=parts, unpaired=unpaired, reader_errors=(str(error),), masks=layout.info is None
    )


def _as_read(root: Path, name: str, summary: str, found: Layout) -> Folder:
    parts = {part: tuple(entries) for part, entries in found.parts.items()}
    return Folder(
        root,
        name,
        summary,
        found.task,
        parts,
        read=found.reader,
        classes=found.classes,
        notes=found.notes,
    )
