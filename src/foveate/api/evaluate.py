"""`foveate.evaluate`: score a trained run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import UserError, choose
from foveate.models.hub import is_address, located
from foveate.models.packed import opened
from foveate.models.weights_file import EXPORTED, find_model, run_folder
from foveate.specs.bindings import written_names
from foveate.specs.data import ANY_FOLDER, FolderChoice

if TYPE_CHECKING:
    from foveate.evaluation.scores import Scores


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    split: str = "test",
    size: tuple[int, int] | None = None,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Mapping[str, Any] | Sequence[str] | None = None,
) -> "Scores":
    """Score a trained run on its own test images, or on other data with the same classes.

    `foveate evaluate` in Python. The scores are also written into the run, if it is a run directory.

    Args:
        run: a run directory, a packed run (.zip), hf://USER/NAME, or an exported file (.onnx, .xml). An
            exported file knows no images of its own, a run of the Hub only those of public data: name others.
        data: other data with classes of the run, all of it unless it has splits. Its masks are read as those
            of training were. Classes may be absent: their scores are NaN. Default: the run's own data.
        split: "test", "val" or "train".
        size: height and width in pixels to which images are resized. Default: the size of training.
        device: "cpu" or "cuda". Default: cuda if there is a GPU.
        progress: called as `progress(done, images)` after each batch.
        folder: layout, masks and ignore_outside of other data, as in `DataSpec`. Default: those of the run.
        classes: what the mask values of the other data stand for, if they do not stand for what they did in
            training: {"background": 0, "disk": 255}.

    Raises `UserError` for a folder that is not a finished run, an unknown split, or other classes.

    Example:
        foveate.evaluate("runs/best", split="val").miou
    """
    return score_run(run, data, split, size, device, progress, folder, classes).scores


@dataclass(frozen=True)
class ScoredRun:
    """The scores of a run, its task, and sentences that the user should know."""

    scores: "Scores"
    task: str
    notes: tuple[str, ...]


def score_run(
    run: str | Path,
    data: str | Path | None = None,
    split: str = "test",
    size: tuple[int, int] | None = None,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Mapping[str, Any] | Sequence[str] | None = None,
) -> ScoredRun:
    """Score a run as `evaluate` does; return also what the user should know about the scores."""
    path = find_model(located(run))
    check_is_data(run, data)
    from foveate.evaluation.evaluate import score_on
    from foveate.evaluation.scored_data import open_scored
    from foveate.prediction.predictor import load

    choose(split, ("train", "val", "test"), "split")
    bound = None if classes is None else written_names(classes)
    with opened(path if path.suffix.lower() in (".zip", *EXPORTED) else run_folder(path)) as place:
        model = load(place, "cpu").model
        images = open_scored(place, model, data, split, size, folder, bound)
        scores = score_on(images, model, device, progress, keep=not is_address(run))
        notes = images.notes(scores)
    return ScoredRun(scores, model.task, tuple(note.replace(str(place), str(run)) for note in notes))


def check_is_data(run: str | Path, data: str | Path | None) -> None:
    """Raise `UserError` for data that are a run: the user may mean both together."""
    if data is not None and (Path(data) / "best.safetensors").is_file():
        raise UserError(
            f"{data}: is a run, and not data to score {run} on; for an ensemble of both write: foveate "
            f"evaluate {run} --ensemble {data}"
        )
