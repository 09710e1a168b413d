"""Run a comparison: train every arm with every seed, score the runs, and compare the arms with the host."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.errors import UserError
from foveate.experiments.arms import PlannedArm
from foveate.experiments.clock import Clock
from foveate.experiments.conclude import conclude
from foveate.experiments.course import Course
from foveate.experiments.engines.engine import Engine, OpenEngine
from foveate.experiments.engines.local import local_engine
from foveate.experiments.job_count import choose_jobs
from foveate.experiments.jobs import TrainingJob, run_jobs
from foveate.experiments.looking import look_at, seconds_of_look
from foveate.experiments.plan import Plan, make_plan, seconds_in_steps
from foveate.experiments.result import Comparison, load_comparison
from foveate.files import folder_lock, leftover_parts
from foveate.specs.comparison import ComparisonSpec
from foveate.training.callbacks import ProgressEvent
from foveate.training.run import Interrupted
from foveate.training.run_directory import Run, claim


@dataclass(frozen=True)
class ComparisonEvent:
    """The progress of a comparison.

    stage: "train", then "score", "cost" and "gallery". run, runs: the number of the current run, from 1, and
    the number of all runs; after training, the numbers of finished and of all items of the stage. arm, seed:
    of the current run. training: the progress of that run, None after training. seconds_left: time to train
    all remaining runs, None if unknown. share: of all training that is done, from 0 to 1. running: number,
    arm, seed and last progress of each run under way; several if runs are trained at once.
    """

    stage: str
    run: int
    runs: int
    arm: str = ""
    seed: int = 0
    training: ProgressEvent | None = None
    seconds_left: float | None = None
    share: float = 0.0
    running: tuple[tuple[int, str, int, ProgressEvent], ...] = ()


ReportProgress = Callable[[ComparisonEvent], None]


def compare(
    spec: ComparisonSpec,
    out: str | Path,
    progress: ReportProgress | None = None,
    command: str | None = None,
    trainer_flags: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
    jobs: int | None = 1,
    budget: float | None = None,
    open_engine: OpenEngine = local_engine,
) -> Comparison:
    """Train the missing runs, score all runs, measure costs, and compare the arms with the host.

    Writes into `out`: comparison.yaml, splits.json (of all runs, or of each fold), looks.json,
    runs/ARM/seedK (run directories), comparison.json, comparison.csv, curves.csv, openings.csv and
    gallery.npz. `foveate.report.page.write_report` draws the report from them.

    The same call resumes an interrupted comparison: complete runs are kept, and an incomplete run resumes at
    the end of its last epoch. A finished comparison is returned as it is. Arms, contrasts and seeds may be
    added.

    Args:
        spec: the comparison.
        out: its folder.
        progress: called after every training step and in the later stages.
        command: recorded as the command that made the comparison.
        trainer_flags: arguments of Lightning's Trainer, which uses one device.
        plan: the result of `make_plan` for the same spec, folder and flags, if it was called before.
        jobs: number of runs to train at once, in processes of their own; None to choose it (`jobs_for`).
        budget: seconds that a comparison which adds seeds until decided may take; the first look is taken
            in any case.
        open_engine: opens what trains the runs (see `foveate.experiments.engines`).

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
        course = Course.open(plan.spec, out)
        _save_spec(plan, out)
        course.save(out)
        with open_engine(jobs_for(plan, out, jobs), out) as engine:
            course = _take_looks(plan, out, course, report, engine, budget)
        command = command or f"compare(ComparisonSpec.load({str(out / 'comparison.yaml')!r}), {str(out)!r})"
        return conclude(plan, out, course, command, lambda *stage: report(ComparisonEvent(*stage)))


def _take_looks(
    plan: Plan, out: Path, course: Course, report: ReportProgress, engine: Engine, budget: float | None
) -> Course:
    """Train and look until the comparison is over or its budget is used up; return its course.

    Arms that were added to earlier looks get the runs of these looks first.
    """
    start, before = time.monotonic(), course

    def report_stage(stage: str, item: int, items: int) -> None:
        report(ComparisonEvent(stage, item, items))

    if course.last:
        train_runs(plan, out, report, engine, course.runs(plan, course.last))
        course = look_at(plan, out, course, course.last, budget, engine.size, report_stage)
        course.save(out)
    while not course.is_over(plan):
        left = None if budget is None else budget - (time.monotonic() - start)
        look = course.looks_left(plan.spec)[0]
        if course.last and left is not None and seconds_of_look(plan, out, course, look, engine.size) > left:
            break
        train_runs(plan, out, report, engine, course.runs(plan, look), _part_of(plan, look))
        left = None if budget is None else budget - (time.monotonic() - start)
        before, course = course, look_at(plan, out, course, look, left, engine.size, report_stage)
        course.save(out)
    ended = course.ended(before)
    ended.save(out)
    return ended


def _part_of(plan: Plan, look: int) -> tuple[float, float]:
    """Return the share of all looks that are done before and after this one, from 0 to 1."""
    number, count = plan.spec.looks.index(look), len(plan.spec.looks)
    return number / count, (number + 1) / count


def jobs_for(plan: Plan, out: Path, jobs: int | None, seconds: float | None = None) -> int:
    """Return how many runs to train at once: `jobs`, or a number for this machine (see `choose_jobs`).

    seconds: forecast of the training one run after the other; if None, a step of each arm is timed where the
    forecast matters.
    """
    course = Course.open(plan.spec, out)
    look = min(course.looks_left(plan.spec), default=course.last)
    runs = course.runs(plan, look)
    left = sum(not Run(plan.folder(out, arm, seed)).is_complete for arm, seed in runs)

    def expected() -> float:
        return seconds_in_steps(plan, out, steps=1) if seconds is None else seconds

    return choose_jobs(jobs, left, plan.trainer_flags.get("accelerator", "auto"), expected)


def load_if_finished(plan: Plan, out: Path) -> Comparison | None:
    """Return the comparison in `out` if it is finished with the plan's arms and looks, otherwise None."""
    if not (out / "comparison.json").is_file():
        return None
    course = Course.open(plan.spec, out)
    if not course.last or not course.is_over(plan):
        return None
    runs = course.runs(plan, course.last)
    if not all(Run(plan.folder(out, arm, seed)).is_complete for arm, seed in runs):
        return None
    try:
        comparison = load_comparison(out)
    except UserError:
        return None  # written by another version, or damaged: the runs are compared again
    arms = {contender.arm for contender in comparison.contenders}
    contrasts = {(contrast.arm, contrast.reference) for contrast in comparison.findings.contrasts}
    same = (
        arms == {arm.arm for arm in plan.arms}
        and comparison.findings.looks == course.looks.taken
        and contrasts == set(plan.spec.contrast_pairs)
    )
    return comparison if same else None


def _save_spec(plan: Plan, out: Path) -> None:
    try:
        for path in leftover_parts(out):
            path.unlink()
        plan.spec.save(out / "comparison.yaml")
        Run(out).write_splits(plan.split_tables())
    except OSError as error:
        raise UserError(f"{out}: cannot write there ({error.strerror}); choose another folder") from error


def train_runs(
    plan: Plan,
    out: Path,
    report: ReportProgress,
    engine: Engine,
    wanted: Sequence[tuple[PlannedArm, int]],
    part: tuple[float, float] = (0.0, 1.0),
    failed: Callable[[str, Exception], None] | None = None,
    keep_weights: bool = True,
) -> None:
    """Train the wanted runs that are not complete.

    part: begin and end of the share done that is reported. failed: called with the arm of a run that failed
    twice, and its error; without it, the first error is raised. keep_weights: of complete runs.
    """
    runs = {plan.folder(out, arm, seed): (arm.arm, seed) for arm, seed in wanted}
    clock, order = Clock(plan, out, engine.size, wanted), list(runs.values())
    begin, end = part

    def report_run(job: TrainingJob, event: ProgressEvent) -> None:
        arm, seed = runs[job.folder]
        left = clock.seconds_left(arm, seed, event)
        running = tuple((order.index(key) + 1, *key, its) for key, its in clock.running.items())
        number, share = order.index((arm, seed)) + 1, begin + (end - begin) * clock.share_done
        report(ComparisonEvent("train", number, len(order), arm, seed, event, left, share, running))

    def finish_run(job: TrainingJob) -> None:
        run = Run(job.folder)
        clock.record_finished(*runs[job.folder], run.result.seconds)
        # A complete run needs no checkpoint to resume from. Checkpoints are 90% of a comparison's disk space.
        run.last_checkpoint.unlink(missing_ok=True)
        if not keep_weights:
            run.best_weights.unlink(missing_ok=True)

    jobs = [
        TrainingJob(plan.spec.run(arm, seed), folder, plan.module(seed), plan.trainer_flags)
        for folder, (arm, seed) in runs.items()
    ]
    tell = failed and (lambda job, error: failed(runs[job.folder][0], error))
    run_jobs(jobs, engine, report_run, finish_run, tell)


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say in an interruption that the comparison can be resumed."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        raise Interrupted(
            f"the training so far is kept in {out}; run the same command again to resume"
        ) from stop
