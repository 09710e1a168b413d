"""How often does a comparison announce a difference where there is none?

    python benchmarks/false_alarms.py [--simulations 1000] [--out false_alarms.json]

Two arms of identical make are drawn again and again: per-image confusion matrices of 60 images with 5
classes, of which the rarer ones occur in few images, and mIoU from the summed matrix. Every difference
between the arms is luck: of training (a shift a seed and class, scaled so that mIoU varies by 0 to 0.02
between seeds), of images (what an arm happens to find hard, shared by all its seeds) and of how both meet. An
announced "helps" or "hurts" is a false alarm; foveate's interval is held at 5% or less. Beside it, on the
same draws, what is often done instead. Single-threaded BLAS is fastest (OMP_NUM_THREADS=1); simulations run
in one process a core.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
from numpy import ndarray
from scipy import stats

from foveate.evaluation.comparison import Runs, main_score
from foveate.evaluation.scores import counts

IMAGES = 60
CLASSES = 5
SHARE = np.array([0.5, 0.3, 0.14, 0.05, 0.01])
PRESENCE = np.array([1.0, 0.95, 0.7, 0.5, 0.25])
SKILL = np.array([3.0, 2.5, 1.5, 0.8, 0.2])
PIXELS = 20_000
IMAGE_LUCK, MEETING_LUCK = 0.35, 0.25
METHODS = ("foveate", "t, Satterthwaite", "t over seeds", "bootstrap of seeds", "bootstrap of images")
RESAMPLES = 300


def draw_truth(rng: np.random.Generator) -> ndarray:
    """Pixels of each class in each image, `n c`; every class occurs at least once."""
    while True:
        present = rng.random((IMAGES, CLASSES)) < PRESENCE
        if present.any(0).all():
            break
    share = rng.gamma(1.5, 1.0, (IMAGES, CLASSES)) * SHARE * present
    return np.round(PIXELS * share / share.sum(1, keepdims=True)).astype(np.int64)


def draw_arm(
    rng: np.random.Generator, truth: ndarray, hardness: ndarray, seeds: int, shift: float
) -> ndarray:
    """Confusion matrices `seeds n c c` of one arm: hits by class skill, misses over the other classes."""
    shape = (seeds, IMAGES, CLASSES)
    logit = SKILL - hardness + rng.normal(0, IMAGE_LUCK, shape[1:]) + rng.normal(0, MEETING_LUCK, shape)
    logit = logit + shift * rng.normal(0, 1, (seeds, 1, CLASSES))
    hits = np.round(truth / (1 + np.exp(-logit))).astype(np.int64)
    spread = SHARE + 0.05
    others = spread[None, :] * (1 - np.eye(CLASSES))
    missed = (truth - hits)[..., None] * (others / others.sum(1, keepdims=True))
    confusion = np.floor(missed).astype(np.int64)
    confusion[..., np.arange(CLASSES), np.arange(CLASSES)] = truth - confusion.sum(-1)
    return confusion


def seed_shift(noise: float) -> float:
    """The shift on the logit scale that makes mIoU vary by `noise` between seeds, all else fixed."""
    if noise == 0:
        return 0.0
    rng = np.random.default_rng(0)
    truth = draw_truth(rng)
    unit = 0.05
    arm = draw_arm(rng, truth, np.zeros_like(truth, dtype=float), 200, unit)
    return unit * noise / Runs(arm, "segmentation").per_seed[:, 0].std()


def bootstrap_variance(a: ndarray, b: ndarray, rng: np.random.Generator) -> float:
    """The variance of the seeds' mean mIoU difference over bootstrap samples of the images."""
    draws = rng.multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=RESAMPLES).astype(np.float64)
    resampled = [
        main_score(np.tensordot(draws, np.concatenate(counts(c), axis=-1), (1, 1)), "segmentation")
        for c in (a, b)
    ]
    return (resampled[0] - resampled[1])[..., 0].mean(1).var(ddof=1) * IMAGES / (IMAGES - 1)


def announced(a: ndarray, b: ndarray, rng: np.random.Generator) -> list[bool]:
    """Which of METHODS call the difference between two arms real, given their confusion matrices."""
    first, second = Runs(a, "segmentation"), Runs(b, "segmentation")
    per_seed = (first.per_seed - second.per_seed)[:, 0]
    seeds, mean = len(per_seed), abs(per_seed.mean())
    of_seeds = per_seed.var(ddof=1) / seeds
    of_images = bootstrap_variance(a, b, rng)
    df = (of_seeds + of_images) ** 2 / (of_seeds**2 / (seeds - 1) + of_images**2 / (IMAGES - 1))
    again = per_seed[rng.integers(0, seeds, (1000, seeds))].mean(1)
    low, high = np.quantile(again, [0.025, 0.975])
    return [
        first.minus(second).excludes_zero,
        bool(mean > stats.t.ppf(0.975, df) * np.sqrt(of_seeds + of_images)),
        bool(mean > stats.t.ppf(0.975, seeds - 1) * np.sqrt(of_seeds)),
        bool(low > 0 or high < 0),
        bool(mean > 1.96 * np.sqrt(of_images)),
    ]


def draw_pairs(seeds: int, noise: float, simulations: int) -> Iterator[tuple[ndarray, ndarray]]:
    """Confusion matrices `seeds n c c` of two arms that differ by luck alone, again and again."""
    rng = np.random.default_rng([seeds, int(noise * 1e6)])
    shift = seed_shift(noise)
    for _ in range(simulations):
        truth = draw_truth(rng)
        hardness = rng.normal(0, 0.7, truth.shape)
        first, second = (draw_arm(rng, truth, hardness, seeds, shift) for _ in range(2))
        yield first, second


def false_alarms(seeds: int, noise: float, simulations: int) -> ndarray:
    """The number of false alarms of each of METHODS in so many simulations."""
    rng = np.random.default_rng(1)
    return np.sum([announced(a, b, rng) for a, b in draw_pairs(seeds, noise, simulations)], axis=0)


def main() -> None:
    """Run the grid and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 5, 8])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.005, 0.01, 0.02])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    grid = list(product(options.seeds, options.noise))
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        alarms = list(pool.map(false_alarms, *zip(*grid, strict=True), [options.simulations] * len(grid)))
    rows = []
    print(f"false alarms in %, {options.simulations} simulations, {IMAGES} images, {CLASSES} classes")
    print(f"{'seeds':>5} {'noise':>6}", *(f"{name:>20}" for name in METHODS))
    for (seeds, noise), found in zip(grid, alarms, strict=True):
        rates = found / options.simulations
        error = 1.96 * np.sqrt(rates * (1 - rates) / options.simulations)
        cells = (f"{100 * r:.1f} +- {100 * e:.1f}" for r, e in zip(rates, error, strict=True))
        print(f"{seeds:>5} {noise:>6}", *(f"{cell:>20}" for cell in cells))
        rows.append({"seeds": seeds, "noise": noise, **dict(zip(METHODS, rates.tolist(), strict=True))})
    print(f"{time.perf_counter() - start:.0f} s on {os.cpu_count()} cores")
    if options.out:
        options.out.write_text(
            json.dumps({"simulations": options.simulations, "rows": rows}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
