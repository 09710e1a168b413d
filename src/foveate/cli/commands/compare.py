"""`foveate compare`: the main job. Does attention help on these images?"""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.cli.flags import DataFlags, DeviceFlags, ModelFlags, TrainingFlags, asked

if TYPE_CHECKING:
    from foveate.experiments.compare import ComparisonEvent
    from foveate.experiments.plan import Plan


_STAGES = {
    "score": (1.0, 1.05, "{} of {} runs scored"),
    "cost": (1.05, 1.07, "{} of {} arms measured"),
    "gallery": (1.07, 1.08, "choosing images for the report"),
}
"""Where each stage behind the training begins and ends, in lengths of the training, and its words."""

_WHOLE = 1.08


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
) -> None:
    """Train with and without attention in identical conditions; say what each changes and costs.

    The bare host is always among the arms. Ctrl-C keeps what was trained; the same command goes on.

    Args:
        data: a folder of images with masks or of class folders, or drawn scenes: synthetic,
            synthetic:COUNT or synthetic:COUNT:HxW.
        arms: contenders, such as none cbam@decoder "se@encoder5(reduction=8)"; chosen if not given. With a
            name before it, as in "B=se@encoder5(reduction=8)", an arm is called by it: in the report, and as
            the folder of its runs that predict and inspect take.
        placebo: also train, beside each arm, a plain convolution with as many parameters.
        seeds: how often each arm is trained; at least 2, for chance has to show itself.
        epochs: passes over the training images; about 800 steps if not given.
        seed: the first seed; the others follow it.
        out: the folder of the comparison; runs/ and the name of the data if not given.

    Example:
      foveate compare photos/ --arms none cbam@decoder "smooth@encoder5(threshold=0.4)" \\
        --placebo --seeds 3 --epochs 20 --out runs/photos
    """
    from foveate.api.compare import open_comparison
    from foveate.cli.progress import progress

    wanted = asked(data, images, model, training)
    with progress("Opening the data"):
        opened = open_comparison(wanted, arms, placebo, seeds, epochs, seed, out)
    from foveate.experiments.compare import load_if_finished
    from foveate.experiments.plan import forecast, make_plan

    folder = opened.folder
    with progress("Reading every image once"):
        plan = make_plan(opened.spec, folder, devices.trainer())
    if (done := load_if_finished(plan, folder)) is not None:
        print(f"All {len(plan.runs)} runs are done, since {done.finished}; add arms or seeds to go on.\n")
        _conclude(folder)
        return
    from foveate.experiments.briefing import control_note, weights_note

    height, width = plan.data.size
    print(opened.dataset.describe())
    for note in (weights_note(opened.spec.model, plan.spec.model), control_note(plan)):
        if note:
            print(f"\n{note}")
    print(f"\n{plan.spec.model.host} at {height}x{width}, {seeds} seeds of each arm:")
    named = [f"{arm.name} = {arm.arm}" if arm.name else arm.arm for arm in plan.arms]
    print("\n".join(f"  {words}" for words in named), flush=True)
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

        def tell(event: "ComparisonEvent") -> None:
            if (now := event.training) is None:
                begin, end, words = _STAGES[event.stage]
                done = begin + (end - begin) * event.run / event.runs
                advance(done, _WHOLE, words.format(event.run, event.runs))
                return
            which = f"{event.arm}, seed {event.seed}, epoch {now.epoch}/{now.epochs}"
            note = f"run {event.run} of {event.runs}: {which}"
            advance((event.run - 1 + now.step / now.steps) / event.runs, _WHOLE, note, event.seconds_left)

        try:
            run(plan.spec, folder, tell, command_line(), plan=plan)
        except Interrupted as stop:
            raise KeyboardInterrupt(str(stop)) from stop


def _conclude(folder: Path) -> None:
    from foveate.api.compare import ComparisonResult
    from foveate.report.page import write_report

    report = write_report(folder)
    print(f"{ComparisonResult(folder).summary}\n\n{report}")
