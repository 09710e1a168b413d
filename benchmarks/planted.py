"""Measure how often a comparison finds attention that is known to help, and how often it errs.

    python benchmarks/planted.py --out FOLDER [--seeds 9] [--tasks cue light same search local] [--drawn 100]
                                 [--gates zero none] [--only-count] [--page FILE.md]

Four drawn tasks (`foveate list data` describes them) need what lies far away, and the host sees only locally:
the arm of `foveate compare synthetic:NAME` must be found to help. A fifth, `local`, is drawn here: discs of
two classes that overlap in colour, in which nothing far away matters, so the same arm must not be found.

For each task and seed, the host, the arm, its placebo, and the arm in its published form are trained with the
defaults. Comparisons are formed from three seeds each: disjoint triples, which are independent, and a number
of drawn triples, which overlap and smooth the rate. A comparison of the host with itself takes two triples
of host runs that share no seed. Each verdict is that of `foveate compare` with the arm and its placebo.

One run takes one folder in FOLDER. Complete runs are skipped, and an incomplete one resumes.
"""

import argparse
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from foveate.data.open import open_dataset
from foveate.data.synthetic.drawing import Size, drawing
from foveate.data.synthetic.shapes import disc, noisy, scatter
from foveate.evaluation.evaluate import evaluate, read_per_image, read_scores
from foveate.experiments.arms import plan_arms
from foveate.experiments.defaults import default_comparison
from foveate.loading.module import DataModule
from foveate.models.attaching.attach import attached
from foveate.report.words import points
from foveate.specs.comparison import ComparisonSpec
from foveate.training.build import build_task
from foveate.training.opening import GATE
from foveate.training.run import fit
from foveate.training.run_directory import Run
from foveate.verdicts.comparison import CountedRuns, Question, compare_arms
from measuring import machine, replace_section, setting_line, table

SEEDS = 3
"""Seeds of a comparison."""

NULL = "local"
TASKS = ("search", "light", "cue", "same", NULL)
GATES = {"zero": "zero gate", "none": "published form"}
GATED = {"cue": "se@encoder1(reduction=2)", NULL: "se@encoder1(reduction=2)"}
"""A mechanism that the residual gate opens, where the default arm starts at the identity by itself."""

TEMPERATURE, SPREAD = np.array([(200, 110, 80), (80, 120, 200)], dtype=np.float32), 0.25


def draw_local(index: int, size: Size) -> tuple[UInt8[ndarray, "h w 3"], UInt8[ndarray, "h w"]]:
    """Scene number `index`: the colour of a disc says its class in about five of six cases."""
    random = np.random.default_rng((5, index))
    radius = min(size) / 16
    image = np.full((*size, 3), 30, dtype=np.float32)
    mask = np.zeros(size, dtype=np.uint8)
    ends = (radius + 1,) * 2, (size[0] - radius - 1, size[1] - radius - 1)
    for centre in scatter(random, 12, radius, *ends):
        inside, kind = disc(size, centre, radius), random.integers(2)
        share = kind + random.normal(0, 2 * SPREAD)
        image[inside] = (1 - share) * TEMPERATURE[0] + share * TEMPERATURE[1]
        mask[inside] = 1 + kind
    return noisy(random, image), mask


def register_local() -> None:
    """Make `synthetic:local` an address."""
    register = drawing(
        NULL,
        classes=("background", "warm", "cold"),
        colors=((60, 60, 60), (220, 120, 80), (80, 120, 220)),
        summary="discs of two classes that overlap in colour",
    )
    register(draw_local)


class Trained(NamedTuple):
    """A run on the test images: mIoU or accuracy, and confusion matrices; the gate at the end, else NaN."""

    score: float
    confusions: ndarray
    gate: float


class Pool:
    """The runs of one task, by contender: "host", "placebo", "zero" (the default arm), and other arms.

    contenders: by name, the arm and the form of its gate.
    """

    def __init__(self, name: str, out: Path) -> None:
        self.name, self.out = name, out
        self.spec = comparison(name)
        self.data = DataModule(self.spec.data, epochs=self.spec.training.epochs)
        by_role = {arm.role: arm.arm for arm in plan_arms(self.spec.arms, False, self._build)}
        self.contenders = {
            "host": ("none", "zero"),
            "placebo": (by_role["placebo"], "zero"),
            "zero": (by_role["arm"], "zero"),
        }
        (mechanism,) = attached(self._build(by_role["arm"])).values()
        if not mechanism.starts_at_identity:
            self.contenders["none"] = by_role["arm"], "none"
        if name in GATED:
            self.contenders |= {f"se-{gate}": (GATED[name], gate) for gate in GATES}

    def _build(self, arm: str) -> torch.nn.Module:
        return build_task(self.spec.run(arm, 0), self.data).model

    @property
    def arms(self) -> list[str]:
        """The contenders that have attention."""
        return [name for name in self.contenders if name not in ("host", "placebo")]

    def folder(self, contender: str, seed: int) -> Path:
        return self.out / self.name / contender / f"seed{seed}"

    def is_trained(self, contender: str, seed: int) -> bool:
        """Whether a run is complete and scored."""
        return (self.folder(contender, seed) / "per_image.npz").is_file()

    def train(self, contender: str, seed: int) -> float:
        """Train and score a run; return its best validation score."""
        arm, gate = self.contenders[contender]
        spec = self.spec.run(arm, seed)
        spec = replace(spec, model=replace(spec.model, gate=gate))
        folder = self.folder(contender, seed)
        result = fit(spec, folder, resume=True, data=self.data, trainer_flags={"accelerator": "cpu"})
        evaluate(folder, device="cpu")
        Run(folder).last_checkpoint.unlink(missing_ok=True)
        return result.best_score

    @cached_property
    def trained(self) -> dict[str, dict[int, Trained]]:
        """The trained runs, by contender and seed."""
        runs: dict[str, dict[int, Trained]] = {}
        for contender in self.contenders:
            of_contender = runs[contender] = {}
            for folder in sorted((self.out / self.name / contender).glob("seed*")):
                if (folder / "per_image.npz").is_file():
                    last = Run(folder).metrics()[-1]
                    gate = next((abs(value) for name, value in last.items() if name.startswith(GATE)), np.nan)
                    scores = read_scores(folder)
                    score = scores.miou if self.data.task == "segmentation" else scores.accuracy
                    of_contender[int(folder.name[4:])] = Trained(score, read_per_image(folder)[1], gate)
        return runs

    def shared(self, *contenders: str) -> list[int]:
        """The seeds that all these contenders have."""
        return sorted(set.intersection(*(set(self.trained[name]) for name in contenders)))

    def scores(self, contender: str, seeds: Sequence[int]) -> ndarray:
        """The mIoU or accuracy of each seed on all test images."""
        return np.array([self.trained[contender][seed].score for seed in seeds])

    def verdicts(
        self, seeds_by_contender: Sequence[tuple[str, Sequence[int]]], placebo: bool = True
    ) -> list[str]:
        """The verdicts of the product on all contenders after the first, which is the host.

        The k-th seeds of all form a pair. placebo: the last contender is the placebo of the one before it.
        """
        names = ("none", *map(str, range(1, len(seeds_by_contender))))
        runs = {
            name: {k: self.trained[contender][seed].confusions for k, seed in enumerate(seeds)}
            for name, (contender, seeds) in zip(names, seeds_by_contender, strict=True)
        }
        question = Question(placebos={names[-2]: names[-1]} if placebo else {})
        findings = compare_arms(CountedRuns(runs, self.data.classes, self.data.task), question)
        return [str(findings[name].verdict) for name in names[1:]]

    def with_placebo(self, arm: str, triple: Sequence[int]) -> list[str]:
        """The verdicts on an arm and its placebo with three seeds."""
        return self.verdicts([(name, triple) for name in ("host", arm, "placebo")])

    def host_itself(self, first: Sequence[int], second: Sequence[int]) -> list[str]:
        """The verdict on the host with three other seeds."""
        return self.verdicts([("host", first), ("host", second)], placebo=False)


def comparison(name: str) -> ComparisonSpec:
    """The default comparison on a task; on `local` the same as on `search`."""
    spec = default_comparison(open_dataset(f"synthetic:{'search' if name == NULL else name}"))
    return replace(spec, data=replace(spec.data, source=f"synthetic:{name}"))


def train(pools: Sequence[Pool], seeds: int, gates: Sequence[str]) -> None:
    """Train what is missing, seed by seed, so that all tasks have about as many at any time."""
    wanted = [
        (pool, name, seed)
        for seed in range(seeds)
        for pool in pools
        for name, (_, gate) in pool.contenders.items()
        if gate in gates
    ]
    missing = [(pool, name, seed) for pool, name, seed in wanted if not pool.is_trained(name, seed)]
    start = time.perf_counter()
    for done, (pool, name, seed) in enumerate(missing, start=1):
        begun = time.perf_counter()
        score = pool.train(name, seed)
        taken, all_taken = (time.perf_counter() - instant for instant in (begun, start))
        left = all_taken / done * (len(missing) - done) / 60
        number = len(wanted) - len(missing) + done
        print(
            f"{number} of {len(wanted)}: {pool.name} {name} seed {seed}: {100 * score:.1f} on the validation "
            f"images, {taken:.0f} s; {left:.0f} min left",
            flush=True,
        )


def disjoint(seeds: Sequence[int]) -> list[tuple[int, ...]]:
    """Triples of seeds that share none.

    >>> disjoint(range(7))
    [(0, 1, 2), (3, 4, 5)]
    """
    return [tuple(seeds[first : first + SEEDS]) for first in range(0, len(seeds) - SEEDS + 1, SEEDS)]


def some(combinations: Iterable[Any], count: int) -> list[Any]:
    """At most `count` of the combinations, drawn without replacement."""
    listed = list(combinations)
    if len(listed) <= count:
        return listed
    chosen = np.random.default_rng(0).choice(len(listed), count, replace=False)
    return [listed[number] for number in sorted(chosen)]


def pairs_of_triples(seeds: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pairs of triples that share no seed, each pair once.

    >>> len(list(pairs_of_triples(range(6))))
    10
    """
    for first in itertools.combinations(seeds, SEEDS):
        rest = [seed for seed in seeds if seed not in first]
        yield from ((first, second) for second in itertools.combinations(rest, SEEDS) if first < second)


def rate(verdicts: Sequence[str], verdict: str = "helps") -> str:
    """How many of the verdicts are this one.

    >>> rate(["helps", "not shown"])
    '1 of 2'
    """
    return f"{verdicts.count(verdict)} of {len(verdicts)}"


def effects(pools: Sequence[Pool], drawn: int) -> list[str]:
    """The table of what helps: one line for each task, arm and form of the gate."""
    rows = []
    for pool in pools:
        for arm in pool.arms if pool.name != NULL else ():
            seeds = pool.shared("host", arm, "placebo")
            if len(seeds) < SEEDS:
                continue
            host, own = (pool.scores(name, seeds) for name in ("host", arm))
            gains = own - host
            gates = [pool.trained[arm][seed].gate for seed in seeds]
            apart = [pool.with_placebo(arm, triple)[0] for triple in disjoint(seeds)]
            triples = some(itertools.combinations(seeds, SEEDS), drawn)
            rows.append(
                [
                    f"`{pool.name}`",
                    f"`{pool.contenders[arm][0]}`",
                    GATES[pool.contenders[arm][1]],
                    f"{100 * host.mean():.1f}",
                    f"{points(gains.mean())} ± {100 * gains.std(ddof=1):.2f}",
                    f"{points(gains.min())} to {points(gains.max())}",
                    rate(apart),
                    rate([pool.with_placebo(arm, triple)[0] for triple in triples]),
                    f"{min(gates):.2f} to {max(gates):.2f}" if np.isfinite(gates).all() else "–",
                ]
            )
    head = ["task", "arm", "gate", "host, %", "effect ± deviation over seeds", "least to most"]
    return table([*head, "found, disjoint", "found, drawn", "gates at the end"], rows)


def nulls(pools: Sequence[Pool], drawn: int) -> list[str]:
    """The table of what does not help: placebos, the host itself, and the arm where all is local."""
    rows = []
    for pool in pools:
        seeds = pool.shared("host", "zero", "placebo")
        if len(seeds) < SEEDS:
            continue
        apart, triples = disjoint(seeds), some(itertools.combinations(seeds, SEEDS), drawn)
        pairs = some(pairs_of_triples(seeds), drawn)
        judged = {
            f"`{pool.contenders['placebo'][0]}`": [
                [pool.with_placebo("zero", triple)[1] for triple in of] for of in (apart, triples)
            ],
            "the host, other seeds": [
                [pool.host_itself(*pair)[0] for pair in of] for of in (itertools.pairwise(apart), pairs)
            ],
        }
        for arm in pool.arms if pool.name == NULL else ():
            known = pool.shared("host", arm, "placebo")
            of_arm = disjoint(known), some(itertools.combinations(known, SEEDS), drawn)
            judged[f"`{pool.contenders[arm][0]}`, {GATES[pool.contenders[arm][1]]}"] = [
                [pool.with_placebo(arm, triple)[0] for triple in of] for of in of_arm
            ]
        for contender, found in judged.items():
            cells = [rate(verdicts, verdict) for verdicts in found for verdict in ("helps", "hurts")]
            rows.append([f"`{pool.name}`", contender, *cells])
    head = ["task", "against the host", "helps, disjoint", "hurts, disjoint", "helps, drawn", "hurts, drawn"]
    return table(head, rows)


def main() -> None:
    """Train, count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--gates", nargs="+", default=list(GATES), choices=GATES, help="forms to train")
    parser.add_argument("--drawn", type=int, default=100, help="most triples for the smoothed rate")
    parser.add_argument("--only-count", action="store_true", help="train nothing")
    parser.add_argument("--page", type=Path, help="replace the tables in this page, between its two comments")
    given = parser.parse_args()
    register_local()
    pools = [Pool(name, given.out) for name in given.tasks]
    if not given.only_count:
        train(pools, given.seeds, given.gates)
    tables = effects(pools, given.drawn), nulls(pools, given.drawn)
    lines = [setting_line(machine(torch.get_num_threads())) + ".", "", *tables[0], "", *tables[1]]
    print("\n".join(lines))
    if given.page:
        replace_section(given.page, "benchmarks/planted.py", lines)


if __name__ == "__main__":
    main()
