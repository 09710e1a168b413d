"""The mark of a finished run of a sweep: `done.json`, written last.

It holds what the run was asked for and fingerprints of the run's files, so that a run counts as finished only
as long as its files are those that it left.
"""

import hashlib
import json
import socket
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.loading.module import DataModule
from foveate.plain import flatten, from_json, to_json, to_plain
from foveate.specs.run import READING, RunSpec
from foveate.training.run_directory import Run

FILE = "done.json"
FORMAT = 1

READ = ("spec.yaml", "splits.json", "result.json", "scores.json", "per_image.npz")
"""Files whose content the results rest on. The weights are known by their size: reading them takes long."""


@dataclass(frozen=True)
class Mark:
    """What a finished run has noted.

    digest, asked: of the spec that was asked for, and the spec as plain values. files: the fingerprint of
    each file by its name. batch: images a step, which is smaller than asked for if memory ran out.
    parameters: of the network. seconds: of training. host: name of the machine. foveate: its version.
    task: of the data. tested: whether the attention could open in so short a run. groups: of the test images
    that are in one, by their names.
    """

    digest: str
    asked: dict
    files: dict[str, str]
    batch: int
    parameters: int
    seconds: float
    host: str
    foveate: str
    task: str
    tested: bool
    groups: dict[str, str]


def mark(folder: Path, asked: RunSpec, parameters: int, data: DataModule, tested: bool) -> None:
    """Mark the run in `folder` as finished. asked: the spec as the sweep has it. The rest is as in `Mark`."""
    test = data.dataset.index("test")
    run = Run(folder)
    done = Mark(
        digest=asked.digest,
        asked=to_plain(asked),
        files=fingerprints(folder),
        batch=run.spec.data.batch or 0,
        parameters=parameters,
        seconds=run.result.seconds,
        host=socket.gethostname(),
        foveate=version("foveate"),
        task=data.task,
        tested=tested,
        groups={entry.stem: entry.group for entry in test if entry.group is not None},
    )
    with write_whole(folder / FILE, "w") as file:
        json.dump({"format": FORMAT, **to_json(done)}, file, indent=1)


def read_mark(folder: Path, asked: RunSpec | None = None) -> Mark | None:
    """Return the mark of a finished run, None if it is not finished.

    Raises `UserError` if another version wrote it, if the run's files are not those that it left, and if it
    is a run of another spec than `asked`.
    """
    path = folder / FILE
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            raise UserError(
                f"{path}: was written by foveate {plain.get('foveate', '?')}, which this version cannot "
                f"read; use that version, or move the folder {folder} away to train the run again"
            )
        found = from_json(Mark, plain)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); move the folder {folder} away") from None
    changed = [name for name, print_ in fingerprints(folder).items() if found.files.get(name) != print_]
    if changed or len(found.files) != len(fingerprints(folder)):
        what = ", ".join(changed) or ", ".join(name for name in found.files if not (folder / name).is_file())
        raise UserError(
            f"{folder}: {what} was changed or removed after the run was finished, so its scores cannot be "
            "trusted; put the files back, or move the folder away to train the run again"
        )
    if asked is not None and (different := _differences(found.asked, asked)):
        raise UserError(
            f"{folder}: holds a run of another spec ({'; '.join(different)}); move the folder away to train "
            "the run again"
        )
    return found


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprint of each file of a run that its results rest on."""
    files = {name: folder / name for name in READ if (folder / name).is_file()}
    prints = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    weights = Run(folder).best_weights
    if weights.is_file():
        prints[weights.name] = f"{weights.stat().st_size} bytes"
    return prints


def _differences(before: dict, asked: RunSpec) -> list[str]:
    """Return the fields that the recorded spec has with another value; fields that it lacks do not count."""
    old, new = flatten(before), flatten(to_plain(asked))
    return [
        f"{name} was {value!r} and is now {new.get(name)!r}"
        for name, value in old.items()
        if name not in READING and new.get(name) != value
    ]
