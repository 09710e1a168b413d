"""Run a comparison: train every arm with every seed, score the runs, and compare the arms with the host."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.conclude import conclude
from foveate.experiments.plan import Plan, make_plan
from foveate.experiments.result import Comparison, load_comparison
from foveate.files import folder_lock, leftover_parts
from foveate.specs.comparison import ComparisonSpec
from foveate.training.callbacks import ProgressEvent
from foveate.training.run import Interrupted, fit
from foveate.training.run_directory import Run, claim


@dataclass(frozen=True)
class ComparisonEvent:
    """The progress of a comparison.

    stage: "train", then "score", "cost" and "gallery". run, runs: the number of the current run, from 1, and
    the number of all runs; after training, the numbers of finished and of all items of the stage. arm, seed:
    of the current run. training: the progress of that run, None after training. seconds_left: time to train
    all remaining runs, None if unknown.
    """

    stage: str
    run: int
    runs: int
    arm: str = ""
    seed: int = 0
    training: ProgressEvent | None = None
    seconds_left: float | None = None


ReportProgress = Callable[[ComparisonEvent], None]
KNOWN_STEPS, KNOWN_SECONDS = 3, 2.0
"""Steps and seconds of an arm's first run before the remaining time is estimated from it."""


def compare(
    spec: ComparisonSpec,
    out: str | Path,
    progress: ReportProgress | None = None,
    command: str | None = None,
    trainer_flags: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
) -> Comparison:
    """Train the missing runs, score all runs, measure costs, and compare the arms with the host.

    Writes into `out`: comparison.yaml, splits.json (of all runs, or of each fold), runs/ARM/seedK (run
    directories), comparison.json, comparison.csv, curves.csv and gallery.npz.
    `foveate.report.page.write_report` draws the report from them.

    The same call resumes an interrupted comparison: complete runs are kept, and an incomplete run resumes at
    the end of its last epoch. A finished comparison is returned as it is. Arms and seeds may be added.

    Args:
        spec: the comparison.
        out: its folder.
        progress: called after every training step and in the later stages.
        command: recorded as the command that made the comparison.
        trainer_flags: arguments of Lightning's Trainer, which uses one device.
        plan: the result of `make_plan` for the same spec, folder and flags, if it was called before.

    Raises `UserError`, before anything is trained or written, for an error in the spec or the data, and for
    an `out` that cannot be written, holds a comparison with another spec, or is in use by another process;
    raises `Interrupted` on Ctrl-C.
    """
    out, report = Path(out), progress or (lambda event: None)
    plan = plan or make_plan(spec, out, trainer_flags)
    if (comparison := load_if_finished(plan, out)) is not None:
        return comparison
    if not (out / "comparison.yaml").is_file():
        claim(out, resume=False)
    with folder_lock(out), _resumable(out):
        _save_spec(plan, out)
        _train(plan, out, report)
        command = command or f"compare(ComparisonSpec.load({str(out / 'comparison.yaml')!r}), {str(out)!r})"
        return conclude(plan, out, command, lambda *stage: report(ComparisonEvent(*stage)))


def load_if_finished(plan: Plan, out: Path) -> Comparison | None:
    """Return the comparison in `out` if it is finished with the plan's arms and seeds, otherwise None."""
    if not (out / "comparison.json").is_file():
        return None
    if not all(Run(plan.folder(out, arm, seed)).is_complete for arm, seed in plan.runs):
        return None
    try:
        comparison = load_comparison(out)
    except UserError:
        return None  # written by another version, or damaged: the runs are compared again
    arms = {contender.arm for contender in comparison.contenders}
    same = arms == {arm.arm for arm in plan.arms} and comparison.seeds == plan.spec.seed_numbers
    return comparison if same else None


def _save_spec(plan: Plan, out: Path) -> None:
    try:
        for path in leftover_parts(out):
            path.unlink()
        plan.spec.save(out / "comparison.yaml")
        Run(out).write_splits(plan.split_tables())
    except OSError as error:
        raise UserError(f"{out}: cannot write there ({error.strerror}); choose another folder") from error


def _train(plan: Plan, out: Path, report: ReportProgress) -> None:
    clock = Clock(plan, out)
    for number, (arm, seed) in enumerate(plan.runs, start=1):
        folder = plan.folder(out, arm, seed)
        if Run(folder).is_complete:
            continue

        def report_run(event: ProgressEvent, run: int = number, arm: str = arm.arm, seed: int = seed) -> None:
            left = clock.seconds_left(arm, seed, event)
            report(ComparisonEvent("train", run, len(plan.runs), arm, seed, event, left))

        result = fit(
            plan.spec.run(arm.arm, seed),
            folder,
            resume=True,
            trainer_flags=plan.trainer_flags,
            progress=report_run,
            data=plan.module(seed),
        )
        clock.record_finished(arm.arm, seed, result.seconds)
        # A complete run needs no checkpoint to resume from. Checkpoints are 90% of a comparison's disk space.
        Run(folder).last_checkpoint.unlink(missing_ok=True)


class Clock:
    """Estimate how long the remaining runs will take.

    A run takes as long as an earlier run of its arm, times the current pace. Without an earlier run it takes
    as long as the current run. The pace is the expected duration of the current run divided by that of an
    earlier run of the same arm, because the load of the machine may have changed. It is weighted by the share
    of the run that this process has trained: 1 at the start, the full ratio at the end.
    """

    def __init__(self, plan: Plan, out: Path):
        runs = {(arm.arm, seed): Run(plan.folder(out, arm, seed)) for arm, seed in plan.runs}
        self.done = {key: run.result.seconds for key, run in runs.items() if run.is_complete}
        self.order = list(runs)

    def record_finished(self, arm: str, seed: int, seconds: float) -> None:
        """Record how long a run took."""
        self.done[arm, seed] = seconds

    def seconds_left(self, arm: str, seed: int, event: ProgressEvent) -> float | None:
        """Return the time until the current run and all incomplete runs after it are done.

        None in the first steps of an arm's first run, because they are slower than later steps.
        """
        earlier = {name: seconds for (name, _), seconds in self.done.items()}
        early = event.step - event.resumed_at < KNOWN_STEPS or event.seconds_elapsed < KNOWN_SECONDS
        if arm not in earlier and early and event.step < event.steps:
            return None
        own_steps = max(1, event.steps - event.resumed_at)
        current = (event.seconds_elapsed + event.seconds_left) * event.steps / own_steps
        trained = (event.step - event.resumed_at) / event.steps
        pace = 1 + (current / earlier[arm] - 1) * trained if arm in earlier else 1.0
        later = self.order[self.order.index((arm, seed)) + 1 :]
        return event.seconds_left + sum(
            pace * earlier[name] if name in earlier else current
            for name, s in later
            if (name, s) not in self.done
        )


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say in an interruption that the comparison can be resumed."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        raise Interrupted(
            f"the training so far is kept in {out}; run the same command again to resume"
        ) from stop
