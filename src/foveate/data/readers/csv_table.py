"""A CSV beside the images: a column image, and one of mask or label; split and group where they are known.

`train.csv`, `val.csv` and `test.csv` are the splits; otherwise the column split says them, if there is one.
Paths are relative to the folder or to its images/ and masks/; an image may be named without its ending.
Beside folders of pairs, a table is read if it names masks: these are not put together by name then.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foveate.data.coded import read_labelled
from foveate.data.dataset import SPLITS, Entry
from foveate.data.errors import DataError
from foveate.data.files import leads_out
from foveate.data.images import SUFFIXES, is_image_file
from foveate.data.layout import Layout, reader
from foveate.data.pairing import IMAGE_FOLDERS, MASK_FOLDERS, find_folder, read_indexed, split_folders
from foveate.data.table import column, first_line, label_ids, read_table

IMAGE = ("image", "image_path", "image_id", "filename", "file", "path")
MASK = ("mask", "mask_path", "segmentation")
LABEL = ("label", "class", "target", "category")
GROUP = ("group", "patient", "patient_id", "subject")


@dataclass(frozen=True)
class Row:
    """One image as a table has it; where: the file and the line."""

    where: str
    part: str
    image: str
    mask: str | None
    label: str | None
    group: str | None


@dataclass(frozen=True)
class Table:
    """The rows of all tables. masked: they name masks; else classes, and ids: the class of each label."""

    rows: tuple[Row, ...]
    masked: bool
    classes: tuple[str, ...]
    ids: Mapping[str, int]


@reader("csv", 28, "a CSV with the columns image and mask, or image and label (and perhaps split and group)")
class CsvTable:
    @staticmethod
    def recognise(root: Path) -> bool:
        pairs = bool(find_folder(root, IMAGE_FOLDERS) and find_folder(root, MASK_FOLDERS))
        images = any(path.is_dir() or is_image_file(path) for path in root.iterdir())
        return images and bool(tables_in(root, masked=pairs or bool(split_folders(root))))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        table = read_rows(root, classes)
        parts, faults = entries_of(root, table)
        if faults:
            raise faults[0]
        if table.masked:
            return read_indexed(parts, classes)
        return Layout("classification", table.classes, parts, read_labelled)


def read_rows(root: Path, classes: Sequence[str] | None = None) -> Table:
    """What the tables of a folder say. `DataError` where they contradict themselves or one another."""
    tables = tables_in(root)
    if len(tables) > 1 and not {path.stem.lower() for path in tables} <= set(SPLITS):
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{root}: holds several tables ({names}); keep one, or name them after the splits")
    rows = [row for path in tables for row in _rows(path)]
    masked = rows[0].mask is not None
    if other := next((row for row in rows if (row.mask is not None) != masked), None):
        raise DataError(
            f"{other.where}: has a {'label' if masked else 'mask'}, and {rows[0].where} a "
            f"{'mask' if masked else 'label'}; give all tables the same columns"
        )
    labels = [] if masked else [(row.where, row.label or "") for row in rows]
    return Table(tuple(rows), masked, *(label_ids(labels, classes) if labels else ((), {})))


def entries_of(root: Path, table: Table) -> tuple[dict[str, list[Entry]], list[DataError]]:
    """Entries by their split, and what is wrong with the rows that give none."""
    parts: dict[str, list[Entry]] = {}
    faults = []
    seen: dict[str, tuple[str, str]] = {}
    for row in table.rows:
        try:
            entry = _entry(root, row, table.ids)
            _check_once(seen, entry.stem, row)
        except DataError as error:
            faults.append(error)
        else:
            parts.setdefault(row.part, []).append(entry)
    return parts, faults


def refitted(path: Path, root: Path) -> str:
    """The text of a table for a copy of its folder: images and masks that became PNG are renamed, and rows
    whose files are not there, or that name an image once more, left out.
    """
    columns, lines = read_table(path)
    image, mask = column(columns, IMAGE), column(columns, MASK)
    rows: dict[str, dict[str, str]] = {}
    for _, cells in lines:
        try:
            cells[image] = _renamed(root, IMAGE_FOLDERS, cells[image])
            if mask:
                cells[mask] = _renamed(root, MASK_FOLDERS, cells[mask])
        except DataError:
            continue
        rows.setdefault(cells[image], cells)
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows.values())
    return text.getvalue()


def unread_tables(root: Path) -> str:
    """What to say of tables that lie in a folder and name no images; empty where there are none."""
    names = [path.name for path in sorted(root.glob("*.csv"))]
    if not names:
        return ""
    return (
        f" (or, if {' or '.join(names[:3])} says what the images show, name its columns, in the first line, "
        "image and label)"
    )


def _entry(root: Path, row: Row, ids: Mapping[str, int]) -> Entry:
    image = _find(root, IMAGE_FOLDERS, row.image, "image", row.where)
    mask = _find(root, MASK_FOLDERS, row.mask, "mask", row.where) if row.mask is not None else None
    named = Path(row.image)
    stem = (named.with_suffix("") if image.name == named.name else named).as_posix()
    return Entry(stem, image, mask, ids.get(row.label or ""), group=row.group or None)


def _check_once(seen: dict[str, tuple[str, str]], stem: str, row: Row) -> None:
    name, where = seen.setdefault(stem, (row.image, row.where))
    if where != row.where:
        said = f"'{row.image}'" if name == row.image else f"'{row.image}', as '{name}',"
        raise DataError(
            f"{row.where}: the image {said} stands in {where} already; keep one row an image, and give "
            "images names that differ in more than their endings"
        )


def tables_in(root: Path, masked: bool = False) -> list[Path]:
    """The tables whose header names images, whatever it is separated by; hidden files are passed over.
    masked: only those that name masks too, as one does that groups the pairs of images/ and masks/.
    """
    tables = (path for path in sorted(root.iterdir()) if path.suffix.lower() == ".csv" and path.is_file())
    wanted = MASK if masked else MASK + LABEL
    return [
        path for path in tables if not path.name.startswith(".") and _names_images(first_line(path), wanted)
    ]


def _names_images(columns: tuple[str, ...], targets: Sequence[str]) -> bool:
    return bool(column(columns, IMAGE) and column(columns, targets))


def _rows(path: Path) -> list[Row]:
    columns, lines = read_table(path)
    if not lines:
        raise DataError(f"{path}: names no image; add one row an image")
    image, mask, label = column(columns, IMAGE), column(columns, MASK), column(columns, LABEL)
    group, split = column(columns, GROUP), column(columns, ["split"])
    named = path.stem.lower() if path.stem.lower() in SPLITS else "all"
    rows = []
    for line, cells in lines:
        where = f"{path}:{line}"
        for key in (image, mask or label):
            if not cells[key]:
                raise DataError(f"{where}: the column {key} is empty; fill it, or remove the row")
        part = cells[split].lower() if split else named
        if split and part not in SPLITS:
            raise DataError(f"{where}: the split '{cells[split]}' is none of {', '.join(SPLITS)}")
        rows.append(
            Row(
                where,
                part,
                cells[image],
                mask and cells[mask],
                label and cells[label],
                group and cells[group],
            )
        )
    return rows


def _renamed(root: Path, folders: Sequence[str], name: str) -> str:
    try:
        _find(root, folders, name, "file", "")
    except DataError:
        name = Path(name).with_suffix(".png").as_posix() if name else name
        _find(root, folders, name, "file", "")
    return name


def _find(root: Path, folders: Sequence[str], name: str, what: str, where: str) -> Path:
    if leads_out(name):
        raise DataError(f"{where}: the {what} '{name}' leads out of {root}; name it relative to that folder")
    roots = [folder for folder in (root, find_folder(root, folders)) if folder]
    for folder in roots:
        if (folder / name).is_file():
            return folder / name
    for folder in roots:
        for suffix in sorted(SUFFIXES):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    raise DataError(
        f"{where}: the {what} '{name}' is not there (looked in {roots[-1]}); add it, or remove the row"
    )
