"""Coloured masks; class_dict.csv (name,r,g,b) or labelmap.txt (name:r,g,b::) names the class of each colour.

Folders: `train/ train_labels/ val/ val_labels/ test/ test_labels/`, or `images/ masks/`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.delimited import read_rows_of
from foveate.data.folders.image_tables import tables_in
from foveate.data.folders.pair_folders import pairs_of, unread_note
from foveate.data.folders.pairing import count_classes, pair_all, read_pair
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.known import by_name
from foveate.data.layout import Layout, reader
from foveate.data.names import one_form
from foveate.data.pixels.codecs import table_codec
from foveate.data.pixels.masks import MaskCodec, is_void
from foveate.data.pixels.palette import Color
from foveate.errors import DataError, choose

_LABELMAP = "labelmap.txt"
_LINE = re.compile(r"^[^#:\n]+:\s*\d+\s*,\s*\d+\s*,\s*\d+", re.MULTILINE)
"""A line of CVAT's labelmap.txt. Other tools write other files of this name."""


@reader(
    "coloured",
    10,
    "train/ train_labels/ ... (or images/ masks/) with coloured masks and class_dict.csv or labelmap.txt",
)
class Coloured:
    @staticmethod
    def recognise(root: Path) -> bool:
        return colors_file(root) is not None

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        path = colors_file(root)
        if not pairs_of(root):
            raise DataError(
                f"{root}: has a {path.name} but neither train/ with train_labels/ nor images/ with masks/; "
                "add them"
            )
        read_colors(path)
        parts, listed = divide_by_lists(root, pair_all(root))
        layout = read_coloured(parts, path, classes)
        return replace(layout, notes=(*layout.notes, *unread_note(root), *listed, *_tables(root)))


def read_coloured(parts: Mapping[str, Sequence[Entry]], path: Path, classes: Sequence[str] | None) -> Layout:
    """Return the layout of coloured masks. path: the file that names the class of each colour."""
    table = read_colors(path)
    codec = color_codec(table, classes, path.name)
    entries = [entry for part in parts.values() for entry in part]
    counts = count_classes(entries, codec)
    return Layout(
        task="segmentation",
        classes=codec.classes,
        colors=tuple(color for name, color in table if name in codec.classes),
        parts=parts,
        reader=partial(read_pair, codec=codec),
        counts={entry.stem: row for entry, row in zip(entries, counts, strict=True)},
        notes=(codec.reading,),
    )


def _tables(root: Path) -> tuple[str, ...]:
    names = ", ".join(path.name for path in tables_in(root, masked=True))
    return (f"not read: {names}, since coloured masks are paired by name",) if names else ()


def colors_file(root: Path) -> Path | None:
    """Return the file of a folder that names the class of each colour, or None."""
    if (path := root / "class_dict.csv").is_file():
        return path
    path = root / _LABELMAP
    return path if path.is_file() and _LINE.search(path.read_text("utf-8-sig", errors="replace")) else None


def read_colors(path: Path) -> list[tuple[str, Color]]:
    """Read the names and colours in the file's order; raise `DataError` with the line that is wrong."""
    try:
        rows = _labelmap(path) if path.name == _LABELMAP else _class_dict(path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text ({error}); save it in UTF-8") from None
    form = "name:r,g,b::" if path.name == _LABELMAP else "name,r,g,b"
    table: list[tuple[str, Color]] = []
    for line, row in rows:
        if len(row) < 4 or not row[0] or not all(cell.isdecimal() and int(cell) <= 255 for cell in row[1:4]):
            raise DataError(
                f"{path}:{line}: '{','.join(row)}' is not {form} with values 0 to 255; mend the line"
            )
        written, color = one_form(row[0]), (int(row[1]), int(row[2]), int(row[3]))
        for name, other in table:
            if written == name or color == other:
                raise DataError(
                    f"{path}:{line}: '{written}' {color} repeats the name or colour of '{name}'; remove one"
                )
        table.append((written, color))
    if not table:
        raise DataError(f"{path}: names no class; add one line {form} per class")
    return table


def _class_dict(path: Path) -> list[tuple[int, list[str]]]:
    rows = read_rows_of(path)
    line, header = rows[0] if rows else (1, ["nothing"])
    if [cell.lower() for cell in header[:4]] != ["name", "r", "g", "b"]:
        raise DataError(f"{path}:{line}: the header must be name,r,g,b; found {','.join(header)}")
    return rows[1:]


def _labelmap(path: Path) -> list[tuple[int, list[str]]]:
    """Read lines such as car:128,0,0:: into their number and cells."""
    lines = enumerate(path.read_text("utf-8-sig").splitlines(), start=1)
    filled = ((line, text.split(":")) for line, text in lines if text.strip() and not text.startswith("#"))
    return [
        (line, [name.strip(), *(cell.strip() for cell in "".join(colors[:1]).split(","))])
        for line, (name, *colors) in filled
    ]


def color_codec(
    table: Sequence[tuple[str, Color]], classes: Sequence[str] | None, named: str = "class_dict.csv"
) -> MaskCodec:
    """Return the codec of coloured masks.

    table: names and colours. classes: the names to keep (None: all that are not void); pixels of the others
    are ignored. named: the file with the table, for messages.
    """
    names = [name for name, _ in table]
    kept = [choose(name, names, f"class of {named}") for name in by_name(classes, names) or ()]
    void = [name for name in names if is_void(name) and name not in kept]
    return table_codec(
        [name for name in names if name not in void],
        {color: None if name in void else name for name, color in table},
        kept,
        f"masks are coloured as {named} says" + (f"; {', '.join(void)} ignored" if void else ""),
        remedy=f"add it to {named} (named 'void' to ignore it) or mend the mask",
    )
