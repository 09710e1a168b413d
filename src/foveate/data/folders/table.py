"""Read CSV tables with the line number of every row, and refuse broken ones with a message that names it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from foveate.data.folders.delimited import form_of, read_rows_of
from foveate.data.known import by_name
from foveate.errors import DataError, nearest

_DECIMAL = re.compile(r"-?\d+[.]\d+")
_UNREAD = {":": "colons", " ": "spaces"}
_JOINTS = ("|", ";", ",", "+", "&", "/", " ")
"""Signs by which tables join several labels of an image."""

_MISSING = frozenset(("nan", "<na>", "n/a", "#n/a", "null"))

Row = tuple[int, dict[str, str]]


def first_line(path: Path) -> tuple[str, ...]:
    """Return the column names of a table in lower case, even of one that is separated in an unknown way."""
    header = form_of(path).header
    if len(header) == 1 and (separator := next((sign for sign in _UNREAD if sign in header[0]), None)):
        header = tuple(cell.strip() for cell in header[0].split(separator))
    return tuple(cell.lower() for cell in header)


def read_table(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns, in lower case, and the rows as (line number, cell by column).

    Raises `DataError` for a table that is missing, empty, not text or separated in an unknown way, and for
    rows with more or fewer cells than the header.
    """
    rows = read_rows_of(path)
    if not rows:
        raise DataError(f"{path}: the table is empty; its first line names the columns")
    (first, header), *rest = rows
    columns = tuple(cell.lower() for cell in header)
    for separator, name in _UNREAD.items():
        if len(columns) == 1 and separator in columns[0]:
            raise DataError(f"{path}:{first}: columns are separated by {name}; save the table with commas")
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}:{first}: two columns have the same name ({', '.join(columns)}); rename one")
    for line, cells in rest:
        if len(cells) != len(columns):
            raise DataError(
                f"{path}:{line}: has {len(cells)} cells and the header {len(columns)} "
                f"({', '.join(columns)}); a separator inside a cell needs quotes around the cell"
            )
    return columns, [(line, dict(zip(columns, cells, strict=True))) for line, cells in rest]


def column(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """Return the first column that is called as one of `names`, whatever separates its words; or None.

    >>> column(("image_id", "label"), ("image", "image_id")), column(("file name", "b"), ("file_name",))
    ('image_id', 'file name')
    """
    existing: dict[str, str] = {}
    for name in columns:
        existing.setdefault(_joined(name), name)
    return next((existing[_joined(name)] for name in names if _joined(name) in existing), None)


def _joined(name: str) -> str:
    return re.sub(r"[\W_]+", "", name)


def label_ids(
    labels: Sequence[tuple[str, str]], classes: Sequence[str] | None = None
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the classes and the id of each label.

    labels: as ("file:line", label). classes: their names in the order of their ids; a label is then a name or
    an id. Without classes, the labels are the names, in alphabetical order, or by value if they are numbers.
    Raises `DataError` for the first label that is none of the classes and, without classes, for one that
    joins several others.

    >>> label_ids([("a.csv:2", "dog"), ("a.csv:3", "cat")])
    (('cat', 'dog'), {'cat': 0, 'dog': 1})
    >>> label_ids([("a.csv:2", "1")], ["cat", "dog"])
    (('cat', 'dog'), {'1': 1})
    """
    distinct = dict.fromkeys(label for _, label in labels)
    if classes is None and 2 * len(distinct) > len(labels) and all(map(_DECIMAL.fullmatch, distinct)):
        raise DataError(
            f"{labels[0][0]}: the labels are {len(distinct)} different numbers in {len(labels)} rows, such "
            f"as {labels[0][1]}, and no classes; put them into ranges, and name the range of each image"
        )
    if classes is None:
        _refuse_joined(labels)
    numbers = all(label.isdecimal() for label in distinct)
    names = tuple(by_name(classes) or sorted(distinct, key=int if numbers else None))
    ids = {name: number for number, name in enumerate(names)}
    if numbers and not distinct.keys() <= ids.keys():
        ids = {label: int(label) for label in distinct if int(label) < len(names)}
    for where, label in labels:
        if label not in ids:
            near = nearest(label, names)
            hint = f"did you mean '{near}'?" if near else "mend it, or name all classes"
            raise DataError(
                f"{where}: the label '{label}' is none of the {len(names)} classes ({', '.join(names[:20])}"
                f"{', ...' * (len(names) > 20)}); {hint}"
            )
    return names, {label: ids[label] for label in sorted(distinct)}


def is_missing(label: str) -> bool:
    """Whether a label is a program's word for none, as pandas writes nan.

    >>> [is_missing(label) for label in ("NaN", "#N/A", "none", "nanotube")]
    [True, True, False, False]
    """
    return label.lower() in _MISSING


def _refuse_joined(labels: Sequence[tuple[str, str]]) -> None:
    """Raise `DataError` for a label that joins several others, as cat|dog beside cat and dog."""
    distinct = dict.fromkeys(label for _, label in labels)
    for sign in _JOINTS:
        pieces = {label: [piece.strip(" []'\"") for piece in label.split(sign)] for label in distinct}
        holders = Counter(piece for each in pieces.values() for piece in set(each))
        for label, each in pieces.items():
            listed = label.startswith("[") and label.endswith("]")
            shared = any(holders[piece] > 1 for piece in each) if sign == "|" else {*each} <= distinct.keys()
            if len(set(each)) > 1 and all(each) and (shared or (listed and sign == ",")):
                where = next(where for where, given in labels if given == label)
                raise DataError(
                    f"{where}: the label '{label}' seems to be several ({' and '.join(each[:4])}), and an "
                    "image has one; keep one of them, or, if it is a class of its own, name all classes "
                    "with --classes"
                )
