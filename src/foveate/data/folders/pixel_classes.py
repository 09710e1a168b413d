"""Read `_classes.csv`, which names the class of each mask value beside Roboflow's semantic masks."""

from pathlib import Path

from foveate.data.folders.delimited import read_rows_of
from foveate.data.folders.listing import SEARCH_LIMIT, folders_in
from foveate.errors import DataError

NAME = "_classes.csv"
_HEADER = ["pixel value", "class"]


def pixel_classes(root: Path) -> tuple[str, ...]:
    """Return the names of the classes in the order of their values; empty if there is no such table.

    The table lies in the folder or in those of its splits. Raises `DataError` for a row that is not a value
    and a name, for values other than 0, 1, 2, ..., and if the tables of the splits differ.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> _ = (root / "_classes.csv").write_text("Pixel Value, Class\\n0, background\\n1, disk\\n")
    >>> pixel_classes(root)
    ('background', 'disk')
    """
    folders = [root, *folders_in(root)[:SEARCH_LIMIT]]
    tables = {folder / NAME: _read(folder / NAME) for folder in folders if (folder / NAME).is_file()}
    first, *others = [(path, names) for path, names in tables.items() if names] or [(root, ())]
    if other := next((path for path, names in others if names != first[1]), None):
        raise DataError(f"{other}: names other classes than {first[0]}; export both with the same classes")
    return first[1]


def _read(path: Path) -> tuple[str, ...]:
    """Return the names of a table; empty if its header is another, as Roboflow's tables of labels have."""
    lines = read_rows_of(path)
    if not lines or [cell.lower() for cell in lines[0][1]] != _HEADER:
        return ()
    names: list[str] = []
    for number, row in lines[1:]:
        if row != [str(len(names)), *row[1:2]]:
            raise DataError(
                f"{path}:{number}: '{','.join(row)}' should name the class of the value {len(names)}, as in "
                f"'{len(names)}, road'; mend it"
            )
        names += row[1:]
    return tuple(names)
