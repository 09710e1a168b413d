"""From trained runs to findings: scores on the test images, costs, verdicts, curves, and pictures."""

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from foveate.evaluation.cost import costs
from foveate.evaluation.evaluate import evaluate, read_per_image, read_scores
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
"""One array of the test images by arm and seed."""


def conclude(plan: Plan, out: Path, command: str, tell: Callable[[str, int, int], None]) -> Comparison:
    """Score every run, measure every arm, compare, and write what the report is drawn from.

    `tell(stage, done, total)` is called with the stage "score", "cost" or "gallery" and how many of its items
    are done.
    """
    confusions: ByRun = {}
    errors: ByRun = {}
    for done, (arm, seed) in enumerate(plan.runs, start=1):
        folder = plan.folder(out, arm, seed)
        _score(folder)
        _, confusions.setdefault(arm.arm, {})[seed], of_images = read_per_image(folder)
        if of_images is not None:
            errors.setdefault(arm.arm, {})[seed] = of_images
        tell("score", done, len(plan.runs))
    comparison = _comparison(plan, out, command, _find(plan, out, confusions, errors, tell))
    tell("gallery", 0, 1)
    save_gallery(out, pick_exhibits(plan, out, confusions))
    comparison.save(out)
    return comparison


def _score(folder: Path) -> None:
    """Evaluate a run unless its scores are newer than its weights."""
    scored, run = folder / "scores.json", Run(folder)
    if not scored.is_file() or scored.stat().st_mtime_ns < run.result_file.stat().st_mtime_ns:
        evaluate(folder)


def _find(
    plan: Plan, out: Path, confusions: ByRun, errors: ByRun, tell: Callable[[str, int, int], None]
) -> Findings:
    first = plan.spec.first_seed
    models = {arm.arm: with_views(load_model(plan.folder(out, arm, first))) for arm in plan.arms}
    measured_arms = itertools.count(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    measured = costs(
        models,
        plan.data.size,
        device=device,
        progress=lambda arm: tell("cost", next(measured_arms), len(models)),
    )
    placebos = {arm: placebo.arm for placebo in plan.arms for arm in placebo.beside}
    return compare_arms(
        confusions, plan.data.classes, plan.data.task, placebos=placebos, costs=measured, errors=errors
    )


def _comparison(plan: Plan, out: Path, command: str, findings: Findings) -> Comparison:
    spec, data = plan.spec, plan.data
    runs = [Run(plan.folder(out, arm, seed)) for arm, seed in plan.runs]
    segmentation = data.task == "segmentation"
    return Comparison(
        task=data.task,
        dataset=Path(spec.data.source).name or spec.data.source,
        description=data.dataset.describe(),
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


def _contender(plan: Plan, out: Path, arm, class_score: str) -> Contender:
    scored = [read_scores(plan.folder(out, arm, seed)) for seed in plan.spec.seed_numbers]
    scores = {name: tuple(getattr(one, name) for one in scored) for name in SCORES}
    of_classes = {
        name: tuple(getattr(one.classes[number], class_score) for one in scored)
        for number, name in enumerate(plan.data.classes)
    }
    return Contender(arm.arm, arm.folder, arm.role, arm.beside, scores, of_classes, arm.name)


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
    found = run.environment
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    return {
        "foveate": str(found["foveate"]),
        "Python": str(found["python"]),
        "Packages": packages,
        "System": str(found["platform"]),
        "Processor": f"{found['cpu']}, {found['cores']} cores, {found['threads']} threads",
        "Device": str(found["device"]),
        "Precision": str(found["precision"]),
    }
