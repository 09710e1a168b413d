"""Turn trained runs into a comparison: scores on the test images, costs, verdicts, curves and pictures."""

import itertools
import math
import time
from pathlib import Path

import torch

from foveate.evaluation.cost import costs
from foveate.evaluation.evaluate import read_scores
from foveate.experiments.arms import PlannedArm
from foveate.experiments.briefing import folds_note
from foveate.experiments.convergence import only_class, still_rising
from foveate.experiments.course import Course
from foveate.experiments.gallery import save_gallery
from foveate.experiments.looking import ReportStage, question_of, score_runs
from foveate.experiments.openings import closed_arms, openings_of, travel
from foveate.experiments.pick import pick_exhibits
from foveate.experiments.plan import Plan
from foveate.experiments.result import Comparison, Contender, CurvePoint, OpeningPoint
from foveate.models.checkpoints import load_model
from foveate.prediction.views import with_views
from foveate.training.environment import environment_words
from foveate.training.run_directory import Run
from foveate.verdicts.comparison import CountedRuns, compare_arms
from foveate.verdicts.findings import Findings

SCORES = ("miou", "dice", "accuracy", "mean_accuracy", "precision", "recall")


def conclude(plan: Plan, out: Path, course: Course, command: str, report: ReportStage) -> Comparison:
    """Score every run, measure the cost of every arm, compare the arms, and write the files of the report."""
    runs = course.runs(plan, course.last)
    scored = score_runs(plan, out, runs, report)
    openings = openings_of(plan, out, runs)
    findings = _findings(plan, out, course, scored, closed_arms(plan, openings), report)
    comparison = _comparison(plan, out, course, command, findings, openings, scored)
    report("gallery", 0, 1)
    save_gallery(out, pick_exhibits(plan, out, scored.confusions))
    comparison.save(out)
    return comparison


def _findings(
    plan: Plan, out: Path, course: Course, scored: CountedRuns, closed: set[str], report: ReportStage
) -> Findings:
    """Measure the cost of every arm, with the weights of the first seed, and compare the arms."""
    first = plan.spec.first_seed
    models = {arm.arm: with_views(load_model(plan.folder(out, arm, first))) for arm in plan.arms}
    numbers = itertools.count(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    costs_by_arm = costs(
        models,
        plan.data.size,
        plan.data.dataset.channels,
        device=device,
        progress=lambda arm: report("cost", next(numbers), len(models)),
    )
    return compare_arms(scored, question_of(plan, course.looks, closed), costs_by_arm)


def _comparison(
    plan: Plan,
    out: Path,
    course: Course,
    command: str,
    findings: Findings,
    openings: tuple[OpeningPoint, ...],
    scored: CountedRuns,
) -> Comparison:
    spec, data = plan.spec, plan.data
    runs = [Run(plan.folder(out, arm, seed)) for arm, seed in course.runs(plan, course.last)]
    curves = _curves(plan, out, course)
    segmentation = data.task == "segmentation"
    return Comparison(
        task=data.task,
        dataset=Path(spec.data.source).name or spec.data.source,
        description=" ".join(filter(None, [data.dataset.describe(), folds_note(plan)])),
        classes=tuple(data.classes),
        colors=tuple(tuple(int(value) for value in color) for color in data.dataset.colors),
        size=tuple(data.size),
        host=spec.model.host,
        score=findings.judge,
        class_score="iou" if segmentation else "recall",
        seeds=tuple(range(spec.first_seed, spec.first_seed + course.last)),
        epochs=spec.training.epochs,
        contenders=tuple(
            _contender(plan, out, course, arm, "iou" if segmentation else "recall") for arm in plan.arms
        ),
        findings=findings,
        command=command,
        finished=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        seconds=sum(run.result.seconds for run in runs),
        environment=environment_words(runs[-1].environment),
        until_decided=spec.until_decided,
        folds=spec.folds,
        gate=spec.model.gate,
        travel=travel(plan),
        rising=still_rising(curves, findings.baseline),
        one_class=only_class(scored.confusions[findings.baseline], data.classes),
        curves=curves,
        openings=openings,
    )


def _contender(plan: Plan, out: Path, course: Course, arm: PlannedArm, class_score: str) -> Contender:
    seeds = tuple(seed for other, seed in course.runs(plan, course.last) if other is arm)
    by_seed = [read_scores(plan.folder(out, arm, seed)) for seed in seeds]
    scores = {name: tuple(getattr(run, name) for run in by_seed) for name in SCORES}
    class_scores = {
        name: tuple(getattr(run.classes[number], class_score) for run in by_seed)
        for number, name in enumerate(plan.data.classes)
    }
    stop = course.stopped.get(arm.arm)
    why = stop.why if stop else ""
    return Contender(arm.arm, arm.folder, arm.role, arm.beside, scores, class_scores, seeds, arm.name, why)


def _curves(plan: Plan, out: Path, course: Course) -> tuple[CurvePoint, ...]:
    score = "val_miou" if plan.data.task == "segmentation" else "val_accuracy"
    return tuple(
        CurvePoint(
            arm.arm,
            seed,
            int(row["epoch"]),
            *(row.get(name, math.nan) for name in ("train_loss", "val_loss", score)),
        )
        for arm, seed in course.runs(plan, course.last)
        for row in Run(plan.folder(out, arm, seed)).metrics()
    )
