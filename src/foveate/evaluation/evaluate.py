"""Evaluate a trained run on a split: all scores in one pass, and the counts that comparisons need."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor, nn

from foveate.errors import UserError, choose
from foveate.evaluation.calibration import CalibrationBins
from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.errors import ErrorCounts
from foveate.evaluation.per_image import write_per_image
from foveate.evaluation.scored_data import ScoredData, open_scored
from foveate.evaluation.scores import Scores, over_present, scores
from foveate.files import write_whole
from foveate.loading.module import DataModule
from foveate.loading.workers import dead_workers_told
from foveate.models.checkpoints import load_model
from foveate.models.device import find_device
from foveate.models.host import Host
from foveate.plain import from_json, to_json
from foveate.prediction.backends.exported import ExportedNetwork
from foveate.prediction.predictor import Predictor
from foveate.prediction.views import with_views
from foveate.specs.data import ANY_FOLDER, FolderChoice
from foveate.training.run_directory import Run

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """The scores of a data set and the counts of each image.

    confusions: one matrix per image, rows truth, columns prediction. errors: rows of `ErrorCounts.per_image`,
    for segmentation only.
    """

    scores: Scores
    stems: tuple[str, ...]
    confusions: Int64[ndarray, "n c c"]
    errors: Int64[ndarray, "n f"] | None = None


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    split: str = "test",
    size: tuple[int, int] | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    opened: DataModule | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Sequence[str] | None = None,
) -> Scores:
    """Score a run's best weights on a split (train, val or test), and write the scores into the run.

    The model predicts in the run's test-time views (`DataSpec.test_scales`, `test_flip`).

    Args:
        data: another data set with classes of the run; its split of that name is scored, or all images if it
            has no splits. Default: the run's own data. Classes may be absent: their scores are NaN, and means
            are over the others.
        size: height and width to which images and masks are resized; default: the run's size.
        device: default: CUDA if there is a GPU.
        progress: called as `progress(done, images)` after each batch.
        opened: the run's data, if it is open; used if it has the run's splits.
        folder: what the user says about other data; by default as for the data of the run.
        classes: what the mask values of other data stand for, as bindings; default: what they stood for in
            training.

    Writes `scores.json`, `per_image.csv` and `per_image.npz` (see `read_scores`, `per_image_table`,
    `read_per_image`). If split, size or data differ from the defaults, they are part of the names, as in
    `scores-val.json`.

    Raises `UserError` for a directory that is not a finished run, an unknown split, or other classes.
    """
    choose(split, ("train", "val", "test"), "split")
    model = load_model(run)
    images = open_scored(Path(run), model, data, split, size, folder, classes, opened)
    return score_on(images, model, device, progress)


def score_on(
    images: ScoredData,
    model: Host | ExportedNetwork,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    keep: bool = True,
) -> Scores:
    """Score a run's model on opened images, and write the scores into the run, as `evaluate` does.

    keep: whether they are written; those of an exported file are not.
    """
    module, split = images.module, images.split
    network = with_views(model) if isinstance(model, Host) else Predictor(model, device).network
    evaluation = evaluate_model(
        network,
        module.eval_dataloader(split),
        module.classes,
        module.task,
        device if isinstance(model, Host) else "cpu",
        progress,
        len(images.stems),
    )
    if images.data is not None:
        evaluation = replace(evaluation, scores=over_present(evaluation.scores))
    if keep and isinstance(model, Host):
        about = {"split": split, "data": str(module.spec.source), "size": list(module.size)}
        about["result"] = Run(images.run).result_fingerprint
        _write(images.run, _suffix(split, images.size, images.data), evaluation, about, module.task)
    return evaluation.scores


def evaluate_model(
    model: nn.Module,
    batches: Iterable[dict],
    classes: Sequence[str],
    task: str = "segmentation",
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    total: int = 0,
) -> Evaluation:
    """Score a model on batches of a `DataModule`: dicts of image, mask (or label) and stem.

    Runs in float32 and evaluation mode on one device (default: CUDA if there is a GPU). The model's mode and
    device are restored. total: number of images, passed on to `progress`.
    """
    counts = Tally(classes, task)
    with inference(model, device) as used_device, dead_workers_told():
        for batch in batches:
            truth = truth_of(batch, task).to(used_device)
            counts.add(model(batch["image"].to(used_device)).float().softmax(1), truth, batch["stem"])
            if progress is not None:
                progress(len(counts.stems), total)
    return counts.result()


def truth_of(batch: dict, task: str) -> Int64[Tensor, "b ..."]:
    """Return the masks, or the labels, of a batch."""
    return batch["mask" if task == "segmentation" else "label"]


class Tally:
    """Counts what predictions get right, batch by batch."""

    def __init__(self, classes: Sequence[str], task: str = "segmentation"):
        self.classes, self.stems = classes, []
        self._confusions: list[ndarray] = []
        self._calibration = CalibrationBins()
        self._errors = ErrorCounts(len(classes)) if task == "segmentation" else None

    def add(
        self, probabilities: Float[Tensor, "b c ..."], truth: Int64[Tensor, "b ..."], stems: Sequence[str]
    ) -> None:
        """Count a batch. probabilities: of each class. stems: the names of the images."""
        matrices = confusion_matrices(probabilities.argmax(1), truth, len(self.classes))
        self._confusions.append(matrices.cpu().numpy())
        self._calibration.add(probabilities, truth)
        if self._errors is not None:
            self._errors.add(probabilities, truth)
        self.stems += stems

    def result(self) -> Evaluation:
        """Return the scores of all batches. Raises `ValueError` if there was none."""
        if not self.stems:
            raise ValueError("there is not a single image to score")
        matrices, errors = np.concatenate(self._confusions), self._errors
        result = scores(matrices.sum(0), self.classes, len(self.stems))
        result = replace(
            result, calibration=self._calibration.result(), **(errors.result() if errors else {})
        )
        return Evaluation(result, tuple(self.stems), matrices, errors.per_image() if errors else None)


def is_scored(run: str | Path) -> bool:
    """Whether the scores on the run's own test images are there, and of the weights that it has now."""
    try:
        found = json.loads((Path(run) / "scores.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there are none, or the file is damaged
        return False
    return found.get("result") == Run(run).result_fingerprint


def read_scores(run: str | Path, name: str = "scores.json") -> Scores:
    """Read the scores that `evaluate` wrote into a run. Raise `UserError` if there are none."""
    path = Path(run) / name
    if not path.exists():
        raise UserError(f"{path}: there are no such scores; run `foveate evaluate {run}` first")
    return from_json(Scores, json.loads(path.read_text(encoding="utf-8")))


def read_per_image(
    run: str | Path, name: str = "per_image.npz"
) -> tuple[tuple[str, ...], Int64[ndarray, "n c c"], Int64[ndarray, "n f"] | None]:
    """Read the stems, confusion matrices and errors (see `Evaluation`) that `evaluate` wrote into a run.

    Raises `UserError` if there are none.
    """
    path = Path(run) / name
    if not path.exists():
        raise UserError(f"{path}: there are no such scores; run `foveate evaluate {run}` first")
    with np.load(path, allow_pickle=False) as file:
        return tuple(file["stems"].tolist()), file["confusions"], file.get("errors")


def _suffix(split: str, size: tuple[int, int] | None, data: str | Path | None) -> str:
    parts = [Path(data).name] if data is not None else []
    parts += [split] if split != "test" or data is not None else []
    parts += [f"{size[0]}x{size[1]}"] if size else []
    return "".join("-" + re.sub(r"[^\w.-]", "-", part) for part in parts)


def _write(run: Path, suffix: str, evaluation: Evaluation, about: dict, task: str) -> None:
    arrays = {"stems": np.array(evaluation.stems), "confusions": evaluation.confusions}
    if evaluation.errors is not None:
        arrays["errors"] = evaluation.errors
    with write_whole(run / f"per_image{suffix}.npz") as file:
        np.savez_compressed(file, **arrays)
    classes = [scored.name for scored in evaluation.scores.classes]
    table = run / f"per_image{suffix}.csv"
    write_per_image(table, evaluation.stems, evaluation.confusions, classes, task)
    with write_whole(run / f"scores{suffix}.json", "w") as file:
        json.dump({**about, **to_json(evaluation.scores)}, file, indent=2)


@contextmanager
def inference(model: nn.Module, device: torch.device | str | None):
    """Set a model to evaluation mode on a device, without gradients; then restore its modes and device."""
    before = next((p.device for p in model.parameters()), torch.device("cpu"))
    target = find_device(device)
    training = {m: m.training for m in model.modules()}
    try:
        with torch.inference_mode():
            model.eval().to(target)
            yield target
    finally:
        model.to(before)
        for m, mode in training.items():
            m.training = mode
