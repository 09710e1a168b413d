"""Evaluate a trained run on a split: all scores in one pass, and the counts that comparisons need."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray
from torch import nn

from foveate.data.bands import BandScale
from foveate.data.dataset import Dataset
from foveate.data.known import KnownClasses, known_classes
from foveate.data.open import is_path
from foveate.errors import UserError, choose
from foveate.evaluation.calibration import CalibrationBins
from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.errors import ErrorCounts
from foveate.evaluation.per_image import write_per_image
from foveate.evaluation.scores import Scores, over_present, scores
from foveate.files import write_whole
from foveate.loading.module import DataModule
from foveate.loading.workers import dead_workers_told
from foveate.models.checkpoints import load_model
from foveate.models.host import Host
from foveate.plain import from_json, to_json
from foveate.prediction.bands import scale_of
from foveate.prediction.views import with_views
from foveate.specs.bindings import class_names, is_binding, parse_bindings
from foveate.specs.data import ANY_FOLDER, DataSpec, FolderChoice
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
    run = Path(run)
    choose(split, ("train", "val", "test"), "split")
    model = load_model(run)
    trained = tuple(model.notes.get("classes", ()))
    own = data is None and size is None and opened is not None
    if own and opened.augmented_as(Run(run).spec.data).serves(Run(run).spec.data, Run(run).splits):
        module = opened
    else:
        module = data_of(run, data, size, trained, folder, scale_of(model), classes)
    check_classes(run, trained or module.classes, module.spec.source, module.classes)
    check_bands(run, model, module.dataset)
    total = len(module.dataset.index(split))
    evaluation = evaluate_model(
        with_views(model), module.eval_dataloader(split), module.classes, module.task, device, progress, total
    )
    if data is not None:
        evaluation = replace(evaluation, scores=over_present(evaluation.scores))
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
    """Score a model on batches of a `DataModule`: dicts of image, mask (or label) and stem.

    Runs in float32 and evaluation mode on one device (default: CUDA if there is a GPU). The model's mode and
    device are restored. total: number of images, passed on to `progress`.
    """
    target = "mask" if task == "segmentation" else "label"
    confusions, stems = [], []
    calibration = CalibrationBins()
    errors = ErrorCounts(len(classes)) if task == "segmentation" else None
    with _inference(model, device) as used_device, dead_workers_told():
        for batch in batches:
            truth = batch[target].to(used_device)
            probabilities = model(batch["image"].to(used_device)).float().softmax(1)
            prediction = probabilities.argmax(1)
            confusions.append(confusion_matrices(prediction, truth, len(classes)).cpu().numpy())
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


def seen_in_training(
    run: str | Path,
    data: str | Path,
    split: str = "test",
    folder: FolderChoice = ANY_FOLDER,
    classes: Sequence[str] | None = None,
) -> tuple[int, int]:
    """Count the images of a split of other data whose names occur in the run's train or val split, and all.

    Returns (images with such a name, images in the split), for the images that `evaluate` would score.
    """
    trained = tuple(load_model(run).notes.get("classes", ()))
    dataset = data_of(Path(run), data, None, trained, folder, classes=classes).dataset
    stems = [entry.stem for entry in dataset.index(split)]
    splits = Run(run).splits
    return len(set(stems) & {*splits["train"], *splits["val"]}), len(stems)


def caution(
    run: str | Path,
    data: str | Path | None = None,
    split: str = "test",
    folder: FolderChoice = ANY_FOLDER,
    classes: Sequence[str] | None = None,
) -> str:
    """Return a warning if scores on these images overestimate scores on new images, else an empty string."""
    if data is not None:
        seen, total = seen_in_training(run, data, split, folder, classes)
        if not seen:
            return ""
        return (
            f"{seen} of these {total} images have names of images that the run was trained with: expect "
            f"lower scores on new images. `foveate evaluate {run}` scores its own test images."
        )
    own = Run(run).splits
    if split != "train" and own[split] == own["val"]:
        return "The best epoch was chosen on these images too: expect slightly lower scores on new images."
    return ""


def data_of(
    run: Path,
    data: str | Path | None,
    size: tuple[int, int] | None,
    trained: tuple[str, ...],
    folder: FolderChoice = ANY_FOLDER,
    scale: BandScale | None = None,
    classes: Sequence[str] | None = None,
) -> DataModule:
    """Open the images to evaluate or inspect a run with.

    data: another data set, taken whole unless it has splits; default: the run's own data in its own splits.
    size: height and width; default: the run's. trained: the run's classes, by which other data are read.
    classes: what the mask values of other data stand for, as bindings; default: what they stood for in
    training. folder: what the user says about other data; what was said of the run's own folder holds for
    another, unless it is said anew, or taken back by "none". scale: of the run's bands.

    Raises `UserError` if there are no such images, or if they hold a class or a value that the run does not
    know.
    """
    spec = Run(run).spec
    data_spec = replace(spec.data, size=size or spec.data.size)
    if data is None:
        return DataModule(data_spec, spec.seed, spec.training.epochs, Run(run).splits, scale=scale)
    known = known_by(run, data_spec, trained, classes)
    said = asdict(folder.over(data_spec.folder).settled if is_path(data) else folder)
    said |= {"batch": data_spec.batch, "workers": data_spec.workers, "bands": data_spec.bands}
    other = DataSpec(str(data), data_spec.size, known, **said)
    return DataModule(other, spec.seed, to_score=True, scale=scale)


def known_by(
    run: Path, data: DataSpec, trained: Sequence[str], classes: Sequence[str] | None = None
) -> KnownClasses:
    """Return what a run knows of its classes. data: its own. classes: bindings that replace its table.

    Raises `UserError` for a class that the run was not trained on.
    """
    if classes:
        for name in class_names(classes):
            choose(name, trained, f"class of {run}")
        if not parse_bindings(classes):
            raise UserError(f"--classes: bind the values of the masks, such as {trained[0]}=0")
        return known_classes(str(run), trained, classes)
    if any(map(is_binding, data.classes or ())):
        return known_classes(str(run), trained, data.classes or ())
    numbered = tuple(trained) == tuple(f"class {value}" for value in range(len(trained)))
    names = data.classes or (trained if numbered else None)
    return known_classes(str(run), trained, names or (), data.classes)


def guess_note(
    run: str | Path,
    data: str | Path | None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Sequence[str] | None = None,
) -> str:
    """Return a sentence if mask values of other data are interpreted anew, else an empty string.

    So it is with runs of older versions and runs on data that name their classes: neither records what mask
    values stand for.
    """
    spec = Run(run).spec.data
    if data is None or classes or any(map(is_binding, spec.classes or ())):
        return ""
    trained = tuple(load_model(run).notes.get("classes", ()))
    table = data_of(Path(run), data, None, trained, folder).dataset.table
    if not table:
        return ""
    return (
        f"{run} does not record what mask values stand for; those of {data} were taken for "
        f"{', '.join(table)}. Where that is wrong, add --classes with the right values."
    )


def absent_note(scores: Scores) -> str:
    """Return a sentence on the classes that the scored data do not hold, or an empty string."""
    absent = [scored.name for scored in scores.classes if not scored.share]
    if not absent:
        return ""
    return (
        f"Absent from these data: {', '.join(absent)}. Means are over the other "
        f"{len(scores.classes) - len(absent)} of {len(scores.classes)} classes."
    )


def check_classes(run: Path, trained: tuple[str, ...], data: str | Path, classes: tuple[str, ...]) -> None:
    """Raise `UserError` unless a run and other data have the same classes in the same order."""
    if trained != classes:
        raise UserError(
            f"{data} has the classes {', '.join(classes)}, but {run} was trained on {', '.join(trained)}; "
            "score it on data with the same classes in the same order"
        )


def check_bands(run: Path, model: Host, data: Dataset) -> None:
    """Raise `UserError` unless the images of other data have the bands that a run was trained on."""
    scale = scale_of(model)
    trained, found = scale.bands.of if scale else 0, data.bands.of if data.bands else 0
    if trained != found:
        words = {0: "RGB pictures"}
        raise UserError(
            f"{data.source} has {words.get(found, f'images of {found} bands')}, but {run} was trained on "
            f"{words.get(trained, f'images of {trained} bands')}; score it on images like those"
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
    classes = [scored.name for scored in evaluation.scores.classes]
    table = run / f"per_image{suffix}.csv"
    write_per_image(table, evaluation.stems, evaluation.confusions, classes, task)
    with write_whole(run / f"scores{suffix}.json", "w") as file:
        json.dump({**about, **to_json(evaluation.scores)}, file, indent=2)


@contextmanager
def _inference(model: nn.Module, device: torch.device | str | None):
    """Set a model to evaluation mode on a device, without gradients; then restore its modes and device."""
    before = next((p.device for p in model.parameters()), torch.device("cpu"))
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    training = {m: m.training for m in model.modules()}
    try:
        with torch.inference_mode():
            model.eval().to(target)
            yield target
    finally:
        model.to(before)
        for m, mode in training.items():
            m.training = mode
