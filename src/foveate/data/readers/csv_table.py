"""A CSV beside the images, with a column image, a column mask or label, and perhaps columns split and group.

The splits are in `train.csv`, `val.csv` and `test.csv`, in the column split, or in the folders that the table
names; or each folder of a split has a table of its own. Paths are relative to the table's folder or to its
images/ and masks/. An image may be named without its suffix. Beside folders of pairs, a table is read only if
it names masks; it then replaces pairing by name. Hugging Face's metadata.csv and metadata.jsonl are such
tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES, Entry
from foveate.data.folders.coded import read_labelled
from foveate.data.folders.delimited import form_of
from foveate.data.folders.image_tables import IMAGE, LABEL, MASK, tables_in, untold_tables
from foveate.data.folders.json_lines import read_json_lines
from foveate.data.folders.pair_folders import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    UNAMBIGUOUS_MASK_FOLDERS,
    find_folder,
    split_folders,
)
from foveate.data.folders.pairing import by_split, read_indexed
from foveate.data.folders.split_columns import find_split_columns
from foveate.data.folders.table import column, is_missing, label_ids, read_table
from foveate.data.folders.table_files import find_file, image_places, plain_name
from foveate.data.layout import Layout, reader
from foveate.data.names import joined_note, one_form, spellings_of
from foveate.data.pixels.images import is_image_file
from foveate.data.words import split_of
from foveate.errors import DataError
from foveate.files import escapes_folder


@dataclass(frozen=True)
class Row:
    """One row of a table. where: "file:line". folder: of the table. cells: all of them by column."""

    where: str
    folder: Path
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
        pairs = pairs or bool(split_folders(root))
        return images and bool(tables_in(root, masked=pairs) or (not pairs and untold_tables(root)))

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
    if not tables:
        path, columns = untold_tables(root)[0]
        raise DataError(
            f"{path}: names images in the column {column(columns, IMAGE)}, but has no column of masks "
            f"({', '.join(MASK)}) or labels ({', '.join(LABEL)}); its columns are {', '.join(columns)}; "
            "rename one, or add it"
        )
    splits = [_split_of(root, path) for path in tables]
    if len(tables) > 1 and (None in splits or len(set(splits)) < len(splits)):
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{root}: holds several tables ({names}); keep one, or name them after the splits")
    read = [_rows(path, split, classes or ()) for path, split in zip(tables, splits, strict=True)]
    rows, faults = ([item for part in parts for item in part] for parts in list(zip(*read, strict=True))[:2])
    if not rows:
        raise faults[0].error
    masked = rows[0].mask is not None
    if other := next((row for row in rows if (row.mask is not None) != masked), None):
        raise DataError(
            f"{other.where}: has a {'label' if masked else 'mask'}, and {rows[0].where} a "
            f"{'mask' if masked else 'label'}; give all tables the same columns"
        )
    spellings = {} if masked else spellings_of(row.label or "" for row in rows)
    rows = [replace(row, label=row.label and one_form(row.label)) for row in rows]
    labels = [] if masked else [(row.where, row.label or "") for row in rows]
    known = label_ids(labels, classes) if labels else ((), {})
    notes = (*(note for *_, note in read), *joined_note(spellings))
    return Table(tuple(rows), masked, *known, tuple(faults), notes)


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
    places = {folder: image_places(folder) for folder in {row.folder for row in table.rows}}
    for row in table.rows:
        try:
            entry = _entry(root, row, table.ids, places[row.folder])
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
    if set(parts) == {"all"}:
        parts = {part: list(entries) for part, entries in by_split(parts["all"]).items()}
    return parts, faults, columns


def _entry(root: Path, row: Row, ids: Mapping[str, int], places: Sequence[Path]) -> Entry:
    image = find_file(row.folder, IMAGE_FOLDERS, row.image, "image", row.where, places)
    mask = None
    if row.mask is not None:
        mask = find_file(row.folder, MASK_FOLDERS, row.mask, "mask", row.where, places)
    named = row.folder.relative_to(root) / row.image
    stem = one_form(
        (named.with_suffix("") if one_form(image.name) == one_form(named.name) else named).as_posix()
    )
    return Entry(stem, image, mask, ids.get(row.label or ""))


def _duplicate_error(first: Row, row: Row) -> DataError:
    image = f"'{row.image}'" if first.image == row.image else f"'{row.image}', as '{first.image}',"
    return DataError(
        f"{row.where}: the image {image} is in {first.where} already; keep one row per image, and give "
        "images names that differ in more than their suffixes"
    )


def _split_of(root: Path, table: Path) -> str | None:
    """Return the split that the name of a table, or of its folder, says."""
    inner = split_of(table.parent.name) if table.parent != root else None
    return SPLIT_NAMES.get(table.stem.lower(), inner)


def _rows(path: Path, part: str | None, classes: Sequence[str]) -> tuple[list[Row], list[Fault], str]:
    """Read one table. Returns its valid rows, the faults of the others, and a note on its columns.

    part: the split of its images, unless a column names it. classes: those that the user names.
    """
    lined = path.suffix.lower() == ".jsonl"
    columns, lines = read_json_lines(path) if lined else read_table(path)
    if not lines:
        raise DataError(f"{path}: names no image; add one row an image")
    image, mask, label = column(columns, IMAGE), column(columns, MASK), column(columns, LABEL)
    split = find_split_columns([key for key in columns if key not in (image, mask, label)], lines)
    target = mask or label
    rows, faults = [], []
    for line, cells in lines:
        where = f"{path}:{line}"
        own = split.of(cells) if split else part or "all"
        empty = next((key for key in (image, target) if not cells[key]), None)
        if empty:
            message = f"{where}: the column {empty} is empty; fill it, or remove the row"
            faults.append(Fault(where, DataError(message)))
        elif label and not mask and is_missing(cells[label]) and cells[label] not in classes:
            message = (
                f"{where}: the label is '{cells[label]}', which programs write where there is none; fill it, "
                "or remove the row"
            )
            faults.append(Fault(where, DataError(message)))
        elif split and own is None:
            faults.append(Fault(where, DataError(f"{where}: {split.fault(cells)}")))
        else:
            files = (key and plain_name(path.parent, cells[key]) for key in (image, mask))
            rows.append(Row(where, path.parent, own, *files, label and cells[label], cells))
    used = [image, target, *(split.names if split else ())]
    notes = [_columns_note(path, used, [key for key in columns if key not in used])]
    notes += [split.note] if split else []
    notes += [] if lined else [form_of(path).note]
    return rows, faults, "; ".join(filter(None, notes))


def _columns_note(path: Path, used: Sequence[str | None], unused: Sequence[str]) -> str:
    """Say how the columns of a table were interpreted.

    >>> _columns_note(Path("a.csv"), ["image", "mask", None], ["age"])
    'a.csv: columns image and mask; others: age'
    """
    clauses = [f"columns {' and '.join(filter(None, used))}"]
    named = list(filter(None, unused))
    clauses += [f"others: {', '.join(named[:6])}{', ...' * (len(named) > 6)}"] if named else []
    return f"{path.name}: {'; '.join(clauses)}"
