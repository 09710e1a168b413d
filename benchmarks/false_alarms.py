"""Measure how often a comparison reports a difference where there is none.

    python benchmarks/false_alarms.py [--simulations 1000] [--out false_alarms.json]

Two identical arms are simulated many times, so every difference between them is luck. There are three
sources: training (a shift for each seed, scaled so that the score varies by 0 to 0.02 between seeds), images
(an arm finds some images hard with all its seeds), and the interaction of both. Two scores are simulated:

- mIoU from the summed confusion matrices of 60 images with 5 classes, of which the rare ones occur in few
  images;
- accuracy from the labels of 30 images, where one more correct image adds 0.033 and seeds often tie.

A verdict "helps" or "hurts" is a false alarm. foveate's interval should give at most 5%. Other common methods
are measured on the same draws. Single-threaded BLAS is fastest (OMP_NUM_THREADS=1); one process runs on each
core.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from scipy import stats

from foveate.evaluation.judges import parse_judge
from foveate.evaluation.scores import counts
from foveate.verdicts.samples import Runs
from foveate.verdicts.statistics import estimate_mean

IMAGES = 60
CLASSES = 5
SHARE = np.array([0.5, 0.3, 0.14, 0.05, 0.01])
PRESENCE = np.array([1.0, 0.95, 0.7, 0.5, 0.25])
SKILL = np.array([3.0, 2.5, 1.5, 0.8, 0.2])
PIXELS = 20_000
IMAGE_LUCK, INTERACTION_LUCK = 0.35, 0.25
LABELS = np.arange(30) % 3
LABEL_SKILL, LABEL_HARDNESS, LABEL_LUCK = 2.0, 2.5, 1.5
RESAMPLES = 300


def draw_truth(rng: np.random.Generator) -> ndarray:
    """Draw the pixels of each class in each image, `n c`; every class occurs at least once."""
    while True:
        present = rng.random((IMAGES, CLASSES)) < PRESENCE
        if present.any(0).all():
            break
    share = rng.gamma(1.5, 1.0, (IMAGES, CLASSES)) * SHARE * present
    return np.round(PIXELS * share / share.sum(1, keepdims=True)).astype(np.int64)


def draw_arm(
    rng: np.random.Generator, truth: ndarray, hardness: ndarray, seeds: int, shift: float
) -> ndarray:
    """Draw confusion matrices `seeds n c c` of one arm: hits by class skill, misses in other classes."""
    shape = (seeds, IMAGES, CLASSES)
    logit = SKILL - hardness + rng.normal(0, IMAGE_LUCK, shape[1:]) + rng.normal(0, INTERACTION_LUCK, shape)
    logit = logit + shift * rng.normal(0, 1, (seeds, 1, CLASSES))
    hits = np.round(truth / (1 + np.exp(-logit))).astype(np.int64)
    spread = SHARE + 0.05
    others = spread[None, :] * (1 - np.eye(CLASSES))
    missed = (truth - hits)[..., None] * (others / others.sum(1, keepdims=True))
    confusion = np.floor(missed).astype(np.int64)
    confusion[..., np.arange(CLASSES), np.arange(CLASSES)] = truth - confusion.sum(-1)
    return confusion


def draw_scenes(rng: np.random.Generator, seeds: int, shift: float) -> tuple[ndarray, ndarray]:
    """Draw two arms on the same segmented images: confusion matrices `seeds n c c` each."""
    truth = draw_truth(rng)
    hardness = rng.normal(0, 0.7, truth.shape)
    first, second = (draw_arm(rng, truth, hardness, seeds, shift) for _ in range(2))
    return first, second


def draw_answers(rng: np.random.Generator, seeds: int, shift: float) -> tuple[ndarray, ndarray]:
    """Draw two arms on the same labelled images: confusion matrices `seeds n c c` with one count each."""
    hardness = rng.normal(0, LABEL_HARDNESS, LABELS.size)
    one = np.eye(LABELS.max() + 1, dtype=np.int64)

    def arm() -> ndarray:
        logit = LABEL_SKILL - hardness + rng.normal(0, LABEL_LUCK, LABELS.size)
        right = rng.random((seeds, LABELS.size)) < sigmoid(logit + shift * rng.normal(0, 1, (seeds, 1)))
        called = np.where(right, LABELS, (LABELS + 1) % len(one))
        return one[LABELS][:, :, None] * one[called][:, :, None, :]

    return arm(), arm()


def scene_shift(noise: float) -> float:
    """Return the shift of logits that makes mIoU vary by `noise` between seeds, all else fixed."""
    if noise == 0:
        return 0.0
    rng = np.random.default_rng(0)
    truth = draw_truth(rng)
    unit = 0.05
    arm = draw_arm(rng, truth, np.zeros_like(truth, dtype=float), 200, unit)
    return unit * noise / score_runs(arm, "segmentation").per_seed[:, 0].std()


def answer_shift(noise: float) -> float:
    """Return this shift for accuracy: `noise` divided by the mean slope of the probability to be right."""
    spread = np.hypot(LABEL_HARDNESS, LABEL_LUCK)
    right = sigmoid(LABEL_SKILL + spread * np.random.default_rng(0).normal(0, 1, 100_000))
    return noise / float((right * (1 - right)).mean())


def sigmoid(x: ndarray) -> ndarray:
    """Return the logistic function of x."""
    return 1 / (1 + np.exp(-x))


def score_of(sums: ndarray, task: str) -> ndarray:
    """Return the score of a task from sums of counts, with a last axis of length 1."""
    return parse_judge(None, [""] * (sums.shape[-1] // 3), task)(sums)[..., None]


def score_runs(confusions: ndarray, task: str) -> Runs:
    """Return the scores of confusion matrices `seeds n c c`."""
    features = np.concatenate(counts(confusions), axis=-1)
    return Runs(features, lambda sums: score_of(sums, task))


class Scenario(NamedTuple):
    """A score, and functions that draw two arms that differ only by luck."""

    task: str
    draw: Callable[[np.random.Generator, int, float], tuple[ndarray, ndarray]]
    shift: Callable[[float], float]


SCENARIOS = {
    "mIoU": Scenario("segmentation", draw_scenes, scene_shift),
    "accuracy": Scenario("classification", draw_answers, answer_shift),
}


class Pair:
    """Confusion matrices `seeds n c c` of two arms, and the statistics that the methods use."""

    def __init__(self, first: ndarray, second: ndarray, task: str) -> None:
        self.arms, self.task = (first, second), task
        self.runs = score_runs(first, task), score_runs(second, task)
        self.per_seed = (self.runs[0].per_seed - self.runs[1].per_seed)[:, 0]
        self.seeds, self.images = first.shape[:2]
        self.distance = abs(self.per_seed.mean())

    @cached_property
    def seed_variance(self) -> float:
        """The variance of the mean difference, from its spread over the seeds."""
        return self.per_seed.var(ddof=1) / self.seeds

    @cached_property
    def image_variance(self) -> float:
        """The variance of the mean difference over bootstrap samples of the images."""
        rng = np.random.default_rng(1)
        draws = rng.multinomial(self.images, np.full(self.images, 1 / self.images), size=RESAMPLES)
        again = [
            score_of(np.tensordot(draws.astype(float), np.concatenate(counts(c), axis=-1), (1, 1)), self.task)
            for c in self.arms
        ]
        spread = (again[0] - again[1])[..., 0].mean(1).var(ddof=1)
        return spread * self.images / (self.images - 1)


def foveate(pair: Pair) -> bool:
    """Use the interval behind the report's verdict."""
    return estimate_mean(pair.runs[0].sample() - pair.runs[1].sample()).excludes_zero


def satterthwaite(pair: Pair) -> bool:
    """Use one t for the sum of both variances, with Satterthwaite's degrees of freedom."""
    total = pair.seed_variance + pair.image_variance
    if total == 0:
        return bool(pair.distance > 0)
    parts = pair.seed_variance**2 / (pair.seeds - 1) + pair.image_variance**2 / (pair.images - 1)
    return bool(pair.distance > stats.t.ppf(0.975, total**2 / parts) * np.sqrt(total))


def t_over_seeds(pair: Pair) -> bool:
    """Use the paired t-test over seeds."""
    return bool(pair.distance > stats.t.ppf(0.975, pair.seeds - 1) * np.sqrt(pair.seed_variance))


def bootstrap_of_seeds(pair: Pair) -> bool:
    """Use the percentile bootstrap of the seeds' differences."""
    draws = np.random.default_rng(1).integers(0, pair.seeds, (1000, pair.seeds))
    low, high = np.quantile(pair.per_seed[draws].mean(1), [0.025, 0.975])
    return bool(low > 0 or high < 0)


def bootstrap_of_images(pair: Pair) -> bool:
    """Use the bootstrap of the test images, as if there were no other seeds."""
    return bool(pair.distance > 1.96 * np.sqrt(pair.image_variance))


METHODS = {
    "foveate": foveate,
    "t, Satterthwaite": satterthwaite,
    "t over seeds": t_over_seeds,
    "bootstrap of seeds": bootstrap_of_seeds,
    "bootstrap of images": bootstrap_of_images,
}


def draw_pairs(score: str, seeds: int, noise: float, simulations: int) -> Iterator[Pair]:
    """Yield pairs of arms that differ only by luck; the same arguments give the same pairs."""
    scenario = SCENARIOS[score]
    rng = np.random.default_rng([seeds, int(noise * 1e6)])
    shift = scenario.shift(noise)
    for _ in range(simulations):
        yield Pair(*scenario.draw(rng, seeds, shift), scenario.task)


def false_alarms(score: str, seeds: int, noise: float, simulations: int) -> ndarray:
    """Count the false alarms of each of METHODS in this many simulations."""
    pairs = draw_pairs(score, seeds, noise, simulations)
    return np.sum([[method(pair) for method in METHODS.values()] for pair in pairs], axis=0)


def main() -> None:
    """Run the grid and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--scores", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 5, 8])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.005, 0.01, 0.02])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    grid = list(product(options.scores, options.seeds, options.noise))
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        alarms = list(pool.map(false_alarms, *zip(*grid, strict=True), [options.simulations] * len(grid)))
    rows = []
    print(f"false alarms in %, {options.simulations} simulations")
    print(f"{'score':>8} {'seeds':>5} {'noise':>6}", *(f"{name:>20}" for name in METHODS))
    for (score, seeds, noise), counted in zip(grid, alarms, strict=True):
        rates = counted / options.simulations
        error = 1.96 * np.sqrt(rates * (1 - rates) / options.simulations)
        cells = (f"{100 * r:.1f} +- {100 * e:.1f}" for r, e in zip(rates, error, strict=True))
        print(f"{score:>8} {seeds:>5} {noise:>6}", *(f"{cell:>20}" for cell in cells))
        by_method = dict(zip(METHODS, rates.tolist(), strict=True))
        rows.append({"score": score, "seeds": seeds, "noise": noise, **by_method})
    print(f"{time.perf_counter() - start:.0f} s on {os.cpu_count()} cores")
    if options.out:
        options.out.write_text(
            json.dumps({"simulations": options.simulations, "rows": rows}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
