"""A CSV beside the images, with a column image, a column mask or label, and perhaps columns split and group.

The splits are in `train.csv`, `val.csv` and `test.csv`, or in the column split. Paths are relative to the
folder or to its images/ and masks/. An image may be named without its suffix. Beside folders of pairs, a
table is read only if it names masks; it then replaces pairing by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES, SPLITS, Entry
from foveate.data.folders.coded import read_labelled
from foveate.data.folders.pair_folders import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    UNAMBIGUOUS_MASK_FOLDERS,
    find_folder,
    split_folders,
)
from foveate.data.folders.pairing import read_indexed
from foveate.data.folders.table import column, first_line, label_ids, read_table
from foveate.data.layout import Layout, reader
from foveate.data.pixels.images import RARE, SUFFIXES, is_image_file
from foveate.errors import DataError
from foveate.files import escapes_folder

IMAGE = ("image", "image_path", "image_id", "filename", "file", "path")
MASK = ("mask", "mask_path", "segmentation")
LABEL = ("label", "class", "target", "category")


@dataclass(frozen=True)
class Row:
    """One row of a table. where: "file:line". cells: all of them by column."""

    where: str
    part: str
    image: str
    mask: str | None
    label: str | None
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """The rows of all tables of a folder.

    masked: whether they name masks. classes, ids: names of the classes and the id of each label, if they name
    labels. faults: errors in rows. notes: how the columns were interpreted, for the user.
    """

    rows: tuple[Row, ...]
    masked: bool
    classes: tuple[str, ...]
    ids: Mapping[str, int]
    faults: tuple["Fault", ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """An error in the row at `where` ("file:line").

    droppable: whether a copy of the data can leave the row out, because its files do not exist or another row
    is equal.
    """

    where: str
    error: DataError
    droppable: bool = False


@reader("csv", 28, "a CSV with the columns image and mask, or image and label (and perhaps split and group)")
class CsvTable:
    @staticmethod
    def recognise(root: Path) -> bool:
        pairs = bool(find_folder(root, IMAGE_FOLDERS) and find_folder(root, UNAMBIGUOUS_MASK_FOLDERS))
        images = any(path.is_dir() or is_image_file(path) for path in root.iterdir())
        return images and bool(tables_in(root, masked=pairs or bool(split_folders(root))))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        table = read_rows(root, classes)
        parts, faults, columns = entries_of(root, table)
        if faults:
            raise faults[0].error
        if not table.masked:
            labelled = Layout("classification", table.classes, parts, read_labelled, notes=table.notes)
            return replace(labelled, columns=columns)
        layout = read_indexed(parts, classes)
        return replace(layout, notes=(*table.notes, *layout.notes), columns=columns)


def read_rows(root: Path, classes: Sequence[str] | None = None) -> Table:
    """Read the tables of a folder. Raises `DataError` if they cannot be read or contradict one another."""
    tables = tables_in(root)
    splits = [SPLIT_NAMES.get(path.stem.lower()) for path in tables]
    if len(tables) > 1 and (None in splits or len(set(splits)) < len(splits)):
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{root}: holds several tables ({names}); keep one, or name them after the splits")
    read = [_rows(path) for path in tables]
    rows, faults = ([item for part in parts for item in part] for parts in list(zip(*read, strict=True))[:2])
    if not rows:
        raise faults[0].error
    masked = rows[0].mask is not None
    if other := next((row for row in rows if (row.mask is not None) != masked), None):
        raise DataError(
            f"{other.where}: has a {'label' if masked else 'mask'}, and {rows[0].where} a "
            f"{'mask' if masked else 'label'}; give all tables the same columns"
        )
    labels = [] if masked else [(row.where, row.label or "") for row in rows]
    known = label_ids(labels, classes) if labels else ((), {})
    return Table(tuple(rows), masked, *known, tuple(faults), tuple(note for *_, note in read))


def entries_of(
    root: Path, table: Table
) -> tuple[dict[str, list[Entry]], list[Fault], dict[str, dict[str, str]]]:
    """Return the entries by split, the faults of the rows without an entry, and the cells of each column by
    stem.
    """
    parts: dict[str, list[Entry]] = {}
    columns: dict[str, dict[str, str]] = {}
    faults = [*table.faults]
    seen: dict[str, tuple[Row, Entry]] = {}
    for row in table.rows:
        try:
            entry = _entry(root, row, table.ids)
        except DataError as error:
            outside = any(escapes_folder(name) for name in (row.image, row.mask) if name)
            faults.append(Fault(row.where, error, droppable=not outside))
            continue
        first, first_entry = seen.setdefault(entry.stem, (row, entry))
        if first is row:
            parts.setdefault(row.part, []).append(entry)
            for name, cell in row.cells.items():
                columns.setdefault(name, {})[entry.stem] = cell
        else:
            same = (first.part, first_entry) == (row.part, entry)
            faults.append(Fault(row.where, _duplicate_error(first, row), droppable=same))
    return parts, faults, columns


def unread_tables(root: Path) -> str:
    """Say what to do about the tables of a folder that do not name images; empty if there are none."""
    names = [path.name for path in sorted(root.glob("*.csv")) if path.name != "class_dict.csv"]
    if not names:
        return ""
    return (
        f"if {' or '.join(names[:3])} lists the masks or labels of the images, name its columns, in the "
        "first line, image and mask, or image and label"
    )


def _entry(root: Path, row: Row, ids: Mapping[str, int]) -> Entry:
    image = find_file(root, IMAGE_FOLDERS, row.image, "image", row.where)
    mask = find_file(root, MASK_FOLDERS, row.mask, "mask", row.where) if row.mask is not None else None
    named = Path(row.image)
    stem = (named.with_suffix("") if image.name == named.name else named).as_posix()
    return Entry(stem, image, mask, ids.get(row.label or ""))


def _duplicate_error(first: Row, row: Row) -> DataError:
    image = f"'{row.image}'" if first.image == row.image else f"'{row.image}', as '{first.image}',"
    return DataError(
        f"{row.where}: the image {image} is in {first.where} already; keep one row per image, and give "
        "images names that differ in more than their suffixes"
    )


def tables_in(root: Path, masked: bool = False) -> list[Path]:
    """Return the tables whose header has a column of images, for any separator, without hidden files.

    masked: only those that also have a column of masks; otherwise a column of masks or of labels.
    """
    tables = (path for path in sorted(root.iterdir()) if path.suffix.lower() == ".csv" and path.is_file())
    wanted = MASK if masked else MASK + LABEL
    return [
        path for path in tables if not path.name.startswith(".") and _names_images(first_line(path), wanted)
    ]


def _names_images(columns: tuple[str, ...], targets: Sequence[str]) -> bool:
    return bool(column(columns, IMAGE) and column(columns, targets))


def _rows(path: Path) -> tuple[list[Row], list[Fault], str]:
    """Read one table. Returns its valid rows, the faults of the others, and a note on its columns."""
    columns, lines = read_table(path)
    if not lines:
        raise DataError(f"{path}: names no image; add one row an image")
    image, mask, label = column(columns, IMAGE), column(columns, MASK), column(columns, LABEL)
    split = column(columns, ["split"])
    target = mask or label
    rows, faults = [], []
    for line, cells in lines:
        where = f"{path}:{line}"
        word = cells[split] if split else path.stem
        part = SPLIT_NAMES.get(word.lower())
        empty = next((key for key in (image, target) if not cells[key]), None)
        if empty:
            message = f"{where}: the column {empty} is empty; fill it, or remove the row"
            faults.append(Fault(where, DataError(message)))
        elif split and part is None:
            message = f"{where}: the split '{word}' is none of {', '.join(SPLITS)}"
            faults.append(Fault(where, DataError(message)))
        else:
            files = (key and plain_name(path.parent, cells[key]) for key in (image, mask))
            rows.append(Row(where, part or "all", *files, label and cells[label], cells))
    unused = [key for key in columns if key not in (image, target, split)]
    return rows, faults, _columns_note(path, [image, target, split], unused)


def _columns_note(path: Path, used: Sequence[str | None], unused: Sequence[str]) -> str:
    """Say how the columns of a table were interpreted.

    >>> _columns_note(Path("a.csv"), ["image", "mask", None], ["age"])
    'a.csv: columns image and mask; others: age'
    """
    clauses = [f"columns {' and '.join(filter(None, used))}"]
    clauses += [f"others: {', '.join(unused[:6])}{', ...' * (len(unused) > 6)}"] if unused else []
    return f"{path.name}: {'; '.join(clauses)}"


def find_file(root: Path, folders: Sequence[str], name: str, what: str, where: str) -> Path:
    """Return the file that a cell names, relative to `root` or to the first of `folders` there.

    The name may lack the suffix. what, where: "image" or "mask", and "file:line", for messages. Raises
    `DataError` if the file does not exist or lies outside `root`.
    """
    if escapes_folder(name):
        raise DataError(f"{where}: the {what} '{name}' leads out of {root}; name it relative to that folder")
    names = [name, *(f"{name}{suffix}" for suffix in [*sorted(SUFFIXES - RARE), *sorted(RARE)])]
    if path := _first_file(root, names):
        return path
    inner = find_folder(root, folders)  # last, as it lists all of `root`, which may hold all images
    if inner and (path := _first_file(inner, names)):
        return path
    raise DataError(
        f"{where}: the {what} '{name}' does not exist (looked in {inner or root}); add it, or remove the row"
    )


def plain_name(root: Path, name: str) -> str:
    """Return a cell's path relative to the table's folder: Windows backslashes become slashes, and absolute
    paths into the folder become relative.

    >>> plain_name(Path("/data"), "images\\\\a.png"), plain_name(Path("/data"), "/data/images/a.png")
    ('images/a.png', 'images/a.png')
    """
    if "\\" in name and not (root / name).exists():
        name = name.replace("\\", "/")
    if Path(name).is_absolute():
        for folder in (root.absolute(), root.resolve()):
            if Path(name).is_relative_to(folder):
                return Path(name).relative_to(folder).as_posix()
    return name


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
