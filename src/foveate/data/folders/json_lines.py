"""Read tables of JSON lines (Hugging Face's metadata.jsonl): one object a line, its keys are the columns."""

import json
from pathlib import Path
from typing import Any

from foveate.data.folders.table import Row
from foveate.data.folders.text import read_text
from foveate.errors import DataError

_MEGABYTES = 500
_LONGEST = 1_000_000


def first_keys(path: Path) -> tuple[str, ...]:
    """Return the columns of the first line, in lower case; none if it is no object."""
    with path.open("rb") as file:
        line = file.readline(_LONGEST).decode("utf-8-sig", errors="replace")
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    return tuple(_plain(first)) if isinstance(first, dict) else ()


def read_json_lines(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns, in lower case, and the rows as (line number, cell by column), as text.

    Values that are lists or objects are left out; a cell that a line lacks is empty. Raises `DataError` for a
    line that is no object.
    """
    rows: list[Row] = []
    for number, line in enumerate(read_text(path, _MEGABYTES).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}: is not JSON ({error}); write one object a line") from None
        if not isinstance(content, dict):
            raise DataError(f"{path}:{number}: is not an object, {{...}}; write one object a line")
        rows.append((number, _plain(content)))
    columns = tuple(dict.fromkeys(key for _, cells in rows for key in cells))
    return columns, [(number, dict.fromkeys(columns, "") | cells) for number, cells in rows]


def _plain(content: dict[str, Any]) -> dict[str, str]:
    return {
        key.strip().lower(): "" if value is None else str(value).strip()
        for key, value in content.items()
        if not isinstance(value, list | dict)
    }
