"""`foveate fit`: train one arm with one seed."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.cross_validation import cross_validation
from foveate.cli.config import adapts_config
from foveate.cli.flags import DataFlags, DeviceFlags, ModelFlags, TrainingFlags, build_settings

if TYPE_CHECKING:
    from foveate.loading.module import DataModule
    from foveate.specs.run import RunSpec
    from foveate.specs.sweep import SweepSpec


def one_of_a_comparison(path: str, tree: dict[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the flags of `fit` from a file of `compare`: those of both, and its arm.

    Raises `UserError` if the file has several arms and the command line names none.
    """
    from inspect import signature

    from foveate.cli.commands.compare import compare
    from foveate.errors import UserError
    from foveate.specs.arm import parse_named_arm

    arms = [str(arm) for arm in tree.get("arms") or ()]
    foreign = signature(compare).parameters.keys() - signature(fit).parameters.keys()
    own = {name: value for name, value in tree.items() if name not in foreign}
    if not arms or "arm" in typed or "arm" in own:
        return own
    if len(arms) > 1:
        raise UserError(
            f"--config: {path}: has {len(arms)} arms, and fit trains one; choose it with --arm none or --arm "
            f'"{arms[0]}", or train all with foveate compare. The arms are {", ".join(arms)}'
        )
    return {**own, "arm": str(parse_named_arm(arms[0])[1])}


@adapts_config(one_of_a_comparison)
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
    folds: int = 0,
) -> int:
    """Train one arm on your images and score it on the test images.

    Args:
        data: a folder of images with masks or of class folders, or drawn
            scenes: synthetic[:NAME][:COUNT[:HxW]], such as synthetic:64 or synthetic:search:160:64x64.
        arm: the attention and its place, such as cbam@decoder or "smooth@encoder5(threshold=0.4)".
        epochs: passes over the training images.
        seed: the seed of the initial weights, the order of the images and the augmentation.
        out: the run directory.
        resume: continue from the last finished epoch in --out; with more --epochs than a finished run has, go
            on from its best weights with a new schedule.
        folds: train once for each of so many folds, and pool the scores of the images that each run has not
            seen; --out then holds a sweep, which the same command continues.

    Example:
      foveate fit photos/ --arch unet --encoder resnet18 --arm cbam@decoder \\
        --size 192x256 --epochs 20 --seed 0 --out runs/a
    """
    from foveate.api.fit import check_run, open_run

    first = os.environ.get("LOCAL_RANK", "0") == "0"  # only the first process prints
    settings = build_settings(data, images, model, training)
    if folds:
        return _cross_validate(cross_validation(settings, arm, epochs, seed, folds), Path(out), devices)
    if first:
        check_run(settings, arm, epochs, out, resume)
    from foveate.cli.progress import progress

    with progress("Opening the data") if first else nullcontext():
        spec, module = open_run(settings, arm, epochs, seed)
    if first:
        from foveate.api.fit import describe_continuation
        from foveate.experiments.briefing import weights_note
        from foveate.models.create import resolve_encoder

        print(f"{module.dataset.describe()}\n{module.plan}", flush=True)
        print(module.augmented_as(spec.data).augmentation, flush=True)
        weights = weights_note(spec.model, resolve_encoder(spec.model))
        for note in (weights, describe_continuation(spec, out, resume)):
            if note:
                print(note, flush=True)
    data_module = None if resume else module  # a resumed run has its own splits
    _train(spec, out, resume, devices, data_module)
    if first:
        _report(out)
    return 0


def _cross_validate(spec: "SweepSpec", out: Path, devices: DeviceFlags) -> int:
    """Train once for each fold, print the pooled scores, and return the exit code."""
    from foveate.api.cross_validation import pooled_scores
    from foveate.api.engine import EngineChoice
    from foveate.api.sweep import jobs_of_sweep, open_sweep
    from foveate.cli.commands.sweep import run_and_show
    from foveate.cli.progress import progress
    from foveate.cli.table import score_table

    choice = EngineChoice()
    with progress("Opening the data"):
        plan = open_sweep(spec)
    jobs = jobs_of_sweep(plan, out, choice, devices.accelerator)
    code = run_and_show(plan, out, choice, jobs, devices.accelerator)
    if code == 0:
        pooled, task = pooled_scores(out)
        print(f"\nOver all folds:\n\n{score_table(pooled, task)}\n\n{out}")
    return code


def _train(spec: "RunSpec", out: str, resume: bool, devices: DeviceFlags, data: "DataModule | None") -> None:
    from foveate.cli.progress import progress
    from foveate.training.callbacks import ProgressEvent
    from foveate.training.run import Interrupted
    from foveate.training.run import fit as train

    with progress("Training") as advance:

        def show(event: ProgressEvent) -> None:
            score = "" if event.score is None else f", validation {100 * event.score:.1f}%"
            advance(
                event.step, event.steps, f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.3f}{score}"
            )

        try:
            train(spec, out, resume, trainer_flags=devices.trainer(), progress=show, data=data)
        except Interrupted as stop:
            raise KeyboardInterrupt(f"{stop} (the same command with --resume)") from stop


def _report(out: str) -> None:
    from foveate.api.fit import score_run
    from foveate.cli.progress import progress
    from foveate.cli.table import score_table

    with progress("Scoring") as advance:
        result = score_run(out, advance)
    print(f"\n{result.summary} On the {result.scored_on} images:\n")
    print(score_table(result.scores, result.model().task))
    print(f"\n{result.report}\n{result.folder}")
