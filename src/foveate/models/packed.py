"""A trained run as one zip file: its weights and records, with a list of their hashes.

`opened` unpacks it for the time of a block, into a folder of its own. Nothing is read from a member that the
list does not name; no path may lead out of the folder; links are refused and sizes are limited (see
`data.storage.archives`).
"""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from foveate.data.storage.archives import unpack
from foveate.errors import UserError
from foveate.files import write_whole

FORMAT = 1
LIST = "packed.json"
NEEDED = ("best.safetensors", "config.json")
KEPT = (
    *NEEDED,
    "spec.yaml",
    "splits.json",
    "environment.json",
    "metrics.csv",
    "result.json",
    "scores*.json",
    "verdict.txt",
    "baseline.json",
)
"""The files of a run that are packed, as patterns."""

ENSEMBLE = "ensemble.json"
"""In a pack of several runs, the file that says how they predict together (`prediction.ensemble_file`)."""

LARGEST = 8 * 10**9
"""Limit of the bytes that a packed run may unpack to."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def is_packed(path: str | Path) -> bool:
    """Whether a path is a file named like a packed run."""
    return Path(path).suffix.lower() == ".zip" and Path(path).is_file()


def pack_run(run: Path, target: Path, verdict: str = "") -> tuple[str, ...]:
    """Write the files `KEPT` of a run to the zip file `target`; return their names.

    verdict: what a comparison says about the run's arm; it becomes the file verdict.txt. Equal runs give
    equal files, byte for byte. Raises `UserError` if the weights or their config are missing.
    """
    contents = kept_files(run, verdict)
    write_pack(contents, target)
    return tuple(contents)


def write_pack(contents: Mapping[str, bytes], target: Path) -> None:
    """Write a zip file of files with these contents, by name, and the list of them."""
    with write_whole(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in {LIST: listing(contents), **contents}.items():
            packed.writestr(_member(name), content)


def kept_files(run: Path, verdict: str = "") -> dict[str, bytes]:
    """Return the contents of the files `KEPT` of a run, by name; verdict as in `pack_run`.

    Raises `UserError` if the weights or their config are missing.
    """
    missing = [name for name in NEEDED if not (run / name).is_file()]
    if missing:
        raise UserError(f"{run / missing[0]}: there is no such file; pack a finished run")
    contents = {
        path.name: path.read_bytes()
        for pattern in KEPT
        for path in sorted(run.glob(pattern))
        if path.is_file()
    }
    return {**contents, **({"verdict.txt": verdict.encode()} if verdict else {})}


def listing(contents: Mapping[str, bytes]) -> bytes:
    """Return the content of the file `LIST` for files with these contents, by name."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return json.dumps({"format": FORMAT, "files": hashes}, indent=1).encode()


def read_listing(
    path: Path, where: str, kept: Sequence[str] = KEPT, needed: Sequence[str] = NEEDED
) -> dict[str, str]:
    """Return the SHA-256 of each file that a `LIST` names.

    where: the packed run, for errors. kept: what may be named, as patterns. needed: what must be. Raises
    `UserError` if the list is missing, damaged, of another format, or names files that a packed run does not
    have.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, hashes = content["format"], dict(content["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(
            f"{where}: is not a packed run, its {LIST} is missing or damaged; `foveate pack RUN` makes one"
        ) from None
    if version != FORMAT:
        raise UserError(
            f"{where}: was packed in format {version!r}, this foveate reads format {FORMAT}; use the "
            "version of foveate that packed it"
        )
    unknown = [name for name in hashes if not is_kept(name, kept)]
    if unknown or not set(needed) <= hashes.keys():
        what = f"names '{unknown[0]}', which is no file of a run" if unknown else "names no weights"
        raise UserError(f"{where}: its {LIST} {what}; pack the run again")
    return hashes


def is_kept(name: str, kept: Sequence[str] = KEPT) -> bool:
    """Whether a packed run may hold a file of this name."""
    return Path(name).name == name and any(fnmatchcase(name, pattern) for pattern in kept)


def is_as_listed(path: Path, digest: str) -> bool:
    """Whether a file exists and has this SHA-256."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


@contextmanager
def opened(path: str | Path, ensembles: bool = False) -> Iterator[Path]:
    """Give the folder of a run: `path` itself, or that of a packed run, unpacked while the block runs.

    ensembles: whether a pack of several runs is accepted; its folder holds `ENSEMBLE` and a packed run each.

    Raises `UserError` for a zip file that is damaged, unsafe, changed, no packed run, or several runs where
    one is needed. Errors of the block name the zip file in place of the folder.
    """
    if not is_packed(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="foveate-") as root:
        folder = Path(root, "run")
        unpack(path, folder, LARGEST)
        if (folder / ENSEMBLE).is_file():
            if not ensembles:
                raise UserError(
                    f"{path}: is an ensemble of several runs, which predict and serve take; this is for one "
                    "run: name one of those that it was packed from"
                )
            hashes = read_listing(folder / LIST, str(path), (ENSEMBLE, "run-*.zip"), (ENSEMBLE,))
        else:
            hashes = read_listing(folder / LIST, str(path))
        _check(Path(path), folder, hashes)
        try:
            yield folder
        except UserError as error:
            raise type(error)(str(error).replace(str(folder), str(path))) from error


def _check(packed: Path, folder: Path, hashes: Mapping[str, str]) -> None:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != LIST and name not in hashes:
            raise UserError(
                f"{packed}: holds the file '{name}', which its list does not name; pack the run again"
            )
    for name, digest in hashes.items():
        if not is_as_listed(folder / name, digest):
            raise UserError(
                f"{packed}: '{name}' was changed after packing, or is missing; pack the run again"
            )


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = (
        zipfile.ZIP_STORED if name.endswith((".safetensors", ".zip")) else zipfile.ZIP_DEFLATED
    )
    info.external_attr = 0o644 << 16
    return info
