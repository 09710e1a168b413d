"""`foveate fit`: one arm, one seed."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.cli.flags import DataFlags, DeviceFlags, ModelFlags, TrainingFlags
from foveate.cli.host import check_host

if TYPE_CHECKING:
    from foveate.loading.module import DataModule
    from foveate.specs.run import RunSpec
    from foveate.training.run_directory import RunResult


def fit(
    data: str,
    model: ModelFlags,
    training: TrainingFlags,
    images: DataFlags,
    devices: DeviceFlags,
    *,
    arm: str = "none",
    epochs: int = 30,
    seed: int = 0,
    out: str = "runs/fit",
    resume: bool = False,
) -> None:
    """Train one arm on your images and score it on the test images.

    Args:
        data: a folder of images with masks or of class folders, or drawn scenes: synthetic,
            synthetic:COUNT or synthetic:COUNT:HxW.
        arm: the attention and where it sits, such as cbam@decoder or "smooth@encoder5(threshold=0.4)".
        epochs: passes over the training images.
        seed: of the initial weights, the order of the images and the augmentation.
        out: the run directory.
        resume: go on from the last finished epoch in --out.

    Example:
      foveate fit photos/ --arch unet --encoder resnet18 --arm cbam@decoder \\
        --size 192x256 --epochs 20 --seed 0 --out runs/a
    """
    from foveate.data.open import require_source

    require_source(data)
    from foveate.cli.progress import progress
    from foveate.experiments.defaults import default_comparison
    from foveate.loading.module import DataModule
    from foveate.specs.run import RunSpec

    first = os.environ.get("LOCAL_RANK", "0") == "0"  # of several processes, one speaks
    given = images.spec(data)
    if first:
        _check(model, training, arm, epochs, out, resume)
    module = DataModule(given, seed, epochs)
    with progress("Opening the data") if first else nullcontext():
        module.setup()
    usual = default_comparison(module.dataset).model
    if first and model.arch is None:
        check_host(model, arm, {module.task: usual})
    spec = RunSpec(module.spec, model.spec(arm, usual), training.spec(epochs), seed)
    if first:
        print(f"{module.dataset.describe()}\n{module.plan}", flush=True)
    opened = None if resume else module  # a run that goes on has splits of its own
    result = _train(spec, out, resume, devices, opened)
    if first:
        _report(result)


def _check(model: ModelFlags, training: TrainingFlags, arm: str, epochs: int, out: str, resume: bool) -> None:
    """Tell what is wrong with anything but the data before the data is read, which may take long."""
    from foveate.experiments.defaults import HOSTS
    from foveate.models.attaching.check import check_arm
    from foveate.training.run_directory import claim, release

    training.spec(epochs)
    check_arm(arm)
    release(claim(Path(out), resume))
    check_host(model, arm, HOSTS)


def _train(
    spec: "RunSpec", out: str, resume: bool, devices: DeviceFlags, data: "DataModule | None"
) -> "RunResult":
    from foveate.cli.progress import progress
    from foveate.training.callbacks import ProgressEvent
    from foveate.training.run import Interrupted
    from foveate.training.run import fit as train

    with progress("Training") as advance:

        def tell(event: ProgressEvent) -> None:
            score = "" if event.score is None else f", validation {100 * event.score:.1f}%"
            advance(
                event.step, event.steps, f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.3f}{score}"
            )

        try:
            return train(spec, out, resume, trainer_flags=devices.trainer(), progress=tell, data=data)
        except Interrupted as stop:
            raise KeyboardInterrupt(f"{stop} (the same command with --resume)") from stop


def _report(result: "RunResult") -> None:
    from foveate.cli.progress import progress
    from foveate.cli.table import score_table
    from foveate.durations import duration
    from foveate.evaluation.evaluate import evaluate
    from foveate.models.checkpoints import load_model
    from foveate.training.run_directory import Run

    with progress("Scoring") as advance:
        scores = evaluate(result.folder, progress=advance)
    run, task = Run(result.folder), load_model(result.folder).task
    run.last_checkpoint.unlink(missing_ok=True)  # there is nothing left to resume
    splits = run.splits
    score = "mean IoU" if task == "segmentation" else "accuracy"
    images = "validation" if splits["val"] == splits["test"] else "test"
    print(
        f"\nBest validation {score} {100 * result.best_score:.1f}% in epoch {result.best_epoch} of"
        f" {result.epochs}, after {duration(result.seconds)}. On the {images} images:\n"
    )
    print(score_table(scores, task))
    print(f"\n{result.folder}")
