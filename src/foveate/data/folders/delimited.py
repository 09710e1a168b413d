"""Read the rows of a text table, by whichever sign its cells are separated and in whichever Unicode it is.

The first line decides: the separator is the sign that divides it into the most cells, a comma where several
do. Spreadsheets in many languages write semicolons, and `sep=;` above them; some write UTF-16.
"""

import codecs
import csv
from dataclasses import dataclass
from pathlib import Path

from foveate.errors import DataError

_SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST = 10_000
_MARK = "sep="


@dataclass(frozen=True)
class Form:
    """How a table is written. header: the cells of its first line. lead: number of lines above them."""

    encoding: str
    separator: str
    header: tuple[str, ...]
    lead: int = 0

    @property
    def note(self) -> str:
        """What is unusual about it, for the user; empty if nothing is.

        >>> Form("utf-16", ";", ("image", "label")).note, Form("utf-8-sig", ",", ("image",)).note
        ('separated by semicolons, in UTF-16', '')
        """
        words = [f"separated by {_SIGNS[self.separator]}"] * (self.separator != ",")
        words += ["in UTF-16"] * self.encoding.startswith("utf-16")
        return ", ".join(words)


def form_of(path: Path) -> Form:
    """Return how a table is written, from its first line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = path.write_text("sep=;\\nimage;label;left, right\\n", "utf-16")
    >>> form_of(path)
    Form(encoding='utf-16', separator=';', header=('image', 'label', 'left, right'), lead=1)
    """
    with path.open("rb") as file:
        start = file.read(_LONGEST)
    encoding = _encoding(start)
    lines = [line for line in start.decode(encoding, errors="replace").splitlines()[:2] if line.strip()]
    said = lines[0].strip('" ') if lines else ""
    if said[:-1].lower() == _MARK and said[-1] in _SIGNS:
        return Form(encoding, said[-1], _cells(lines[1:], said[-1]), 1)
    separator = max(_SIGNS, key=lambda sign: len(_cells(lines, sign)))
    return Form(encoding, separator, _cells(lines, separator))


def read_rows_of(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows as (line number, cells), without blanks around the cells and without empty rows.

    Raises `DataError` for a table that is missing or not text.
    """
    try:
        form = form_of(path)
        with path.open(newline="", encoding=form.encoding) as file:
            lines = csv.reader(file, delimiter=form.separator)
            rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines]
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such table") from None
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{path}: is not CSV text ({error}); save it as CSV in UTF-8") from None
    return [(line, cells) for line, cells in rows if any(cells) and line > form.lead]


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if 3 * start.count(0) < len(start) or not start:
        return "utf-8-sig"
    return "utf-16-be" if start[0] == 0 else "utf-16-le"


def _cells(lines: list[str], separator: str) -> tuple[str, ...]:
    """Return the cells of the first line."""
    try:
        return tuple(cell.strip() for cell in next(csv.reader(lines[:1], delimiter=separator), ()))
    except csv.Error:
        return ()
