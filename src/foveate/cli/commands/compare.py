"""`foveate compare`: does attention help on these images?"""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.cli.flags import DataFlags, DeviceFlags, ModelFlags, TrainingFlags, build_settings
from foveate.specs.folds import FOLDS

if TYPE_CHECKING:
    from foveate.experiments.compare import ComparisonEvent
    from foveate.experiments.plan import Plan


_STAGES = {
    "score": (1.0, 1.05, "{} of {} runs scored"),
    "cost": (1.05, 1.07, "{} of {} arms measured"),
    "gallery": (1.07, 1.08, "choosing images for the report"),
}
"""For each stage after the training: its begin and end as multiples of the training time, and its text."""

_TOTAL = 1.08


def compare(
    data: str,
    model: ModelFlags,
    training: TrainingFlags,
    images: DataFlags,
    devices: DeviceFlags,
    *,
    arms: list[str] | None = None,
    placebo: bool = False,
    seeds: int = 3,
    epochs: int | None = None,
    seed: int = 0,
    out: str | None = None,
    folds: int | str = FOLDS,
) -> None:
    """Train with and without attention under identical conditions; report what each arm changes and costs.

    The bare host is always among the arms. Ctrl-C keeps finished work; the same command continues.

    Args:
        data: a folder of images with masks or of class folders, or drawn
            scenes: synthetic[:NAME][:COUNT[:HxW]], such as synthetic:64 or synthetic:search:160:64x64.
        arms: the attention to compare, such as cbam@decoder "se@encoder5(reduction=8)"; chosen for the data
            if not given. "B=se@encoder5(reduction=8)" names the arm B, in the report and as the folder of its
            runs.
        placebo: also train, for each arm, a plain convolution with as many parameters.
        seeds: number of trainings of each arm; at least 2, to measure chance.
        epochs: passes over the training images; about 800 steps if not given.
        seed: the first seed; the others count up from it.
        out: the folder of the comparison; runs/ and the name of the data if not given.
        folds: where the data have no part to test on, each seed tests another of so many folds, so that all
            seeds together test more images. 0 tests the same images with every seed. auto takes 5 folds, or
            as many as there are groups, unless --split is given.

    Example:
      foveate compare photos/ --arms none cbam@decoder "smooth@encoder5(threshold=0.4)" \\
        --placebo --seeds 3 --epochs 20 --out runs/photos
    """
    from foveate.api.compare import open_comparison
    from foveate.cli.progress import progress

    settings = build_settings(data, images, model, training)
    with progress("Opening the data"):
        opened = open_comparison(settings, arms, placebo, seeds, epochs, seed, out, folds)
    from foveate.experiments.compare import load_if_finished
    from foveate.experiments.plan import forecast, make_plan

    folder = opened.folder
    with progress("Reading every image once"):
        plan = make_plan(opened.spec, folder, devices.trainer())
    if (done := load_if_finished(plan, folder)) is not None:
        print(f"All {len(plan.runs)} runs were done by {done.finished}; add arms or seeds to continue.\n")
        _conclude(folder)
        return
    from foveate.experiments.briefing import control_note, folds_note, group_note, weights_note

    height, width = plan.data.size
    print(opened.dataset.describe())
    weights = weights_note(opened.spec.model, plan.spec.model)
    for note in (group_note(opened.dataset), folds_note(plan), weights, control_note(plan)):
        if note:
            print(f"\n{note}")
    print(f"\n{plan.spec.model.host} at {height}x{width}, {seeds} seeds of each arm:")
    labels = [f"{arm.name} = {arm.arm}" if arm.name else arm.arm for arm in plan.arms]
    print("\n".join(f"  {label}" for label in labels), flush=True)
    with progress("Timing a few steps of each arm"):
        expected = forecast(plan, folder)
    print(f"\n{expected.describe()}\n", flush=True)
    _run(plan, folder)
    _conclude(folder)


def _run(plan: "Plan", folder: Path) -> None:
    from foveate.cli.progress import progress
    from foveate.cli.typed import command_line
    from foveate.experiments.compare import compare as run
    from foveate.training.run import Interrupted

    with progress("Comparing", even=False) as advance:

        def show(event: "ComparisonEvent") -> None:
            if (training := event.training) is None:
                begin, end, text = _STAGES[event.stage]
                done = begin + (end - begin) * event.run / event.runs
                advance(done, _TOTAL, text.format(event.run, event.runs))
                return
            run_name = f"{event.arm}, seed {event.seed}, epoch {training.epoch}/{training.epochs}"
            note = f"run {event.run} of {event.runs}: {run_name}"
            done = (event.run - 1 + training.step / training.steps) / event.runs
            advance(done, _TOTAL, note, event.seconds_left)

        try:
            run(plan.spec, folder, show, command_line(), plan=plan)
        except Interrupted as stop:
            raise KeyboardInterrupt(str(stop)) from stop


def _conclude(folder: Path) -> None:
    from foveate.api.compare import ComparisonResult
    from foveate.report.page import write_report

    report = write_report(folder)
    print(f"{ComparisonResult(folder).summary}\n\n{report}")
