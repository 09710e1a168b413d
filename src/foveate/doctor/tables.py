"""Tables for a copy of a dataset, of which some files have other names and some are not there."""

import csv
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from foveate.data.folders.pair_folders import IMAGE_FOLDERS, MASK_FOLDERS
from foveate.data.folders.table import column, read_table
from foveate.data.readers.csv_table import IMAGE, MASK, find_file, plain_name
from foveate.errors import DataError

Find = Callable[[Path, Sequence[str], str], str]


def rewrite_table(path: Path, root: Path, without: Collection[str]) -> str:
    """The text of a table for a copy of its folder: images and masks that became PNG are renamed; the rows at
    `without`, and those whose files were not copied, are left out. Rows that name no files stay as they are.
    """
    columns, lines = read_table(path)
    image, mask = column(columns, IMAGE), column(columns, MASK)
    wanted = {image: IMAGE_FOLDERS} | ({mask: MASK_FOLDERS} if mask else {})
    rows = []
    for line, cells in lines:
        if f"{path}:{line}" in without:
            continue
        named = cells | {key: plain_name(path.parent, cells[key]) for key in wanted}
        found = _cells(named, wanted, root, _renamed)
        if found or not _cells(named, wanted, path.parent, _named):
            rows.append(named | found)
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _cells(
    cells: Mapping[str, str], wanted: Mapping[str, Sequence[str]], root: Path, find: Find
) -> dict[str, str]:
    """The cells that name files as `find` names them; none where one is not found."""
    try:
        return {key: find(root, folders, cells[key]) for key, folders in wanted.items()}
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
