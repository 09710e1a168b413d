"""Turn trained runs into a comparison: scores on the test images, costs, verdicts, curves and pictures."""

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from foveate.evaluation.cost import costs
from foveate.evaluation.evaluate import evaluate, read_per_image, read_scores
from foveate.experiments.arms import PlannedArm
from foveate.experiments.briefing import folds_note
from foveate.experiments.gallery import save_gallery
from foveate.experiments.pick import pick_exhibits
from foveate.experiments.plan import Plan
from foveate.experiments.result import Comparison, Contender, CurvePoint
from foveate.models.checkpoints import load_model
from foveate.prediction.views import with_views
from foveate.training.run_directory import Run
from foveate.verdicts.comparison import Findings, compare_arms

SCORES = ("miou", "dice", "accuracy", "mean_accuracy", "precision", "recall")
ByRun = dict[str, dict[int, np.ndarray]]
"""An array with one row for each test image, by arm and seed."""
ReportStage = Callable[[str, int, int], None]
"""Called with a stage ("score", "cost" or "gallery"), its number of finished items, and of all items."""


def conclude(plan: Plan, out: Path, command: str, report: ReportStage) -> Comparison:
    """Score every run, measure the cost of every arm, compare the arms, and write the files of the report."""
    confusions: ByRun = {}
    errors: ByRun = {}
    for done, (arm, seed) in enumerate(plan.runs, start=1):
        folder = plan.folder(out, arm, seed)
        _score(folder)
        _, confusions.setdefault(arm.arm, {})[seed], run_errors = read_per_image(folder)
        if run_errors is not None:
            errors.setdefault(arm.arm, {})[seed] = run_errors
        report("score", done, len(plan.runs))
    comparison = _comparison(plan, out, command, _findings(plan, out, confusions, errors, report))
    report("gallery", 0, 1)
    save_gallery(out, pick_exhibits(plan, out, confusions))
    comparison.save(out)
    return comparison


def _score(folder: Path) -> None:
    """Evaluate a run unless its scores are newer than its result."""
    scores, run = folder / "scores.json", Run(folder)
    if not scores.is_file() or scores.stat().st_mtime_ns < run.result_file.stat().st_mtime_ns:
        evaluate(folder)


def _findings(plan: Plan, out: Path, confusions: ByRun, errors: ByRun, report: ReportStage) -> Findings:
    """Measure the cost of every arm, with the weights of the first seed, and compare the arms."""
    first = plan.spec.first_seed
    models = {arm.arm: with_views(load_model(plan.folder(out, arm, first))) for arm in plan.arms}
    numbers = itertools.count(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    costs_by_arm = costs(
        models,
        plan.data.size,
        device=device,
        progress=lambda arm: report("cost", next(numbers), len(models)),
    )
    placebos = {arm: placebo.arm for placebo in plan.arms for arm in placebo.beside}
    return compare_arms(
        confusions, plan.data.classes, plan.data.task, placebos=placebos, costs=costs_by_arm, errors=errors
    )


def _comparison(plan: Plan, out: Path, command: str, findings: Findings) -> Comparison:
    spec, data = plan.spec, plan.data
    runs = [Run(plan.folder(out, arm, seed)) for arm, seed in plan.runs]
    segmentation = data.task == "segmentation"
    return Comparison(
        task=data.task,
        dataset=Path(spec.data.source).name or spec.data.source,
        description=" ".join(filter(None, [data.dataset.describe(), folds_note(plan)])),
        classes=tuple(data.classes),
        colors=tuple(tuple(int(value) for value in color) for color in data.dataset.colors),
        size=tuple(data.size),
        host=spec.model.host,
        score="miou" if segmentation else "accuracy",
        class_score="iou" if segmentation else "recall",
        seeds=spec.seed_numbers,
        epochs=spec.training.epochs,
        contenders=tuple(
            _contender(plan, out, arm, "iou" if segmentation else "recall") for arm in plan.arms
        ),
        findings=findings,
        command=command,
        finished=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        seconds=sum(run.result.seconds for run in runs),
        environment=_environment(runs[-1]),
        curves=_curves(plan, out),
    )


def _contender(plan: Plan, out: Path, arm: PlannedArm, class_score: str) -> Contender:
    by_seed = [read_scores(plan.folder(out, arm, seed)) for seed in plan.spec.seed_numbers]
    scores = {name: tuple(getattr(run, name) for run in by_seed) for name in SCORES}
    class_scores = {
        name: tuple(getattr(run.classes[number], class_score) for run in by_seed)
        for number, name in enumerate(plan.data.classes)
    }
    return Contender(arm.arm, arm.folder, arm.role, arm.beside, scores, class_scores, arm.name)


def _curves(plan: Plan, out: Path) -> tuple[CurvePoint, ...]:
    score = "val_miou" if plan.data.task == "segmentation" else "val_accuracy"
    return tuple(
        CurvePoint(
            arm.arm,
            seed,
            int(row["epoch"]),
            *(row.get(name, math.nan) for name in ("train_loss", "val_loss", score)),
        )
        for arm, seed in plan.runs
        for row in Run(plan.folder(out, arm, seed)).metrics()
    )


def _environment(run: Run) -> dict[str, str]:
    recorded = run.environment
    packages = ", ".join(f"{name} {version}" for name, version in recorded["packages"].items())
    return {
        "foveate": str(recorded["foveate"]),
        "Python": str(recorded["python"]),
        "Packages": packages,
        "System": str(recorded["platform"]),
        "Processor": f"{recorded['cpu']}, {recorded['cores']} cores, {recorded['threads']} threads",
        "Device": str(recorded["device"]),
        "Precision": str(recorded["precision"]),
    }
