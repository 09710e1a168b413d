"""`foveate.api.push.push`: share a run on the Hugging Face Hub; `save_pretrained`, `from_pretrained`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.results import check_free, make_folder
from foveate.errors import UserError
from foveate.models.weights_file import EXPORTED, find_model, run_folder

if TYPE_CHECKING:
    from foveate.export.hub import Pushed
    from foveate.models.host import Host


@dataclass(frozen=True)
class PushedRun:
    """A run that was shared. names, bytes: of its files."""

    pushed: "Pushed"
    names: tuple[str, ...]
    bytes: int


def push(
    run: str | Path,
    repo: str,
    private: bool = False,
    license: str | None = None,
    overwrite: bool = False,
) -> PushedRun:
    """Share a run on the Hugging Face Hub, with a model card written from it; `foveate push` in Python.

    Args:
        run: a finished run directory, or a packed run (.zip).
        repo: USER/NAME on the Hub; the repository is made if there is none.
        private: make it visible to its owner alone.
        license: of the weights, as the Hub writes it, such as "apache-2.0".
        overwrite: replace the run that the repository holds; its history keeps the earlier one.

    Everything is uploaded as one commit: the files of a packed run and the card, README.md. Paths, the
    command line, images and the names of your own images are not among them. A README.md in the run is taken
    in place of the card.

    Raises `UserError` for a run that is not finished or does not load, if the Hub does not answer or refuses,
    and for a repository that holds a run (without `overwrite`) or other files.
    """
    from foveate.models.hub import parse_address

    address = parse_address(repo)
    if address.revision:
        raise UserError(f"{repo}: a run is pushed to the main branch; leave @{address.revision} out")
    with _shared(run, str(address), license) as files:
        from foveate.export.hub import push_files

        pushed = push_files(address, files, private, overwrite, f"Share {Path(run).name}")
    return PushedRun(pushed, tuple(files), sum(map(len, files.values())))


def save_pretrained(
    model: "Host | str | Path", folder: str | Path, license: str | None = None, overwrite: bool = False
) -> Path:
    """Write the files that `push` would upload into a folder; `from_pretrained` and `load` read it.

    Args:
        model: a network from `create_model` or `from_pretrained`, or a run.
        folder: made if it is missing; other files in it stay.
        license: as of `push`.
        overwrite: replace files of the same names.

    The card names the folder without its path. Raises `UserError` if files are there already, for the folder
    of the run itself, and if the folder cannot be written to.

    Example:
        foveate.save_pretrained("runs/best", "shared")
        network = foveate.from_pretrained("shared")
    """
    target = Path(folder)
    if isinstance(model, str | Path):
        if find_model(model).resolve().parent == target.resolve():
            raise UserError(f"{target}: is the run itself, which needs its own files; name another folder")
        with _shared(model, target.resolve().name, license) as files:
            _write(files, target, overwrite)
        return target
    from foveate.models.checkpoints import save_model

    with tempfile.TemporaryDirectory(prefix="foveate-") as draft:
        save_model(model, draft)
        with _shared(draft, target.resolve().name, license) as files:
            _write(files, target, overwrite)
    return target


def from_pretrained(run: str | Path, revision: str | None = None, token: str | None = None) -> "Host":
    """Return a trained network from the Hub, from a folder of `save_pretrained`, or from a run.

    `foveate.load` gives the same network with all that prediction needs.

    Args:
        run: USER/NAME or hf://USER/NAME on the Hub, unless there is such a folder; or a run, packed or not.
        revision: a branch, a tag or a commit of the Hub. Default: the newest.
        token: of the Hub. Default: HF_TOKEN, or that of `hf auth login`.

    The network is an `nn.Module` in evaluation mode on the CPU, from images `b c h w` in [0, 1] to logits
    `b classes h w`; it can be trained further. Its classes are in `network.notes["classes"]`. Raises
    `UserError` as `load` does.
    """
    from foveate.models.checkpoints import load_model
    from foveate.models.hub import HubRun, fetch, is_address, parse_address

    if Path(run).exists() and not is_address(run):
        if revision:
            raise UserError(f"{run}: a folder has no revisions; leave {revision} out")
        return load_model(run)
    address = parse_address(run)
    return load_model(fetch(HubRun(address.repo, revision or address.revision), token))


@contextmanager
def _shared(run: str | Path, name: str, license: str | None) -> Iterator[dict[str, bytes]]:
    """Give the files of a run that are shared, the card among them. name: under which the run is loaded."""
    path = find_model(run)
    if path.suffix.lower() in EXPORTED:
        raise UserError(f"{run}: is an exported file; name the run that it came from")
    from foveate.experiments.verdict_on import verdict_on
    from foveate.export.hub import CARD, shared_files
    from foveate.models.checkpoints import load_model
    from foveate.models.packed import opened
    from foveate.report.card import model_card
    from foveate.training.run_directory import Run

    with opened(path if path.suffix.lower() == ".zip" else run_folder(path)) as folder:
        if Run(folder).spec_file.is_file() and not Run(folder).is_complete:
            raise UserError(
                f"{run}: the run is not finished; resume it, or wait for its end, and share it then"
            )
        model = load_model(folder)
        verdict = verdict_on(folder)
        files = shared_files(folder, verdict)
        own = folder / CARD
        text = (
            own.read_bytes() if own.is_file() else model_card(folder, model, name, license, verdict).encode()
        )
        yield {CARD: text, **files}


def _write(files: dict[str, bytes], folder: Path, overwrite: bool) -> None:
    from foveate.files import write_whole

    if folder.is_file():
        raise UserError(f"{folder}: is a file; name a folder")
    check_free(folder, files, overwrite)
    make_folder(folder)
    try:
        for name, content in files.items():
            with write_whole(folder / name) as file:
                file.write(content)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror or error})") from None
