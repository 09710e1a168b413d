"""A trained run on a split of images: every score in one pass, and the matrices that comparisons need."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray
from torch import nn

from foveate.errors import UserError, choose
from foveate.evaluation.calibration import CalibrationBins
from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.errors import ErrorCounts
from foveate.evaluation.per_image import write_per_image
from foveate.evaluation.scores import Scores, scores
from foveate.files import write_whole
from foveate.loading.module import DataModule
from foveate.models.checkpoints import load_model
from foveate.plain import from_json, to_json
from foveate.prediction.views import with_views
from foveate.specs.data import DataSpec
from foveate.training.run_directory import Run

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """Scores, and for each image its stem, its confusion matrix (rows truth, columns prediction) and, for
    segmentation, its row of `ErrorCounts.per_image`.
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
) -> Scores:
    """Score a run's best weights on a split (train, val or test), and write the scores into the run.

    The model sees images in the views that the run names (`DataSpec.test_scales`, `test_flip`). Images and
    masks are brought to the run's size, or to `size` (height, width). `data` names another data
    set with the same classes: its own split of that name is scored, or all of it where it has no splits.
    `progress(done, images)` is called after each batch. Writes `scores.json`, `per_image.csv` and
    `per_image.npz` (see `read_scores`, `per_image_table`, `read_per_image`) for the run's own test images;
    for others the split, the size and the data set's folder become part of the names, as in
    `scores-val.json`.

    Raises `UserError` for a directory that is not a finished run, an unknown split, or other classes.
    """
    run = Path(run)
    choose(split, ("train", "val", "test"), "split")
    model = load_model(run)
    trained = tuple(model.notes.get("classes", ()))
    module = data_of(run, data, size, trained)
    check_classes(run, trained or module.classes, module.spec.source, module.classes)
    total = len(module.dataset.index(split))
    evaluation = evaluate_model(
        with_views(model), module.eval_dataloader(split), module.classes, module.task, device, progress, total
    )
    about = {"split": split, "data": str(module.spec.source), "size": list(module.size)}
    _write(run, _suffix(split, size, data), evaluation, about, module.task)
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
    """Score a model on batches as a `DataModule` makes them: dicts of image, mask (or label) and stem.

    One device (default: CUDA where there is one), float32, evaluation mode; the model is put back as it was.
    """
    target = "mask" if task == "segmentation" else "label"
    confusions, stems = [], []
    calibration = CalibrationBins()
    errors = ErrorCounts(len(classes)) if task == "segmentation" else None
    with _inference(model, device) as place:
        for batch in batches:
            truth = batch[target].to(place)
            probabilities = model(batch["image"].to(place)).float().softmax(1)
            called = probabilities.argmax(1)
            confusions.append(confusion_matrices(called, truth, len(classes)).cpu().numpy())
            calibration.add(probabilities, truth)
            if errors is not None:
                errors.add(probabilities, truth)
            stems += batch["stem"]
            if progress is not None:
                progress(len(stems), total)
    if not stems:
        raise ValueError("there is not a single image to score")
    matrices = np.concatenate(confusions)
    result = scores(matrices.sum(0), classes, len(stems))
    result = replace(result, calibration=calibration.result(), **(errors.result() if errors else {}))
    return Evaluation(result, tuple(stems), matrices, errors.per_image() if errors else None)


def read_scores(run: str | Path, name: str = "scores.json") -> Scores:
    """The scores that `evaluate` wrote into a run."""
    path = Path(run) / name
    if not path.exists():
        raise UserError(f"{path}: there are no such scores; run `foveate evaluate {run}` first")
    return from_json(Scores, json.loads(path.read_text()))


def read_per_image(
    run: str | Path, name: str = "per_image.npz"
) -> tuple[tuple[str, ...], Int64[ndarray, "n c c"], Int64[ndarray, "n f"] | None]:
    """The stems, confusion matrices and errors (see `Evaluation`) that `evaluate` wrote into a run."""
    path = Path(run) / name
    if not path.exists():
        raise UserError(f"{path}: there are no such scores; run `foveate evaluate {run}` first")
    with np.load(path, allow_pickle=False) as file:
        return tuple(file["stems"].tolist()), file["confusions"], file.get("errors")


def seen_in_training(run: str | Path, data: str | Path, split: str = "test") -> tuple[int, int]:
    """How many images of what `evaluate` scores of other data are called as images that a run was trained or
    its best epoch chosen with, and how many there are.
    """
    trained = tuple(load_model(run).notes.get("classes", ()))
    stems = [entry.stem for entry in data_of(Path(run), data, None, trained).dataset.index(split)]
    splits = Run(run).splits
    return len(set(stems) & {*splits["train"], *splits["val"]}), len(stems)


def caution(run: str | Path, data: str | Path | None = None, split: str = "test") -> str:
    """Why scores of these images are better than those of new ones would be, in a sentence; empty where
    nothing says so.
    """
    if data is not None:
        seen, total = seen_in_training(run, data, split)
        if not seen:
            return ""
        return (
            f"{seen} of these {total} images have names of images that the run was trained with: of new "
            f"ones, expect less. `foveate evaluate {run}` scores its own test images."
        )
    own = Run(run).splits
    if split != "train" and own[split] == own["val"]:
        return "The best epoch was chosen on these images too: expect a little less of others."
    return ""


def data_of(
    run: Path, data: str | Path | None, size: tuple[int, int] | None, trained: tuple[str, ...]
) -> DataModule:
    """The images that a run is looked at with: its own in the splits of its training, or another data set,
    whole unless it has splits, read with the run's classes (`trained`) where masks do not name theirs.
    """
    spec = Run(run).spec
    described = replace(spec.data, size=size or spec.data.size)
    if data is None:
        return DataModule(described, spec.seed, spec.training.epochs, Run(run).splits)
    # Masks without names have classes by the values that occur; a few images need not show them all.
    numbered = trained == tuple(f"class {value}" for value in range(len(trained)))
    classes = described.classes or (trained if trained and numbered else None)
    other = DataSpec(str(data), described.size, classes, batch=described.batch, workers=described.workers)
    return DataModule(other, spec.seed, to_score=True)


def check_classes(run: Path, trained: tuple[str, ...], data: str | Path, found: tuple[str, ...]) -> None:
    """Raise `UserError` unless a run and other data have the same classes in the same order."""
    if trained != found:
        raise UserError(
            f"{data} has the classes {', '.join(found)}, but {run} was trained on {', '.join(trained)}; "
            "score it on data with the same classes in the same order"
        )


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
    classes = [of_class.name for of_class in evaluation.scores.classes]
    table = run / f"per_image{suffix}.csv"
    write_per_image(table, evaluation.stems, evaluation.confusions, classes, task)
    with write_whole(run / f"scores{suffix}.json", "w") as file:
        json.dump({**about, **to_json(evaluation.scores)}, file, indent=2)


@contextmanager
def _inference(model: nn.Module, device: torch.device | str | None):
    """Evaluation mode on a device, without gradients; modes and device are put back."""
    before = next((p.device for p in model.parameters()), torch.device("cpu"))
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    training = {m: m.training for m in model.modules()}
    try:
        with torch.inference_mode():
            yield _moved(model.eval(), place)
    finally:
        model.to(before)
        for m, mode in training.items():
            m.training = mode


def _moved(model: nn.Module, place: torch.device) -> torch.device:
    model.to(place)
    return place
