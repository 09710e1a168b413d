"""Read CSV tables with the line number of every row, and refuse broken ones with a message that names it."""

import codecs
import csv
import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from foveate.data.known import by_name
from foveate.errors import DataError

_LONGEST = 10_000
_DECIMAL = re.compile(r"-?\d+[.]\d+")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ":": "colons", " ": "spaces"}

Row = tuple[int, dict[str, str]]


def first_line(path: Path) -> tuple[str, ...]:
    """Return the column names of a table in lower case, for any separator and encoding."""
    with path.open("rb") as file:
        start = file.read(_LONGEST)
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    line = next(iter(start.decode(encoding, errors="replace").splitlines()), "")
    separator = next((sign for sign in (",", *SEPARATORS) if sign in line.strip()), ",")
    return tuple(cell.strip().strip('"').lower() for cell in line.split(separator))


def read_table(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns, in lower case, and the rows as (line number, cell by column).

    Raises `DataError` for a table that is missing, empty, not text or not separated by commas, and for rows
    with more or fewer cells than the header.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines]
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such table") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not CSV text ({error}); save it as CSV in UTF-8") from None
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise DataError(f"{path}: the table is empty; its first line names the columns")
    columns = tuple(cell.lower() for cell in rows[0][1])
    for separator, name in SEPARATORS.items():
        if len(columns) == 1 and separator in columns[0]:
            raise DataError(f"{path}:1: columns are separated by {name}; save the table with commas")
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}:1: two columns have the same name ({', '.join(columns)}); rename one")
    for line, cells in rows[1:]:
        if len(cells) != len(columns):
            raise DataError(
                f"{path}:{line}: has {len(cells)} cells and the header {len(columns)} "
                f"({', '.join(columns)}); a comma inside a cell needs quotes around the cell"
            )
    return columns, [(line, dict(zip(columns, cells, strict=True))) for line, cells in rows[1:]]


def column(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """Return the first of `names` that is a column, or None.

    >>> column(("image_id", "label"), ("image", "image_id"))
    'image_id'
    """
    existing = set(columns)
    return next((name for name in names if name in existing), None)


def label_ids(
    labels: Sequence[tuple[str, str]], classes: Sequence[str] | None = None
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the classes and the id of each label.

    labels: as ("file:line", label). classes: their names in the order of their ids; a label is then a name or
    an id. Without classes, the labels are the names, in alphabetical order, or by value if they are numbers.
    Raises `DataError` for the first label that is none of the classes.

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
    numbers = all(label.isdecimal() for label in distinct)
    names = tuple(by_name(classes) or sorted(distinct, key=int if numbers else None))
    ids = {name: number for number, name in enumerate(names)}
    if numbers and not distinct.keys() <= ids.keys():
        ids = {label: int(label) for label in distinct if int(label) < len(names)}
    for where, label in labels:
        if label not in ids:
            near = difflib.get_close_matches(label, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "mend it, or name all classes"
            raise DataError(
                f"{where}: the label '{label}' is none of the {len(names)} classes ({', '.join(names[:20])}"
                f"{', ...' * (len(names) > 20)}); {hint}"
            )
    return names, {label: ids[label] for label in sorted(distinct)}
