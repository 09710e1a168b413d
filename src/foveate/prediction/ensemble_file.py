"""Several runs as one zip file: each packed, with the weights and the temperature of the ensemble.

It is opened as a packed run is (`foveate.models.packed`): each of its files is named with its hash, and each
packed run in it has a list of its own.
"""

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from foveate.errors import UserError
from foveate.models.packed import ENSEMBLE, pack_run, write_pack

FORMAT = 1
MOST = 100
"""The most runs of a packed ensemble."""


@dataclass(frozen=True)
class PackedEnsemble:
    """What a packed ensemble says of its runs. names: of the packed runs beside it."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    temperature: float
    format: int = FORMAT


def pack_ensemble(
    runs: Sequence[tuple[Path, str]], target: Path, weights: Sequence[float], temperature: float
) -> tuple[str, ...]:
    """Write runs, each with its verdict, to the zip file `target`; return the names of the files in it.

    Raises `UserError` for more than `MOST` runs.
    """
    if len(runs) > MOST:
        raise UserError(f"{target}: a packed ensemble holds {MOST} runs at most, and these are {len(runs)}")
    with tempfile.TemporaryDirectory(prefix="foveate-") as folder:
        names = tuple(f"run-{number}.zip" for number in range(1, len(runs) + 1))
        for name, (run, verdict) in zip(names, runs, strict=True):
            pack_run(run, Path(folder, name), verdict)
        about = PackedEnsemble(names, tuple(weights), temperature)
        contents = {ENSEMBLE: json.dumps(asdict(about), indent=1).encode()}
        contents |= {name: Path(folder, name).read_bytes() for name in names}
        write_pack(contents, target)
    return tuple(contents)


def read_ensemble(folder: Path, where: str) -> PackedEnsemble | None:
    """Return the ensemble of an opened pack; None for a run. where: the file that errors name.

    Raises `UserError` for a file that is damaged, or of another version.
    """
    path = folder / ENSEMBLE
    if not path.is_file():
        return None
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        version = plain["format"]
        if version == FORMAT:
            found = PackedEnsemble(tuple(plain["names"]), tuple(plain["weights"]), plain["temperature"])
            whole = 0 < len(found.names) == len(found.weights) <= MOST
            plain_names = all(Path(name).name == name and (folder / name).is_file() for name in found.names)
            numbers = all(math.isfinite(number) for number in (*found.weights, found.temperature))
            if not (whole and plain_names and numbers):
                raise ValueError("it contradicts itself")
            return found
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"{where}: its {ENSEMBLE} cannot be read ({error}); pack the runs again") from None
    raise UserError(
        f"{where}: an ensemble of format {version!r}, this foveate reads format {FORMAT}; use the version of "
        "foveate that packed it"
    )
