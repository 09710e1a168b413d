"""Look at a comparison: score its runs, judge its arms, and see which of them need more seeds."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from statistics import mean

import numpy as np

from foveate.durations import duration
from foveate.evaluation.evaluate import evaluate, is_scored, read_per_image
from foveate.experiments.arms import PlannedArm
from foveate.experiments.course import Course
from foveate.experiments.openings import closed_arms, openings_of
from foveate.experiments.plan import Plan
from foveate.training.run_directory import Run
from foveate.verdicts.comparison import CountedRuns, Question, judge_arms
from foveate.verdicts.looks import Looks
from foveate.verdicts.samples import TestImages

ReportStage = Callable[[str, int, int], None]
"""Called with a stage ("score", "cost" or "gallery"), its number of finished items, and of all items."""
ByRun = dict[str, dict[int, np.ndarray]]
"""An array with one row for each test image, by arm and seed."""


def score_runs(
    plan: Plan, out: Path, runs: Sequence[tuple[PlannedArm, int]], report: ReportStage
) -> CountedRuns:
    """Evaluate the runs that have no scores of their result, and read the scores of all."""
    confusions: ByRun = {}
    errors: ByRun = {}
    stems: dict[int, tuple[str, ...]] = {}
    for done, (arm, seed) in enumerate(runs, start=1):
        folder = plan.folder(out, arm, seed)
        if not is_scored(folder):
            evaluate(folder, opened=plan.module(seed))
        stems[seed], confusions.setdefault(arm.arm, {})[seed], run_errors = read_per_image(folder)
        if run_errors is not None:
            errors.setdefault(arm.arm, {})[seed] = run_errors
        report("score", done, len(runs))
    images = TestImages(stems, plan.groups)
    return CountedRuns(confusions, plan.data.classes, plan.data.task, errors or None, images)


def question_of(plan: Plan, looks: Looks, closed: Collection[str]) -> Question:
    """Return what a comparison asks of its runs. closed: arms whose attention could not open."""
    return Question(
        baseline=plan.spec.reference_arm,
        placebos={arm: placebo.arm for placebo in plan.arms for arm in placebo.beside},
        judge=plan.spec.judge,
        margin=plan.spec.margin / 100,
        looks=looks,
        contrasts=plan.spec.contrast_pairs,
        closed=closed,
    )


def look_at(
    plan: Plan, out: Path, course: Course, look: int, seconds: float | None, jobs: int, report: ReportStage
) -> Course:
    """Take a look at this many seeds and return the course after it.

    seconds: what is left of the budget, None without one. jobs: number of runs trained at once.
    """
    if not plan.spec.until_decided:
        return course.after(plan, look, (), look)
    runs = course.runs(plan, look)
    scored = score_runs(plan, out, runs, report)
    closed = closed_arms(plan, openings_of(plan, out, runs))
    contrasts = judge_arms(scored, question_of(plan, course.looks.take(look), closed))
    after = course.after(plan, look, contrasts, plan.spec.max_seeds)
    if seconds is None or after.is_over(plan):
        return after
    rounds = int(seconds / max(seconds_of_look(plan, out, after, look + 1, jobs), 1e-9))
    if rounds < 1:
        return after  # the budget ends here, which says nothing about the arms
    return course.after(plan, look, contrasts, min(plan.spec.max_seeds, look + rounds))


def note_on_next_look(plan: Plan, out: Path, jobs: int) -> str:
    """Return what the next look would take if the budget ended before it; "" if the comparison is over."""
    course = Course.open(plan.spec, out)
    if course.is_over(plan):
        return ""
    look = course.looks_left(plan.spec)[0]
    needed = duration(seconds_of_look(plan, out, course, look, jobs))
    return (
        f"The budget ended before every arm was decided. The next look, at {look} seeds, takes about "
        f"{needed}: the same command with a budget longer than that goes on."
    )


def seconds_of_look(plan: Plan, out: Path, course: Course, look: int, jobs: int) -> float:
    """Return how long the missing runs of a look will take, as long as earlier runs of the same arms."""
    runs = course.runs(plan, look)
    done: dict[str, list[float]] = {}
    for arm, seed in runs:
        run = Run(plan.folder(out, arm, seed))
        if run.is_complete:
            done.setdefault(arm.arm, []).append(run.result.seconds)
    usual = mean(value for values in done.values() for value in values) if done else 0.0
    missing = [
        mean(done[arm.arm]) if arm.arm in done else usual
        for arm, seed in runs
        if not Run(plan.folder(out, arm, seed)).is_complete
    ]
    return sum(missing) / jobs
