"""`foveate.fit`: train one arm with one seed, and score it, into a run directory."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.host import check_host
from foveate.api.settings import Settings, parse_settings, warn_of
from foveate.durations import duration
from foveate.errors import UserError
from foveate.specs.run import RunSpec

if TYPE_CHECKING:
    from foveate.evaluation.scores import Scores
    from foveate.loading.module import DataModule
    from foveate.models.host import Host
    from foveate.training.callbacks import ProgressEvent
    from foveate.training.run_directory import RunResult


class FitResult:
    """A trained and scored run, read from its folder. `foveate.FitResult("runs/best")` opens one again."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @cached_property
    def training(self) -> "RunResult":
        """The result of training: epochs, the best epoch and its validation score, seconds."""
        from foveate.training.run_directory import Run

        return Run(self.folder).result

    @cached_property
    def scores(self) -> "Scores":
        """The scores on the test images."""
        from foveate.evaluation.evaluate import read_scores

        return read_scores(self.folder)

    @property
    def scored_on(self) -> str:
        """The images that were scored: "test", or "validation" if the data have no separate test images."""
        from foveate.training.run_directory import Run

        splits = Run(self.folder).splits
        return "validation" if splits["val"] == splits["test"] else "test"

    @property
    def report(self) -> Path:
        """The page of the run, an HTML file without links to others. It is drawn if it is missing."""
        from foveate.api.report import report
        from foveate.training.run_directory import Run

        path = Run(self.folder).report_file
        return path if path.is_file() else report(self.folder)

    def model(self) -> "Host":
        """Return the trained network with its best weights, in evaluation mode on the CPU.

        `foveate.load(result.folder)` predicts images of any size with it.
        """
        from foveate.models.checkpoints import load_model

        return load_model(self.folder).eval()

    @property
    def summary(self) -> str:
        """One sentence with the best epoch and the training time."""
        best, name = self.training, self.training.score_name.removeprefix("val_")
        score = {"miou": "mean IoU"}.get(name, name)
        return (
            f"Best validation {score} {100 * best.best_score:.1f}% in epoch {best.best_epoch} of"
            f" {best.epochs}, after {duration(best.seconds)}."
        )

    def __repr__(self) -> str:
        return f"{self.folder}: {self.summary}\n{self.scores} of the {self.scored_on} images"


def fit(
    data: str | Path,
    arm: str = "none",
    *,
    epochs: int = 30,
    seed: int = 0,
    out: str | Path = "runs/fit",
    resume: bool = False,
    accelerator: str = "auto",
    progress: "Callable[[ProgressEvent], None] | None" = None,
    **fields: Any,
) -> FitResult:
    """Train one arm on your images and score it on the test images; `foveate fit` in Python.

    Args:
        data: a folder of images with masks or of class folders, or drawn scenes: "synthetic:search".
        arm: the attention and where it sits, such as "cbam@decoder"; "none" is the bare host.
        epochs: passes over the training images.
        seed: fixes the initial weights, the order of the images and the augmentation.
        out: the run directory. It must be new or empty, unless `resume`.
        resume: continue from the last finished epoch in `out`; with more epochs than a finished run has, go
            on from its best weights with a new schedule.
        accelerator: "auto", "cpu" or "gpu".
        progress: called after every training step and every validation.
        fields: fields of `DataSpec`, `ModelSpec` and `TrainingSpec`, such as `size=(192, 256)`,
            `encoder="resnet34"` or `lr=3e-4`. Defaults depend on the data.

    Warns (`foveate.errors.DataWarning`) of what may make the scores wrong, such as images of one patient in
    training and test. Raises `UserError` for wrong arguments or data before anything is written, and
    `foveate.training.run.Interrupted` on Ctrl-C; the same call with `resume=True` continues.

    Example:
        result = foveate.fit("photos", arm="cbam@decoder", epochs=20, out="runs/best")
        result.scores.miou, result.model()
    """
    settings = parse_settings(data, fields, "foveate.fit", signature(fit).parameters)
    check_run(settings, arm, epochs, out, resume)
    spec, module = open_run(settings, arm, epochs, seed)
    warn_of(module.dataset)
    from foveate.training.run import fit as train

    opened = None if resume else module  # a resumed run keeps its own splits
    train(spec, out, resume, trainer_flags={"accelerator": accelerator}, progress=progress, data=opened)
    return score_run(out)


def check_run(settings: Settings, arm: str, epochs: int, out: str | Path, resume: bool) -> None:
    """Raise `UserError` for wrong settings, arm or folder, before images are read (which may take long)."""
    from foveate.data.open import require_source
    from foveate.models.attaching.check import check_arm
    from foveate.training.run_directory import claim, release

    require_source(settings.data.source)
    settings.schedule(epochs)
    check_arm(arm)
    release(claim(Path(out), resume))
    from foveate.experiments.defaults import HOSTS

    check_host(settings, arm, HOSTS)


def open_run(settings: Settings, arm: str, epochs: int, seed: int) -> "tuple[RunSpec, DataModule]":
    """Open the data, and complete the settings with defaults for it."""
    from foveate.experiments.defaults import default_comparison
    from foveate.loading.module import DataModule

    module = DataModule(settings.data, seed, epochs)
    module.setup()
    default = default_comparison(module.dataset)
    if "arch" not in settings.model:
        check_host(settings, arm, {module.task: default.model})
    images = replace(settings.images(default.data), classes=module.spec.classes)
    if images != module.spec:
        module = DataModule(images, seed, epochs)
    return RunSpec.of_arm(arm, images, settings.host(default.model), settings.schedule(epochs), seed), module


def describe_continuation(spec: RunSpec, out: str | Path, resume: bool) -> str:
    """Return a sentence on how a finished run goes on for more epochs; "" if it does not."""
    from foveate.training.resuming import continuation
    from foveate.training.run_directory import Run

    return continuation(spec, Run(out)) if resume else ""


def score_run(out: str | Path, progress: Callable[[int, int], None] | None = None) -> FitResult:
    """Score a trained run on its test images, draw its page, and keep the signs of its validation images.

    `progress(done, images)` is called after each batch.
    """
    from foveate.api.report import report
    from foveate.training.run_directory import Run
    from foveate.watching.baseline import make_baseline

    report(out, progress)
    with suppress(UserError):  # a finished run is none the worse for it; it is made when it is first needed
        make_baseline(out)
    Run(out).last_checkpoint.unlink(missing_ok=True)  # a complete run is never resumed
    return FitResult(out)
