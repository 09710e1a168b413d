"""`compare`: train every arm with every seed, score the runs, and say what each arm changes."""

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
    """Where a comparison stands.

    stage: "train", then "score", "cost" and "gallery". run: the one under way, counted from 1, of `runs`;
    arm and seed are its own. In the later stages: how much is done, of how much. training: where that run
    stands, None outside of training. seconds_left: of training all remaining runs, None when unknown.
    """

    stage: str
    run: int
    runs: int
    arm: str = ""
    seed: int = 0
    training: ProgressEvent | None = None
    seconds_left: float | None = None


Tell = Callable[[ComparisonEvent], None]
KNOWN_STEPS, KNOWN_SECONDS = 3, 2.0
"""What of an arm's first run has to be over before its pace is told."""


def compare(
    spec: ComparisonSpec,
    out: str | Path,
    progress: Tell | None = None,
    command: str | None = None,
    trainer_flags: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
) -> Comparison:
    """Train what is missing, then score, measure and compare.

    Leaves in `out`: comparison.yaml, splits.json (the same for all runs), runs/ARM/seedK (run directories),
    comparison.json, comparison.csv, curves.csv and gallery.npz, from which
    `foveate.report.page.write_report` draws the report. Called again with the same spec it goes on where it
    was stopped: complete runs are kept, a partial one resumes at the end of its last epoch, and what is
    finished is returned as it is. Arms and seeds may be added. `command` is recorded as what made it;
    `trainer_flags` go to Lightning's Trainer, which has one device. `plan`: what `make_plan` gave for the
    same spec, `out` and flags, where it is at hand.

    Raises `UserError` before anything is trained or written for whatever is wrong in the spec, for an `out`
    that cannot be written, that holds a comparison with another spec or that another process is at work in;
    `Interrupted` on Ctrl-C.
    """
    out, tell = Path(out), progress or (lambda event: None)
    plan = plan or make_plan(spec, out, trainer_flags)
    if (done := load_if_finished(plan, out)) is not None:
        return done
    if not (out / "comparison.yaml").is_file():
        claim(out, resume=False)
    with folder_lock(out), _resumable(out):
        _save_spec(plan, out)
        _train(plan, out, tell)
        made = command or f"compare(ComparisonSpec.load({str(out / 'comparison.yaml')!r}), {str(out)!r})"
        return conclude(plan, out, made, lambda *stage: tell(ComparisonEvent(*stage)))


def load_if_finished(plan: Plan, out: Path) -> Comparison | None:
    """What a comparison found that needs no more runs, arms or seeds; None while something is left to do."""
    if not (out / "comparison.json").is_file():
        return None
    if not all(Run(plan.folder(out, arm, seed)).is_complete for arm, seed in plan.runs):
        return None
    try:
        found = load_comparison(out)
    except UserError:
        return None  # of another version, or damaged: it is drawn from the runs again
    arms = {item.arm for item in found.contenders}
    same = arms == {arm.arm for arm in plan.arms} and found.seeds == plan.spec.seed_numbers
    return found if same else None


def _save_spec(plan: Plan, out: Path) -> None:
    try:
        for path in leftover_parts(out):
            path.unlink()
        plan.spec.save(out / "comparison.yaml")
        Run(out).write_splits(plan.data.dataset.split_table())
    except OSError as error:
        raise UserError(f"{out}: cannot write there ({error.strerror}); choose another folder") from error


def _train(plan: Plan, out: Path, tell: Tell) -> None:
    clock = Clock(plan, out)
    for number, (arm, seed) in enumerate(plan.runs, start=1):
        folder = plan.folder(out, arm, seed)
        if Run(folder).is_complete:
            continue

        def watch(event: ProgressEvent, run: int = number, arm: str = arm.arm, seed: int = seed) -> None:
            left = clock.seconds_left(arm, seed, event)
            tell(ComparisonEvent("train", run, len(plan.runs), arm, seed, event, left))

        result = fit(
            plan.spec.run(arm.arm, seed),
            folder,
            resume=True,
            trainer_flags=plan.trainer_flags,
            progress=watch,
            data=plan.data,
        )
        clock.record_finished(arm.arm, seed, result.seconds)
        # A complete run has nothing to resume, and these are nine tenths of what a comparison keeps on disk.
        Run(folder).last_checkpoint.unlink(missing_ok=True)


class Clock:
    """How long the remaining runs will take: each as its arm took before, at today's pace, or else as the one
    under way.

    Today's pace is that of the run under way against its arm's earlier run, which the machine may have had
    less, or more, time for; it counts by the share of the run that this process has seen.
    """

    def __init__(self, plan: Plan, out: Path):
        runs = {(arm.arm, seed): Run(plan.folder(out, arm, seed)) for arm, seed in plan.runs}
        self.done = {key: run.result.seconds for key, run in runs.items() if run.is_complete}
        self.order = list(runs)

    def record_finished(self, arm: str, seed: int, seconds: float) -> None:
        """Take note of how long a run took."""
        self.done[arm, seed] = seconds

    def seconds_left(self, arm: str, seed: int, event: ProgressEvent) -> float | None:
        """The rest of the run under way and all that follow it and are not complete; None in the first steps
        of an arm's first run, which are slower than the rest.
        """
        usual = {name: seconds for (name, _), seconds in self.done.items()}
        early = event.step - event.resumed_at < KNOWN_STEPS or event.seconds_elapsed < KNOWN_SECONDS
        if arm not in usual and early and event.step < event.steps:
            return None
        own = max(1, event.steps - event.resumed_at)
        whole = (event.seconds_elapsed + event.seconds_left) * event.steps / own
        seen = (event.step - event.resumed_at) / event.steps
        pace = 1 + (whole / usual[arm] - 1) * seen if arm in usual else 1.0
        later = self.order[self.order.index((arm, seed)) + 1 :]
        return event.seconds_left + sum(
            pace * usual[name] if name in usual else whole for name, s in later if (name, s) not in self.done
        )


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        raise Interrupted(
            f"what was trained is kept in {out}, and the same command goes on from there"
        ) from stop
