"""Rewrite a CSV table for a copy of a dataset in which files were renamed or left out."""

import csv
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from foveate.data.folders.image_tables import IMAGE, MASK
from foveate.data.folders.pair_folders import IMAGE_FOLDERS, MASK_FOLDERS
from foveate.data.folders.table import column, read_table
from foveate.data.folders.table_files import find_file, plain_name
from foveate.errors import DataError

Find = Callable[[Path, Sequence[str], str], str]


def rewrite_table(path: Path, root: Path, dropped: Collection[str]) -> str:
    """Return the text of a table for the copy of its folder at `root`.

    Files that became PNG are renamed. The rows `dropped` ("file:line"), and rows whose files were not copied,
    are left out. Rows whose files do not exist in the original either stay unchanged.
    """
    columns, lines = read_table(path)
    image, mask = column(columns, IMAGE), column(columns, MASK)
    file_columns = {image: IMAGE_FOLDERS} | ({mask: MASK_FOLDERS} if mask else {})
    rows = []
    for line, cells in lines:
        if f"{path}:{line}" in dropped:
            continue
        named = cells | {key: plain_name(path.parent, cells[key]) for key in file_columns}
        renamed = _cells(named, file_columns, root, _renamed)
        if renamed or not _cells(named, file_columns, path.parent, _named):
            rows.append(named | renamed)
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _cells(
    cells: Mapping[str, str], file_columns: Mapping[str, Sequence[str]], root: Path, find: Find
) -> dict[str, str]:
    """Return the cells that name files, renamed by `find`; empty if one of the files does not exist."""
    try:
        return {key: find(root, folders, cells[key]) for key, folders in file_columns.items()}
    except DataError:
        return {}


def _named(root: Path, folders: Sequence[str], name: str) -> str:
    find_file(root, folders, name, "file", "")
    return name


def _renamed(root: Path, folders: Sequence[str], name: str) -> str:
    try:
        return _named(root, folders, name)
    except DataError:
        return _named(root, folders, Path(name).with_suffix(".png").as_posix() if name else name)
