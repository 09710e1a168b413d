"""List the images and masks of a folder, with those that are unpaired or refused, before any is decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from foveate.data.bands import find_bands
from foveate.data.dataset import BandSet, Entry, Read, Task
from foveate.data.folders.accounting import NOTHING, Account, account_for, take_stock
from foveate.data.folders.class_tree import NoClasses, class_folders
from foveate.data.folders.image_tables import tables_in
from foveate.data.folders.listing import list_images
from foveate.data.folders.pair_folders import has_masks, unread_folders
from foveate.data.folders.pairing import match_by_stem, pairing_note, without_unlisted
from foveate.data.folders.pixel_classes import pixel_classes
from foveate.data.folders.places import (
    Place,
    places_below,
    places_in,
    places_note,
    refuse_folds_with_splits,
    unread_beside,
)
from foveate.data.folders.rivals import refuse_rivals
from foveate.data.folders.split_lists import divide_by_lists, lists_in, unread_lists
from foveate.data.groups import settle_groups
from foveate.data.layout import Layout, LayoutReader
from foveate.data.open import is_path, read_layout, require_source, unknown
from foveate.data.pixels.palette import Color
from foveate.data.readers.coloured import colors_file, read_colors
from foveate.data.readers.csv_table import entries_of, read_rows
from foveate.data.recognise import recognise
from foveate.errors import DataError
from foveate.specs.bindings import binds_colors
from foveate.specs.data import ANY_FOLDER, FolderChoice

PLAIN = ("coloured", "camvid", "paired")
"""Layouts of images and masks in plain files: each pair is examined, whatever is wrong with the others."""

MENDABLE = (*PLAIN, "pairs_in_folders", "class_folders")
"""Layouts that `--fix` can copy: no list names their files."""


@dataclass(frozen=True)
class Folder:
    """The files of a dataset below `root`.

    layout, summary: name and description of the layout. parts: images by split, or under "all". unpaired:
    files without their other half, each with its kind ("image" or "mask"). clashes: files that are skipped
    because another has the same name, each with a message. colors: classes and colours of class_dict.csv or
    labelmap.txt, if there is one. read: the layout's reader, for masks that plain decoding cannot interpret.
    masks: whether there are masks to decode. classes: names, if the layout knows them. reader_errors: the
    messages with which the layout's reader refused the folder or rows of its table. notes: how the reader
    understood the folder. tables: the readable CSV tables that pair images and masks. droppable_rows: rows of
    the tables ("file:line") that are refused and that a copy can leave out. unread: folders and tables beside
    the pairs that are not read. columns: the cells of each column of the tables, by stem. known_groups:
    see `foveate.data.groups.Grouped`. account: of all files below the source. bands: of the images, None for
    RGB pictures. choice: what the user says about the folder.
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
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    choice: FolderChoice = ANY_FOLDER
    known_groups: bool = False
    account: Account = NOTHING
    bands: BandSet | None = None

    @property
    def mendable(self) -> bool:
        """Whether `--fix` can copy the folder."""
        return self.layout in MENDABLE or bool(self.tables)

    @property
    def entries(self) -> list[tuple[str, Entry]]:
        """All images, each as (part, entry)."""
        return [(part, entry) for part, entries in self.parts.items() for entry in entries]

    def image(self, entry: Entry) -> Path:
        """Return the file of an image; `root` / stem for an image without a file of its own."""
        return self.root / entry.stem if entry.image is None or entry.part is not None else entry.image

    def mask(self, entry: Entry) -> Path:
        """Return the file of a mask; `root` / stem for a mask without a file of its own."""
        return self.root / entry.stem if entry.mask is None or entry.part is not None else entry.mask

    def name(self, path: Path) -> str:
        """Return a path relative to the folder, or the whole path if it lies elsewhere."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def scan_folder(source: str | Path, group: str | None = None, choice: FolderChoice = ANY_FOLDER) -> Folder:
    """List the images of a folder, an archive, or any other source of `open_dataset`, and their masks.

    group: as in `open_dataset`. choice: what the user says about the folder. Raises `DataError` only if there
    is nothing to list (no such folder, or no known layout), if the user must say which layout or masks are
    meant, and for a group that groups nothing.
    """
    folder = replace(_with_bands(_scan(source, choice.settled)), choice=choice)
    if not folder.entries:
        return folder
    grouped = settle_groups(folder.parts, folder.columns, group)
    notes = (*folder.notes, *grouped.notes)
    return replace(folder, parts=grouped.parts, notes=notes, known_groups=grouped.known)


def named(folder: Folder, classes: Sequence[str] | None) -> Folder:
    """Return a folder of masks whose values the user names, or binds to classes.

    Raises `DataError` if the data name their classes, and for colours.
    """
    if not classes:
        return folder
    if folder.task != "segmentation" or folder.read is not None or folder.colors:
        raise DataError(f"{folder.root}: --classes: these data name their classes; leave it out")
    if binds_colors(classes):
        raise DataError(
            f"{folder.root}: --classes: the doctor takes colours from a class_dict.csv (name,r,g,b); add one"
        )
    return replace(folder, classes=tuple(classes))


def _with_bands(folder: Folder) -> Folder:
    """Return the folder with entries whose images are read as bands, if they are no RGB pictures."""
    try:
        banded = find_bands(folder.parts)
    except DataError as error:
        return replace(folder, reader_errors=(*folder.reader_errors, str(error)))
    if banded is None:
        return folder
    parts = {part: tuple(entries) for part, entries in banded.parts.items()}
    return replace(folder, parts=parts, bands=banded.bands, notes=(*folder.notes, banded.note))


def _scan(source: str | Path, choice: FolderChoice) -> Folder:
    if not is_path(source):
        name, _, layout = read_layout(source, folder=choice)
        return _from_layout(Path(source), name, f"read from {source}", layout)
    root = Path(source).expanduser()
    require_source(root)
    if choice.masks or choice.ignore_outside:
        name, _, layout = read_layout(source, folder=choice)
        return _from_layout(root, name, "as the flags say", layout)
    match = recognise(root, choice.layout)
    if match is None:
        raise unknown(root)
    if match.named and match.layout.read_named != match.layout.read:
        folder = _from_layout(match.folder, match.layout.name, match.layout.summary, match.read(None))
    else:
        folder = _BY_LAYOUT.get(match.layout.name, _read_whole)(match.folder, match.layout)
    passed = [path for path, _ in (*folder.unpaired, *folder.clashes)]
    account = folder.account
    if match.below and any(entry.image for _, entry in folder.entries):
        account = take_stock(match.below, [entry for _, entry in folder.entries], (), passed)
    inner = match.folder != root and match.folder.is_relative_to(root)
    where = (f"found in {match.folder.relative_to(root)}/",) if inner else ()
    return replace(folder, notes=(*where, *folder.notes), account=account)


def _pairs(root: Path, layout: LayoutReader) -> Folder:
    folder = _list_places(root, layout, places_in(root))
    if layout.name != "paired":
        return folder
    try:
        return replace(folder, classes=pixel_classes(root))
    except DataError as error:
        return replace(folder, reader_errors=(*folder.reader_errors, str(error)))


def _pairs_in_folders(root: Path, layout: LayoutReader) -> Folder:
    places = places_below(root)
    folder = _list_places(root, layout, places)
    unread = tuple(unread_beside(root, places))
    return replace(folder, notes=(*folder.notes, places_note(places)), unread=(unread, ()))


def _list_places(root: Path, layout: LayoutReader, places: Sequence[Place]) -> Folder:
    if layout.info is None:
        refuse_folds_with_splits(root, places)
        refuse_rivals(places)
    parts: dict[str, tuple[Entry, ...]] = {}
    unpaired: list[tuple[Path, str]] = []
    clashes: list[tuple[Path, str]] = []
    for place in places:
        images, masks = place.images, place.masks
        if images is None or masks is None:
            what, folder = ("mask", masks) if images is None else ("image", images)
            unpaired += [(path, what) for path in list_images(folder)] if folder else []
            continue
        matched = match_by_stem(images, masks)
        matched = without_unlisted(matched) if lists_in(root) else matched
        for part, entries in place.divide(matched.entries).items():
            parts[part] = (*parts.get(part, ()), *entries)
        unpaired += [(path, "image") for path in matched.unpaired_images.values()]
        unpaired += [(path, "mask") for path in matched.unpaired_masks.values()]
        clashes += [(other, f"it and {kept.name} {end}") for _, kept, other, end in matched.clashes]
    colors, reader_errors = _class_dict(root)
    divided, listed, list_errors = _divide(root, parts)
    return Folder(
        root,
        layout.name,
        layout.summary,
        "segmentation",
        divided,
        tuple(unpaired),
        tuple(clashes),
        colors,
        reader_errors=(*reader_errors, *list_errors),
        notes=(*pairing_note(parts), *listed),
        unread=(
            tuple(unread_folders(root)),
            (*unread_lists(root, parts), *(tables_in(root, masked=True) if colors else ())),
        ),
    )


def _divide(
    root: Path, parts: Mapping[str, tuple[Entry, ...]]
) -> tuple[Mapping[str, tuple[Entry, ...]], tuple[str, ...], tuple[str, ...]]:
    """Return images by the splits of lists, with notes and the message of a wrong list."""
    try:
        return *divide_by_lists(root, parts), ()
    except DataError as error:
        return parts, (), (str(error),)


def _class_dict(root: Path) -> tuple[tuple[tuple[str, Color], ...], tuple[str, ...]]:
    path = colors_file(root)
    try:
        return (tuple(read_colors(path)) if path else ()), ()
    except DataError as error:
        return (), (str(error),)


def _class_folders(root: Path, layout: LayoutReader) -> Folder:
    reader_errors, notes = (), ()
    try:
        notes = layout.read(root, None).notes
    except NoClasses:
        raise
    except DataError as error:
        reader_errors = (str(error),)
    found = class_folders(root)
    classes = sorted({each.name for each in found})
    parts: dict[str, tuple[Entry, ...]] = dict.fromkeys((each.part for each in found), ())
    for each in found:
        parts[each.part] += tuple(
            Entry(path.relative_to(root).as_posix(), path, label=classes.index(each.name))
            for path in list_images(each.folder)
        )
    divided, _, _ = _divide(root, parts)
    return Folder(
        root,
        layout.name,
        layout.summary,
        "classification",
        divided,
        masks=False,
        classes=tuple(classes),
        reader_errors=reader_errors,
        notes=notes,
    )


def _table(root: Path, layout: LayoutReader) -> Folder:
    """List the images of a table. Rows that cannot be read become `reader_errors`."""
    try:
        table = read_rows(root)
    except DataError as error:
        return _fallback(root, layout, error)
    parts, faults, columns = entries_of(root, table)
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
        tables=tuple(path for path in tables_in(root) if path.parent == root and path.suffix != ".jsonl"),
        droppable_rows=frozenset(fault.where for fault in faults if fault.droppable),
        columns=columns,
    )


def _read_whole(root: Path, layout: LayoutReader) -> Folder:
    """List the images of any other layout, as its reader returns them."""
    try:
        contents = layout.read(root, None)
    except DataError as error:
        return _fallback(root, layout, error)
    return _from_layout(root, layout.name, layout.summary, contents)


def _fallback(root: Path, layout: LayoutReader, error: DataError) -> Folder:
    """List the pairs of a folder that its reader refused, if it has folders of images and masks.

    The masks of published datasets are not decoded, since only the reader can interpret them.
    """
    pairs = _pairs(root, layout)
    parts, unpaired = (pairs.parts, pairs.unpaired) if has_masks(root) else ({}, ())
    return replace(
        pairs, parts=parts, unpaired=unpaired, reader_errors=(str(error),), masks=layout.info is None
    )


def _from_layout(root: Path, name: str, summary: str, contents: Layout) -> Folder:
    parts = {part: tuple(entries) for part, entries in contents.parts.items()}
    return Folder(
        root,
        name,
        summary,
        contents.task,
        parts,
        read=contents.reader,
        classes=contents.classes,
        notes=contents.notes,
        columns=contents.columns,
        account=account_for(contents),
    )


_BY_LAYOUT = {
    "class_folders": _class_folders,
    "csv": _table,
    "pairs_in_folders": _pairs_in_folders,
    **dict.fromkeys(PLAIN, _pairs),
}
"""How the files of a layout are listed where they are examined one by one; others are read whole."""
