"""A finished comparison of made-up predictions: real scores and verdicts, hostile names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.evaluation.cost import Cost
from foveate.evaluation.ratios import mean_over_classes
from foveate.evaluation.scores import counts, iou
from foveate.experiments.gallery import Exhibit, Panel, save_gallery
from foveate.experiments.result import Comparison, Contender, CurvePoint, OpeningPoint
from foveate.verdicts.comparison import CountedRuns, Question, compare_arms

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "a very long class name of pedestrians",
    "<script>alert(1)</script>",
)
COLORS = ((135, 206, 235), (128, 64, 64), (240, 180, 40), (100, 100, 110), (30, 90, 200), (200, 30, 120))
SKILL = {
    "none": 0.80,
    "cbam@decoder": 0.835,
    "placebo@decoder(parameters=290)": 0.803,
    "smooth@encoder5(threshold=0.4)": 0.805,
    "placebo@encoder5(parameters=98816)": 0.79,
}
MANY = {
    "none": 0.80,
    "cbam@decoder": 0.835,
    "cbam@encoder5": 0.81,
    "se@decoder(reduction=8)": 0.80,
    "se@encoder5(reduction=8)": 0.78,
    "smooth@encoder5(threshold=0.4)": 0.805,
    "smooth@encoder4(threshold=0.4)": 0.80,
    "cbam@decoder+two_branch(activation=selu)": 0.83,
    "eca@decoder": 0.79,
}
NAMES = ("host", "A", "B", "C", "D", "smooth5", "smooth4", "cbam_and_head", "eca")
SEEDS = (0, 1, 2)


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return draw_comparison()


@pytest.fixture
def comparison_folder(tmp_path: Path, comparison: Comparison) -> Path:
    folder = tmp_path / "c"
    folder.mkdir()
    comparison.save(folder)
    save_gallery(folder, draw_gallery())
    return folder


def draw_comparison(
    skills: dict[str, float] = SKILL,
    placebos: dict[str, str] | None = None,
    names: tuple[str, ...] = (),
    seeds: dict[str, tuple[int, ...]] | None = None,
    **question: Any,
) -> Comparison:
    """Draw runs and compare them.

    placebos: of arms; by default every second of the arms is the one before's. seeds: of arms that have
    others than `SEEDS`. question: further arguments of `compare_arms`, such as the judge and contrasts.
    """
    by_arm = dict.fromkeys(skills, SEEDS) | (seeds or {})
    rng = np.random.default_rng(0)
    truths = rng.dirichlet([4, 4, 0.3, 6, 1, 0.6], size=40)
    luck = rng.normal(0, 0.04, (40, 1))
    runs = {}
    for arm, skill in skills.items():
        runs[arm] = {
            seed: _confusions(rng, truths, skill + luck + rng.normal(0, 0.002)) for seed in by_arm[arm]
        }
    truth = np.round(truths * 4000)
    for by_seed in runs.values():
        for seed, matrices in by_seed.items():
            by_seed[seed] = _fit_rows(matrices, truth).astype(np.int64)
    costs = {
        arm: Cost(
            14_300_000 + 290 * k**6,
            7_200_000_000 + 10**7 * k,
            31.2 + 0.6 * k,
            30.9 + 0.6 * k,
            31.9 + 0.6 * k,
            (212 + k) * 2**20,
        )
        for k, arm in enumerate(skills)
    }
    if placebos is None:
        placebos = dict(zip(list(skills)[1::2], list(skills)[2::2], strict=True))
    errors = {arm: {seed: _errors(rng, skill) for seed in by_arm[arm]} for arm, skill in skills.items()}
    counted = CountedRuns(runs, CLASSES, errors=errors, images=question.pop("images", None))
    findings = compare_arms(counted, Question(placebos=placebos, **question), costs)
    called = dict(zip(skills, names, strict=False))
    contenders = tuple(_contender(arm, runs[arm], placebos, called.get(arm, "")) for arm in skills)
    return Comparison(
        task="segmentation",
        dataset="street scenes",
        description="photos/: paired, segmentation, 240 images (160 train, 40 val, 40 test), 6 classes.",
        classes=CLASSES,
        colors=COLORS,
        size=(96, 128),
        host="U-Net, ResNet-18",
        score=findings.judge,
        class_score="iou",
        seeds=max(by_arm.values(), key=len),
        epochs=20,
        contenders=contenders,
        findings=findings,
        command='foveate compare photos/ --arms cbam@decoder "smooth@encoder5(threshold=0.4)" --placebo',
        finished="2026-11-21 14:03 UTC",
        seconds=2712.0,
        environment={
            "foveate": "0.1.0",
            "torch": "2.15.0",
            "Processor": "2 cores",
            "Host name": "<b>box</b>",
        },
        curves=_curves(rng, by_arm, skills),
        openings=_openings(by_arm),
    )


def _confusions(rng, truths, skill):
    right = np.clip(skill, 0, 0.98) * (0.6 + 0.4 * np.sqrt(truths))
    spread = rng.dirichlet(np.ones(truths.shape[1]), size=truths.shape)
    return truths[..., None] * ((1 - right[..., None]) * spread + right[..., None] * np.eye(truths.shape[1]))


def _errors(rng, skill):
    """Objects of three sizes, pixels near one half, and boundaries of six classes, of 40 images."""
    objects = np.tile([6, 4, 3, 0, 0], (40, 1))
    found = rng.binomial(objects, skill * np.array([0.3, 0.6, 0.9, 0, 0]))
    near = rng.binomial(12288, 0.3 * (1 - skill), 40)
    wrong = near // 2
    union = np.full((40, 6), 200)
    pixels = np.stack([near, wrong, 12288 - near, wrong], axis=1)
    return np.concatenate([objects, found, pixels, rng.binomial(union, 0.7 * skill), union], axis=1)


def _fit_rows(matrices, truth):
    """Whole pixels whose rows add up to the same truth in every run."""
    scaled = np.floor(matrices / matrices.sum(-1, keepdims=True).clip(1e-9) * truth[..., None])
    c = np.arange(truth.shape[1])
    scaled[:, c, c] += truth - scaled.sum(-1)
    return scaled


def _contender(arm, by_seed, placebos, name):
    of = [counts(matrices.sum(0)) for matrices in by_seed.values()]
    per_class = {name: tuple(float(iou(one)[k]) for one in of) for k, name in enumerate(CLASSES)}
    beside = tuple(key for key, value in placebos.items() if value == arm)
    role = "host" if arm == "none" else "placebo" if beside else "arm"
    scores = {"miou": tuple(float(mean_over_classes(iou(one))) for one in of)}
    return Contender(arm, arm.partition("(")[0], role, beside, scores, per_class, tuple(by_seed), name)


def _openings(by_arm):
    """Gates that open to 1.5 to 1.7 and changes of 30 to 50%, of a single attention in each arm."""
    return tuple(
        OpeningPoint(
            arm,
            seed,
            epoch,
            arm.partition("(")[0],
            (1.5 + 0.1 * seed) * (epoch + 1) / 20,
            (0.3 + 0.1 * seed) * (epoch + 1) / 20,
        )
        for arm, seeds in by_arm.items()
        if "@" in arm
        for seed in seeds
        for epoch in range(20)
    )


def _curves(rng, by_arm, skills):
    points = []
    for arm, skill in skills.items():
        for seed in by_arm[arm]:
            pace = rng.uniform(4, 6)
            for epoch in range(20):
                progress = 1 - np.exp(-(epoch + 1) / pace)
                noise = rng.normal(0, 0.01)
                points.append(
                    CurvePoint(
                        arm,
                        seed,
                        epoch,
                        2.2 - 1.7 * progress,
                        2.3 - 1.5 * progress - noise,
                        skill * progress + noise,
                    )
                )
    return tuple(points)


def draw_gallery(skills: dict[str, float] = SKILL) -> list[Exhibit]:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:96, :128]
    exhibits, changed = [], list(skills)[1]
    for number in range(4):
        truth = np.where(y < 30 + 6 * number, 0, np.where(y > 70, 3, 1)).astype(np.uint8)
        truth[20:80, 20 * number + 30 : 20 * number + 34] = 2
        truth[50:75, 70:90] = 5
        truth[:4] = 255
        image = np.array(COLORS, np.uint8)[np.where(truth == 255, 0, truth)]
        image = np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        panels = []
        for arm in skills:
            prediction = np.where(truth == 255, 0, truth).astype(np.uint8)
            row, column = rng.integers(0, 60, 2)
            prediction[row : row + 25, column : column + 40] = rng.integers(0, 6)
            attention = None
            if arm != "none":
                blob = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 900)[::16, ::16]
                attention = (255 * blob).astype(np.uint8)
            score = float((prediction == truth).mean())
            caption = "how much each position is let through" if attention is not None else ""
            panels.append(Panel(arm, score, prediction=prediction, attention=attention, attends=caption))
        exhibits.append(
            Exhibit(f"scene_{number:04d}<img src=x>", image, truth, None, tuple(panels), changed, 0.12)
        )
    return exhibits
