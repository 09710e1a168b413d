"""Measure false verdicts and the length of intervals: shared seed variance, repeated looks, folds, groups.

    python benchmarks/power.py [--simulations 4000] [--parts sharing looks groups folds] [--out power.json]

Arms are simulated that differ only by luck, or by a known amount. The score is a mean over images; its parts
are the training (by seed and arm), the host (shared by all arms), the images (shared by all seeds) and their
interaction. Verdicts come from the functions behind the report. A verdict "helps" or "hurts" of any arm of a
comparison without true differences is a false alarm; "no difference" at a true difference of the margin is a
false "no difference". Both should be 5% at most.

- sharing: the seed variance of each arm alone, as estimated by limma, and shared as in foveate, where arms
  are equally noisy and where they are not.
- looks: 3 to 20 seeds, looked at after every seed and stopped when decided; without correction for
  comparison. Also the length of the interval beside that of a confidence sequence.
- groups: images in clusters that are alike (intra-class correlation 0.7), as groups and as single images.
- folds: two equal learners (ridge regression on random features) on 60 images; the seeds rotate over 5 folds,
  or all test the same 15%. Their training sets overlap as they do in a comparison.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from scipy import optimize, special, stats

from foveate.verdicts.looks import LookPlan, Looks
from foveate.verdicts.over_looks import differences_at_look, differences_over_looks, in_common
from foveate.verdicts.samples import Runs, TestImages, runs_of
from foveate.verdicts.seed_variance import FEWEST_DF, PRIOR_DF
from foveate.verdicts.statistics import (
    ALPHA,
    IntervalEstimate,
    holm,
)
from foveate.verdicts.verdict import decide

MARGIN = 0.01
NOISE = {
    "equal": lambda arms: (np.ones(arms), 1.0),
    "one arm 5x": lambda arms: (np.r_[5.0, np.ones(arms - 1)], 1.0),
    "one arm 3x": lambda arms: (np.r_[3.0, np.ones(arms - 1)], 1.0),
    "0.4x to 2.7x": lambda arms: (np.exp(np.linspace(-1, 1, arms)), 1.0),
    "0.4x to 2.7x, quiet host": lambda arms: (np.exp(np.linspace(-1, 1, arms)), 0.2),
}
"""Standard deviations over seeds of the arms, and of the host, relative to a unit."""
UNIT = 0.01
"""The unit: 1 point."""
CHUNK = 500
"""Simulations that are computed at once; their number is rounded up to a multiple."""


def mean_score(sums: ndarray) -> ndarray:
    """Return the mean over images from sums of (value, 1), with a last axis of length 1."""
    return sums[..., :1] / np.maximum(sums[..., 1:], 1e-12)


def draw_gains(
    rng: np.random.Generator,
    noise: tuple[ndarray, float],
    seeds: int,
    images: int,
    image_sd: float,
    truth: float = 0.0,
) -> list[ndarray]:
    """Draw the differences `seeds n` of each arm from the host.

    image_sd: standard deviation over images, half of its variance shared by all seeds.
    """
    sizes, host = noise
    host_luck = UNIT * host * rng.standard_normal((seeds, 1))
    gains = []
    for size in sizes:
        training = UNIT * size * rng.standard_normal((seeds, 1))
        alike = image_sd * np.sqrt(0.5) * rng.standard_normal((1, images))
        interaction = image_sd * np.sqrt(0.5) * rng.standard_normal((seeds, images))
        gains.append(truth + training - host_luck + alike + interaction)
    return gains


def pair_of(gains: ndarray) -> tuple[Runs, Runs]:
    """Return runs whose difference is `gains`: an arm, and a host that scores 0 on every image."""
    ones = np.ones_like(gains)
    own, host = np.stack([gains, ones], -1), np.stack([0 * gains, ones], -1)
    return Runs(own, mean_score), Runs(host, mean_score)


# Sharing the seed variance


def smyth(variances: ndarray, df: float) -> tuple[float, float]:
    """Return s0^2 and d0 as limma estimates them from variances with `df` degrees of freedom each."""
    logs = np.log(variances) - special.digamma(df / 2) + np.log(df / 2)
    excess = logs.var(ddof=1) - special.polygamma(1, df / 2)
    if excess <= 0:
        return float(variances.mean()), np.inf
    d0 = 2 * float(optimize.brentq(lambda x: special.polygamma(1, x) - excess, 1e-3, 1e6))
    return float(np.exp(logs.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))), d0


def alone_and_limma(gains: Sequence[ndarray]) -> dict[str, list[tuple[float, float]]]:
    """Return the half length and the p-value of each arm, by method, from the seeds alone."""
    means = np.array([g.mean() for g in gains])
    seeds = gains[0].shape[0]
    own = np.array([g.mean(1).var(ddof=1) for g in gains])
    s0, d0 = smyth(own, seeds - 1)
    shared = np.full(len(own), s0) if np.isinf(d0) else (d0 * s0 + (seeds - 1) * own) / (d0 + seeds - 1)
    found = {}
    for name, variance, df in (("alone", own, seeds - 1.0), ("limma", shared, min(d0 + seeds - 1, 1e6))):
        error = np.sqrt(variance / seeds)
        found[name] = list(
            zip(stats.t.isf(0.025, df) * error, 2 * stats.t.sf(np.abs(means) / error, df), strict=True)
        )
    return found


def sharing(cell: tuple[int, int, str, float], simulations: int) -> dict:
    """Return false alarms and mean half lengths of one cell: arms, seeds, noise and image_sd."""
    arms, seeds, noise, image_sd = cell
    rng = np.random.default_rng([arms, seeds, list(NOISE).index(noise), int(1000 * image_sd)])
    alarms = dict.fromkeys(("alone", "limma", "foveate"), 0)
    misses = dict.fromkeys(alarms, 0)
    halves: dict[str, list[float]] = {name: [] for name in alarms}
    looks = Looks.once(seeds)
    for _ in range(simulations):
        gains = draw_gains(rng, NOISE[noise](arms), seeds, 40, image_sd)
        found = alone_and_limma(gains) if image_sd == 0 else {}
        estimates = differences_over_looks([pair_of(g) for g in gains], looks)
        found["foveate"] = [((e.high - e.low) / 2, e.p) for e in estimates]
        for name, arms_found in found.items():
            misses[name] += arms_found[0][1] <= ALPHA
            alarms[name] += min(holm([p for _, p in arms_found])) <= ALPHA
            halves[name].append(float(np.mean([half for half, _ in arms_found])))
    return {
        "arms": arms,
        "seeds": seeds,
        "noise": noise,
        "image sd": image_sd,
        **{f"{name}, %": 100 * count / simulations for name, count in alarms.items() if halves[name]},
        **{
            f"{name}, first arm missed, %": 100 * misses[name] / simulations
            for name in misses
            if halves[name]
        },
        **{f"{name}, half length": 100 * float(np.mean(h)) for name, h in halves.items() if h},
    }


# Repeated looks


def verdict_over_looks(
    gains: Sequence[ndarray], looks: Sequence[int], levels: Looks | None
) -> tuple[list[str], int]:
    """Return the verdict of each arm when looking at every look, and how many seeds all arms took.

    Stops at the first decision. levels: without correction if None.
    """
    decided: dict[int, tuple[str, int]] = {}
    seen: list[list[IntervalEstimate]] = [[] for _ in gains]
    for look in looks:
        pairs = [pair_of(g[: decided[k][1] if k in decided else look]) for k, g in enumerate(gains)]
        found = differences_at_look(pairs, look, levels.levels[look] if levels else ALPHA)
        for number, estimate in enumerate(found):
            if number not in decided:
                seen[number] = [*seen[number], estimate] if levels else [estimate]
        estimates = [in_common(own) for own in seen]
        p = holm([e.p for e in estimates])
        for number, (estimate, adjusted) in enumerate(zip(estimates, p, strict=True)):
            verdict = decide(estimate, adjusted, MARGIN)
            if number not in decided and verdict != "not shown":
                decided[number] = (verdict, look)
        if len(decided) == len(gains):
            break
    return [decided.get(k, ("not shown", looks[-1]))[0] for k in range(len(gains))], sum(
        decided.get(k, ("", looks[-1]))[1] for k in range(len(gains))
    )


class Batch:
    """The same verdicts for many simulations at once, from arrays; `check_batch` compares both.

    gains: differences `simulations arms seeds images`. levels: of the looks; without correction if None.
    """

    def __init__(self, gains: ndarray, levels: Looks | None):
        self.gains, self.levels = gains, levels
        count, arms = gains.shape[:2]
        self.decided = np.full((count, arms), "not shown", dtype=object)
        self.taken = np.full((count, arms), gains.shape[2])
        self.strictest = np.zeros((count, arms), dtype=int)
        self.low, self.high = np.full((count, arms), -np.inf), np.full((count, arms), np.inf)
        self.passed = np.zeros((count, arms), dtype=int)
        self.seed_variance = np.zeros((count, arms))
        self.seed_df = np.zeros((count, arms))

    def run(self, looks: Sequence[int]) -> None:
        """Take the looks in turn; arms that are decided stop."""
        for look in looks:
            self._look(look, self.levels.levels[look] if self.levels else ALPHA)

    def _look(self, look: int, level: float) -> None:
        running = self.decided == "not shown"
        gains = self.gains[:, :, :look]
        images, arms = gains.shape[3], gains.shape[1]
        effects = gains.mean(3)
        mean = effects.mean(2)
        self.seed_variance = np.where(running, effects.var(2, ddof=1), self.seed_variance)
        self.seed_df = np.where(running, look - 1.0, self.seed_df)
        influence = gains - effects[..., None]
        total = influence.sum(2)
        whole, own = (total**2).sum(2), (influence**2).sum((2, 3))
        scale = images * (images - 1)
        image = np.maximum((whole - own) / (look * (look - 1) * scale), 0)
        fixed = whole / (look**2 * scale)
        kurtosis = images * (total**4).sum(2) / np.where(whole > 0, whole, 1.0) ** 2
        image_df = np.minimum(images - 1, 2 * images / np.maximum(kurtosis - 1, 1e-9))
        prior = min(PRIOR_DF, (arms - 1) / 2)
        pooled = (self.seed_variance * self.seed_df).sum(1) / self.seed_df.sum(1)
        borrows = (self.seed_variance < pooled[:, None]) & (self.seed_df >= FEWEST_DF)
        df = np.where(borrows, prior + self.seed_df, self.seed_df)
        mixed = (prior * pooled[:, None] + self.seed_df * self.seed_variance) / df
        shared = np.where(borrows, mixed, self.seed_variance)

        def half(tail: float) -> ndarray:
            t_a = special.stdtrit(df, level / ALPHA * tail / 2)
            t_b = special.stdtrit(image_df, tail / 2)
            return np.sqrt(np.maximum(t_a**2 * shared / look + t_b**2 * image, t_b**2 * fixed))

        low, high = mean - half(ALPHA), mean + half(ALPHA)
        passed = sum((np.abs(mean) >= half(ALPHA / k)).astype(int) for k in range(1, arms + 1))
        if self.levels:
            self.low = np.where(running, np.maximum(self.low, low), self.low)
            self.high = np.where(running, np.minimum(self.high, high), self.high)
            self.passed = np.where(running, np.maximum(self.passed, passed), self.passed)
            outside = (mean < self.low) | (mean > self.high)
            low, high = np.where(outside, low, self.low), np.where(outside, high, self.high)
            passed = np.where(outside, passed, self.passed)
        self.strictest = np.where(running, passed, self.strictest)
        ordered = -np.sort(-self.strictest, axis=1)
        needed = arms - np.arange(arms)
        rejected = np.cumprod(ordered >= needed, axis=1).sum(1)
        least = np.where(rejected > 0, arms + 1 - rejected, arms + 1)
        holds = self.strictest >= least[:, None]
        verdict = np.full(mean.shape, "not shown", dtype=object)
        verdict[holds & (low > 0)] = "helps"
        verdict[holds & (high < 0)] = "hurts"
        verdict[(low > -MARGIN) & (high < MARGIN)] = "no difference"
        new = running & (verdict != "not shown")
        self.decided[new], self.taken[new] = verdict[new], look


def check_batch(simulations: int = 30) -> None:
    """Raise `AssertionError` unless `Batch` and the functions behind the report agree."""
    rng, seeds = np.random.default_rng(1), list(range(3, 13))
    plan = Looks((LookPlan(tuple(seeds)),))
    for levels in (plan, None):
        drawn = [
            draw_gains(rng, NOISE["one arm 3x"](3), seeds[-1], 40, 0.02, truth)
            for truth in np.linspace(0, 0.03, simulations)
        ]
        batch = Batch(np.array(drawn), levels)
        batch.run(seeds)
        for number, gains in enumerate(drawn):
            verdicts, taken = verdict_over_looks(gains, seeds, levels)
            assert verdicts == list(batch.decided[number]), (number, verdicts, batch.decided[number])
            assert taken == batch.taken[number].sum()


def looks(cell: tuple[int, str, float, float, bool], simulations: int) -> dict:
    """Return rates of verdicts of one cell: arms, noise, image_sd, true difference, corrected or not."""
    arms, noise, image_sd, truth, corrected = cell
    seeds = list(range(3, 21))
    rng = np.random.default_rng([arms, list(NOISE).index(noise), int(1000 * image_sd), int(1e4 * truth)])
    plan = Looks((LookPlan(tuple(seeds)),)) if corrected else None
    verdicts, taken = [], []
    for _ in range(0, simulations, CHUNK):
        drawn = [draw_gains(rng, NOISE[noise](arms), seeds[-1], 40, image_sd, truth) for _ in range(CHUNK)]
        batch = Batch(np.array(drawn), plan)
        batch.run(seeds)
        verdicts.append(batch.decided)
        taken.append(batch.taken)
    found = np.concatenate(verdicts)
    wrong = np.isin(found, ("helps", "hurts") if truth == 0 else ("no difference", "hurts"))
    return {
        "arms": arms,
        "noise": noise,
        "image sd": image_sd,
        "true difference": truth,
        "corrected": corrected,
        "false, % of comparisons": 100 * float(wrong.any(1).mean()),
        "decided, % of arms": 100 * float((found != "not shown").mean()),
        "seeds an arm": float(np.concatenate(taken).mean()),
    }


def confidence_sequence(seeds: int, prior: float) -> float:
    """Return the half length, in standard deviations over seeds, of the t-test confidence sequence.

    prior: variance of the normal mixture over the effect size (Wang and Ramdas 2025, theorem 4.9).
    """
    df = seeds - 1
    grown = 1 + seeds * prior

    def evidence(t: float) -> float:
        ratio = np.log1p(t * t / df) - np.log1p(t * t / (grown * df))
        return -0.5 * np.log(grown) + seeds / 2 * ratio - np.log(1 / ALPHA)

    far = 1e9
    return float(optimize.brentq(evidence, 0, far)) / np.sqrt(seeds) if evidence(far) > 0 else np.inf


def lengths() -> list[dict]:
    """Return half lengths in standard deviations over seeds: one look, looks at 3 to 20, sequences."""
    plan = Looks((LookPlan(tuple(range(3, 21))),))
    rows = []
    for seeds in (5, 10, 20):
        once = Looks.once(seeds).levels[seeds]
        row = {"seeds": seeds}
        for name, level in (
            ("one look, no later ones", ALPHA),
            ("one look", once),
            ("looks at 3 to 20", plan.levels[seeds]),
        ):
            row[name] = stats.t.isf(level / 2, seeds - 1) / np.sqrt(seeds)
        row["best confidence sequence"] = min(
            confidence_sequence(seeds, prior) for prior in np.geomspace(0.03, 100, 40)
        )
        rows.append(row)
    return rows


# Groups


def groups(cell: tuple[int, int, str], simulations: int) -> dict:
    """Return false alarms of one cell: images, images in a cluster, and method ("groups" or "images")."""
    images, size, method = cell
    rng = np.random.default_rng([images, size])
    alarms, halves = 0, []
    names = [f"{number:03d}" for number in range(images)]
    clusters = {name: str(number // size) for number, name in enumerate(names)}
    tested = TestImages(dict.fromkeys(range(3), names), clusters if method == "groups" else {})
    for _ in range(simulations):
        cluster = 0.05 * np.sqrt(0.7) * rng.standard_normal((1, images // size)).repeat(size, 1)
        own = 0.05 * np.sqrt(0.3) * rng.standard_normal((1, images))
        training = 0.005 * rng.standard_normal((3, 1))
        gains = training + cluster + own + 0.02 * rng.standard_normal((3, images))
        counts = [
            {s: np.stack([a, np.ones(images)], -1) for s, a in enumerate(g)} for g in (gains, 0 * gains)
        ]
        pair = tuple(runs_of_floats(arm, tested) for arm in counts)
        (estimate,) = differences_over_looks([pair], Looks.once(3))
        alarms += estimate.excludes_zero
        halves.append((estimate.high - estimate.low) / 2)
    return {
        "images": images,
        "in a cluster": size,
        "left out": method,
        "false alarms, %": 100 * alarms / simulations,
        "half length": 100 * float(np.mean(halves)),
    }


def runs_of_floats(counts: dict[int, ndarray], tested: TestImages) -> Runs:
    """Return the runs of values that are no counts, in units of 1e-9."""
    whole = {seed: np.round(1e9 * values).astype(np.int64) for seed, values in counts.items()}
    return runs_of(whole, sorted(whole), tested, mean_score)


# Rotating folds


def folds(cell: tuple[str, int, float], simulations: int) -> dict:
    """Return false alarms of one cell: design ("rotating", "fixed"), seeds, share of the fixed test part."""
    design, seeds, share = cell
    rng = np.random.default_rng([len(design), seeds, int(100 * share)])
    images, width, parts = 60, 8, 5
    names = [f"{number:03d}" for number in range(images)]
    alarms, halves = 0, []
    for _ in range(simulations):
        x = rng.standard_normal((images, width))
        y = np.sign(x @ rng.standard_normal(width) + 0.5 * rng.standard_normal(images))
        order = rng.permutation(images)
        tests = [
            np.sort(order[s % parts :: parts] if design == "rotating" else order[: int(share * images)])
            for s in range(seeds)
        ]
        tested = TestImages({s: [names[i] for i in test] for s, test in enumerate(tests)})
        arms = [{s: _right(x, y, test, rng) for s, test in enumerate(tests)} for _ in range(2)]
        pair = tuple(runs_of_floats(arm, tested) for arm in arms)
        (estimate,) = differences_over_looks([pair], Looks.once(seeds))
        alarms += estimate.excludes_zero
        halves.append((estimate.high - estimate.low) / 2)
    return {
        "design": design,
        "seeds": seeds,
        "tested, %": 100.0 if design == "rotating" else 100 * share,
        "false alarms, %": 100 * alarms / simulations,
        "half length": 100 * float(np.nanmean(halves)),
    }


def _right(x: ndarray, y: ndarray, test: ndarray, rng: np.random.Generator) -> ndarray:
    """Train on all images but those of the test part; return (right, 1) for each test image.

    The luck of a training is its random features and the bootstrap sample that it sees.
    """
    train = np.setdiff1d(np.arange(len(x)), test)
    seen = rng.choice(train, len(train))
    features = np.tanh(x @ rng.standard_normal((x.shape[1], 12)))
    penalty = np.eye(features.shape[1])
    weights = np.linalg.solve(features[seen].T @ features[seen] + penalty, features[seen].T @ y[seen])
    right = np.sign(features[test] @ weights) == y[test]
    return np.stack([right, np.ones(len(test))], -1).astype(float)


CELLS: dict[str, tuple[Callable[..., dict], list[tuple]]] = {
    "sharing": (
        sharing,
        [(arms, seeds, noise, 0.0) for arms in (2, 3, 5, 9) for seeds in (3, 5) for noise in NOISE]
        + [(5, 3, noise, 0.05) for noise in NOISE],
    ),
    "looks": (
        looks,
        [
            (arms, noise, image_sd, truth, corrected)
            for arms, noise in ((1, "equal"), (3, "equal"), (3, "one arm 3x"))
            for image_sd in (0.0, 0.05)
            for truth, corrected in ((0.0, True), (MARGIN, True))
        ]
        + [(arms, "equal", 0.0, 0.0, False) for arms in (1, 3)],
    ),
    "groups": (
        groups,
        [(60, size, method) for size in (1, 5, 10, 12) for method in ("images", "groups")],
    ),
    "folds": (
        folds,
        [(design, seeds, 0.15) for seeds in (3, 5, 10) for design in ("fixed", "rotating")],
    ),
}


def show(rows: Sequence[dict]) -> Iterator[str]:
    """Yield the lines of a Markdown table of rows with the same keys, or some of them."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    yield "| " + " | ".join(keys) + " |"
    yield "| " + " | ".join("---" for _ in keys) + " |"
    for row in rows:
        cells = (row.get(key, "") for key in keys)
        yield (
            "| "
            + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
            + " |"
        )


def main() -> None:
    """Run the parts that were asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=4000)
    parser.add_argument("--parts", nargs="+", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tables: dict[str, Any] = {}
    if "looks" in options.parts:
        check_batch()
        tables["lengths"] = lengths()
    if tables:
        print("\n".join(show(tables["lengths"])))
    for part in options.parts:
        run, cells = CELLS[part]
        start = time.perf_counter()
        with ProcessPoolExecutor(options.processes) as pool:
            tables[part] = list(pool.map(run, cells, [options.simulations] * len(cells)))
        print(f"\n{part}, {options.simulations} simulations a row, {time.perf_counter() - start:.0f} s\n")
        print("\n".join(show(tables[part])), flush=True)
    if options.out:
        options.out.write_text(json.dumps({"simulations": options.simulations, **tables}, indent=1) + "\n")


if __name__ == "__main__":
    main()
