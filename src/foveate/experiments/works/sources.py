"""Where the data of a work are: below a folder of the user, drawn, or missing with what to put where."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from foveate.data.layout import dataset_info
from foveate.data.synthetic.leaf_files import write_leaves
from foveate.errors import UserError
from foveate.specs.work import Datum

MADE = "made"
"""The folder, in that of the results, for drawn sets that are written as files."""


@dataclass(frozen=True)
class Missing:
    """Data that are not there. path: where they belong. how: where to get them."""

    datum: Datum
    path: Path
    how: str

    def __str__(self) -> str:
        return f"{self.datum.title} is missing: put it at {self.path}. {self.how}"


def find_source(datum: Datum, data_root: Path | None, out: Path) -> str | Missing:
    """Return the source of data as `DataSpec` takes it, or what is missing.

    data_root: the user's folder. out: of the results, for drawn sets that are written as files.

    Raises `UserError` if data need a folder and none is given.
    """
    if datum.source:
        return datum.source
    if datum.made:
        return str(out / MADE / datum.made.replace(":", "-"))
    if data_root is None:
        raise UserError(
            f"--data-root is missing: name the folder that holds {datum.place} ({datum.title}) and the other "
            "data of this work"
        )
    path = data_root / str(datum.place)
    is_there = path.is_file() or (path.is_dir() and any(path.iterdir()))
    return str(path) if is_there else Missing(datum, path, _how_to_get(datum, path))


def make(datum: Datum, source: str) -> None:
    """Write a drawn set as files, unless it is there."""
    if datum.made:
        write_leaves(datum.made, Path(source))


def _how_to_get(datum: Datum, path: Path) -> str:
    if not datum.known:
        return datum.get or "Any layout that foveate reads will do (foveate doctor FOLDER)."
    info = dataset_info(datum.known)
    if info.downloads:
        return f"`foveate data get {info.name} --out {shlex.quote(str(path))}` downloads it ({info.home})."
    steps = "; ".join(info.steps) or f"see {info.home}"
    return f"To get it: {steps}. Expected there: {info.layout}."
