"""`foveate compare`: does attention help on these images?"""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.engine import EngineChoice
from foveate.cli.flags import DataFlags, DeviceFlags, ModelFlags, TrainingFlags, build_settings
from foveate.specs.folds import FOLDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from foveate.experiments.compare import ComparisonEvent, ReportProgress
    from foveate.experiments.plan import Plan
    from foveate.experiments.result import Comparison


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
    engine: EngineChoice,
    *,
    arms: list[str] | None = None,
    placebo: bool = False,
    seeds: int = 3,
    epochs: int | None = None,
    seed: int = 0,
    out: str | None = None,
    until_decided: bool = False,
    max_seeds: int = 20,
    budget: str | None = None,
    margin: float = 1.0,
    judge: str | None = None,
    reference: str = "none",
    contrast: list[str] | None = None,
    control: bool = False,
    jobs: str = "auto",
    folds: int | str = FOLDS,
) -> None:
    """Train with and without attention under identical conditions; report what each arm changes and costs.

    The bare host is always among the arms. Ctrl-C keeps finished work; the same command continues.

    Args:
        data: a folder of images with masks or of class folders, or drawn
            scenes: synthetic[:NAME][:COUNT[:HxW]], such as synthetic:64 or synthetic:search:160:64x64.
        arms: the attention to compare, such as cbam@decoder "se@encoder5(reduction=8)"; chosen for the data
            if not given. "B=se@encoder5(reduction=8)" names the arm B, in the report and as the folder of its
            runs. none+augment=strong and cbam@decoder+augment=strong are trained with an augmentation of
            their own (foveate list augmentations).
        placebo: also train, for each arm, a plain convolution with as many parameters.
        seeds: number of trainings of each arm; at least 2, to measure chance.
        epochs: passes over the training images; about 800 steps if not given.
        seed: the first seed; the others count up from it.
        out: the folder of the comparison; runs/ and the name of the data if not given.
        until_decided: add seeds until every arm is decided, up to max-seeds or the budget. Arms that are
            decided stop, and so do arms that more seeds cannot decide. Looking after every seed is paid for
            with wider intervals.
        max_seeds: the most trainings of each arm with --until-decided.
        budget: how long --until-decided may take, such as 2h or 90min; no limit if not given.
        margin: a difference below it does not matter to you, in points. An arm whose whole interval lies
            within it makes no difference.
        judge: the score that verdicts are about: miou, dice, accuracy, balanced_accuracy, boundary_iou,
            precision, recall, or one class of it, such as dice:polyp; mIoU for masks and accuracy for labels
            if not given.
        reference: the arm that all others are set against, by its name or as it is written; the bare host if
            not given.
        contrast: further pairs to set against each other, such as "C vs B" "D vs C", in the same correction.
        control: then train the same host, with the same schedule, number of images, size and seeds, on drawn
            images where a mechanism is known to help, and say whether this set-up finds it.
        jobs: runs to train at once, in processes that share the cores; auto chooses by cores, memory and the
            duration, takes 1 on a GPU, and what a cluster has room for.
        folds: where the data have no part to test on, each seed tests another of so many folds, so that all
            seeds together test more images. 0 tests the same images with every seed. auto takes 5 folds, or
            half as many as there are groups, unless --split is given.

    Example:
      foveate compare photos/ --arms none cbam@decoder "smooth@encoder5(threshold=0.4)" \\
        --placebo --seeds 3 --epochs 20 --out runs/photos
    """
    from foveate.api.compare import open_comparison
    from foveate.api.settings import check_budget, check_jobs
    from foveate.cli.progress import progress

    engine.check_answers()
    at_once, seconds = check_jobs(jobs, "--jobs"), check_budget(budget, until_decided, "--budget")
    question = {
        "until_decided": until_decided,
        "max_seeds": max_seeds,
        "margin": margin,
        "judge": judge,
        "reference": reference,
        "contrasts": tuple(contrast or ()),
    }
    settings = build_settings(data, images, model, training)
    with progress("Opening the data"):
        opened = open_comparison(settings, arms, placebo, seeds, epochs, seed, out, folds, **question)
    from foveate.experiments.compare import jobs_for, load_if_finished
    from foveate.experiments.looking import note_on_next_look
    from foveate.experiments.plan import forecast, make_plan, note_on_budget

    folder = opened.folder
    with progress("Reading every image once"):
        plan = make_plan(opened.spec, folder, devices.trainer())
    if (done := load_if_finished(plan, folder)) is not None:
        print(f"This comparison was finished by {done.finished}. {_ways_on(done)}\n")
        _conclude(folder)
        if control:
            _run_control(plan, folder, at_once)
        return
    from foveate.experiments import briefing

    height, width = plan.data.size
    print(f"{opened.dataset.describe()}\n{plan.data.augmentation}")
    notes = [
        briefing.one_group_note(plan),
        briefing.folds_note(plan),
        briefing.weights_note(opened.spec.model, plan.spec.model),
        briefing.control_note(plan),
    ]
    print("".join(f"\n{note}\n" for note in notes if note), end="")
    amount = f"{seeds} to {max_seeds} seeds" if until_decided else f"{seeds} seeds"
    print(f"\n{plan.spec.model.host} at {height}x{width}, {amount} of each arm:")
    labels = [f"{arm.name} = {arm.arm}" if arm.name else arm.arm for arm in plan.arms]
    print("\n".join(f"  {label}" for label in labels), flush=True)
    with progress("Timing a few steps of each arm"):
        expected = forecast(plan, folder)
    at_once = (at_once or 0) if engine.is_cluster else jobs_for(plan, folder, at_once, expected.in_steps)
    expected = expected.at_once(max(1, at_once))
    short = note_on_budget(seconds, expected) if seconds else ""
    print(f"\n{expected.describe()}\n{short}".rstrip() + "\n", flush=True)
    _run(plan, folder, at_once, seconds, engine)
    if seconds and (note := note_on_next_look(plan, folder, max(1, at_once))):
        print(f"\n{note}\n", flush=True)
    _conclude(folder)
    if control:
        _run_control(plan, folder, at_once)


def _run(plan: "Plan", folder: Path, jobs: int, budget: float | None, engine: EngineChoice) -> None:
    from foveate.cli.typed import command_line
    from foveate.experiments.compare import compare as run

    given = {"plan": plan, "jobs": jobs, "budget": budget, "open_engine": engine.opener()}
    _show("Comparing", lambda show: run(plan.spec, folder, show, command_line(), **given))


def _run_control(plan: "Plan", folder: Path, jobs: int | None) -> None:
    from foveate.experiments.control import compare_control
    from foveate.experiments.result import control_folder, load_comparison
    from foveate.report.page import write_report
    from foveate.report.sentences import control_sentence

    _show("Control", lambda show: compare_control(plan, folder, show, jobs))
    sentence = control_sentence(load_comparison(control_folder(folder)))
    print(f"\nControl: {sentence}\n\n{write_report(folder)}")


def _show(title: str, run: "Callable[[ReportProgress], object]") -> None:
    """Call `run` with a function that shows its progress."""
    from foveate.cli.progress import progress
    from foveate.training.run import Interrupted

    with progress(title, even=False) as advance:

        def show(event: "ComparisonEvent") -> None:
            if event.stage != "train":
                begin, end, text = _STAGES[event.stage]
                done = begin + (end - begin) * event.run / event.runs
                advance(done, _TOTAL, text.format(event.run, event.runs))
                return
            advance(event.share, _TOTAL, _under_way(event), event.seconds_left)

        try:
            run(show)
        except Interrupted as stop:
            raise KeyboardInterrupt(str(stop)) from stop


def _ways_on(done: "Comparison") -> str:
    """Return how a finished comparison can go on, in words."""
    if all(done.result(arm.arm).verdict in ("helps", "hurts", "no difference") for arm in done.arms):
        return "Every arm is decided."
    return (
        "Arms and seeds may be added; every further look makes the intervals wider, because it is a further "
        "chance to be fooled. --until-decided adds seeds until every arm is decided."
    )


def _under_way(event: "ComparisonEvent") -> str:
    """Return the runs under way in words.

    "run 2 of 9: cbam@decoder, seed 0, epoch 3/20", or "runs 2, 3 of 9 in epochs 3, 1 of 20" to fit on a line.
    """
    if len(event.running) == 1:
        number, arm, seed, training = event.running[0]
        place = f"epoch {training.epoch}/{training.epochs}"
        return f"run {number} of {event.runs}: {arm}, seed {seed}, {place}"
    numbers = ", ".join(str(number) for number, *_ in event.running)
    epochs = ", ".join(str(training.epoch) for *_, training in event.running)
    return f"runs {numbers} of {event.runs} in epochs {epochs} of {event.running[0][-1].epochs}"


def _conclude(folder: Path) -> None:
    from foveate.api.compare import ComparisonResult
    from foveate.report.page import write_report

    report = write_report(folder)
    print(f"{ComparisonResult(folder).summary}\n\n{report}")
