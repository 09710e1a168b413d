"""Compare arms with a reference: differences, intervals, verdicts and costs.

The score is that of a `Judge`, computed over the whole test set from the per-image counts of every run: mIoU
for segmentation and accuracy for classification, if the user names no other. Every arm is set against the
baseline, and contrasts set further pairs of arms against each other.

Intervals and p-values come from `foveate.verdicts.statistics`; the seed variance is shared over the arms
(`foveate.verdicts.seed_variance`), and repeated looks are paid for (`foveate.verdicts.looks`,
`foveate.verdicts.over_looks`). Holm's method adjusts the p-values of
the verdicts over all arms and contrasts, without placebos, and those against a placebo over all arms with a
placebo. Intervals are not adjusted for the number of arms, nor are the differences of single classes and
kinds of error.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Integer, Num
from numpy import ndarray

from foveate.errors import UserError
from foveate.evaluation.cost import Cost
from foveate.evaluation.error_rates import ERROR_RATES, error_rates
from foveate.evaluation.judges import BY_CLASS, Judge, parse_judge
from foveate.evaluation.scores import Counts, counts
from foveate.verdicts.findings import ArmResult, Contrast, Detail, Findings
from foveate.verdicts.looks import Looks
from foveate.verdicts.over_looks import differences_over_looks
from foveate.verdicts.samples import Runs, Scores, TestImages, runs_of
from foveate.verdicts.statistics import (
    LEVEL,
    IntervalEstimate,
    detectable_at_measured_spread,
    estimate_mean,
    holm,
)
from foveate.verdicts.verdict import MARGIN, decide

Confusions = Mapping[str, Mapping[int, Integer[ndarray, "n c c"]]]
"""The confusion matrices of the n test images, by arm and seed."""
Errors = Mapping[str, Mapping[int, Integer[ndarray, "n f"]]]
"""`ErrorCounts.per_image` of the n test images, by arm and seed."""


def judged_scores(judge: Judge, sums: Num[ndarray, "*n f"]) -> Float[ndarray, "*n s"]:
    """Return the judge's score, followed by each class's scores, measure by measure.

    sums: counts of a confusion matrix, joined along the last axis, then error counts if there are any. A
    class that is not in the truth has NaN.
    """
    totals = Counts(*np.split(sums[..., : 3 * judge.classes], 3, axis=-1))
    by_class = [np.where(totals.true > 0, score(totals), np.nan) for score in BY_CLASS.values()]
    return np.concatenate([judge(sums)[..., None], *by_class], axis=-1)


def paired_difference(
    arm: Integer[ndarray, "seeds n c c"],
    baseline: Integer[ndarray, "seeds n c c"],
    task: str = "segmentation",
) -> IntervalEstimate:
    """Return the difference in mIoU (accuracy for classification) between two arms.

    Both have the same seeds and the same images, in the same order.

    >>> right, wrong = np.eye(2, dtype=int) * 9, np.array([[8, 1], [1, 8]])
    >>> d = paired_difference(np.stack([[right] * 6] * 3), np.stack([[wrong] * 6] * 3))
    >>> round(d.mean, 2), d.excludes_zero
    (0.2, True)
    """
    judge = parse_judge(None, [""] * arm.shape[-1], task)
    own, other = (
        Runs(np.concatenate(counts(c), axis=-1), lambda sums: judge(sums)[..., None]).sample()
        for c in (arm, baseline)
    )
    return estimate_mean(own - other)


@dataclass(frozen=True)
class CountedRuns:
    """What the runs of the arms got right on each test image.

    confusions: by arm and seed. classes: the names of the c classes. errors: error counts of the same runs on
    the same images, None if there are none. images: the test images of each seed, and their groups; without
    them, all runs have the same test images in the same order, each a group of its own.
    """

    confusions: Confusions
    classes: Sequence[str]
    task: str = "segmentation"
    errors: Errors | None = None
    images: TestImages | None = None


@dataclass(frozen=True)
class Question:
    """What a comparison asks of its runs.

    baseline: the arm that all are set against. placebos: the placebo of each arm that has one. judge: the
    score that verdicts are about, see `foveate.evaluation.judges`; by default mIoU, for classes accuracy.
    margin: differences below it do not matter, in units of the score. looks: those taken at these runs; a
    single one at the most seeds of an arm, if not given. contrasts: further pairs of an arm and its
    reference. closed: arms that could not have an effect in these runs.
    """

    baseline: str = "none"
    placebos: Mapping[str, str] = field(default_factory=dict)
    judge: str | None = None
    margin: float = MARGIN
    looks: Looks | None = None
    contrasts: Sequence[tuple[str, str]] = ()
    closed: Collection[str] = ()


def judge_arms(runs: CountedRuns, question: Question) -> tuple[Contrast, ...]:
    """Return the difference of every arm from the baseline, then the contrasts, with their verdicts.

    Two arms are compared on the seeds that both have. Raises `UserError` if the baseline or a placebo is
    missing, if two runs saw different images, and if two arms share no seed.
    """
    return _judged(_Table(runs, question))


def compare_arms(
    runs: CountedRuns, question: Question | None = None, costs: Mapping[str, Cost] | None = None
) -> Findings:
    """Judge the arms as `judge_arms`, and add their scores, class by class, and what each costs.

    costs: of each arm that was measured.
    """
    table = _Table(runs, question or Question())
    asked, judged, measured = table.question, _judged(table), dict(costs or {})
    results = {arm: table.result(arm, measured.get(arm)) for arm in runs.confusions}
    for found in judged[: len(results) - 1]:
        results[found.arm] = replace(
            results[found.arm],
            difference=found.difference,
            seed_differences=found.seed_differences,
            p_holm=found.p_holm,
            verdict=found.verdict,
            detectable=found.detectable,
        )
    against = table.differences(list(asked.placebos.items()))
    adjusted = holm([change.p for change in against])
    for (arm, placebo), change, p in zip(asked.placebos.items(), against, adjusted, strict=True):
        results[arm] = replace(results[arm], placebo=placebo, versus_placebo=change, p_placebo=p)
    first = results.pop(asked.baseline)
    return Findings(
        baseline=asked.baseline,
        judge=table.judge.text,
        images=table.images.count,
        groups=len(table.images.units(tuple(table.images.by_seed))),
        level=LEVEL,
        margin=asked.margin,
        looks=table.looks.taken,
        arms=(first, *results.values()),
        contrasts=judged[len(runs.confusions) - 1 :],
    )


def _judged(table: "_Table") -> tuple[Contrast, ...]:
    asked = table.question
    arms = [arm for arm in table.counts if arm != asked.baseline]
    pairs = [*((arm, asked.baseline) for arm in arms), *asked.contrasts]
    found = [
        table.contrast(*pair, change) for pair, change in zip(pairs, table.differences(pairs), strict=True)
    ]
    return tuple(_with_verdicts(found, asked, table.looks))


class _Table:
    """The counts of all runs, and the scores of pairs of arms on the seeds that both have."""

    def __init__(self, runs: CountedRuns, question: Question):
        self.question, self.classes, self.errors = question, runs.classes, runs.errors
        self.judge = parse_judge(question.judge, runs.classes, runs.task)
        self.images = runs.images or _same_images(runs.confusions)
        self.looks = question.looks or _single_look(runs.confusions)
        _check_runs(runs.confusions, question, self.images)
        errors = runs.errors
        self.counts = {
            arm: {
                seed: np.concatenate([*counts(matrices), *([errors[arm][seed]] if errors else [])], axis=-1)
                for seed, matrices in by_seed.items()
            }
            for arm, by_seed in runs.confusions.items()
        }

    def seeds(self, arm: str, reference: str) -> list[int]:
        return sorted(set(self.counts[arm]) & set(self.counts[reference]))

    def pair(self, arm: str, reference: str, scores: Scores) -> tuple[Runs, Runs]:
        """Return the runs of two arms on the seeds that both have."""
        seeds = self.seeds(arm, reference)
        own, other = (runs_of(self.counts[name], seeds, self.images, scores) for name in (arm, reference))
        return own, other

    def judged(self, arm: str, reference: str) -> tuple[Runs, Runs]:
        """Return the runs of two arms with the judge's score only."""
        return self.pair(arm, reference, lambda sums: self.judge(sums)[..., None])

    def differences(self, pairs: Sequence[tuple[str, str]]) -> list[IntervalEstimate]:
        return differences_over_looks([self.judged(*pair) for pair in pairs], self.looks)

    def contrast(self, arm: str, reference: str, difference: IntervalEstimate) -> Contrast:
        """Return the difference of two arms without verdict."""
        own, other = self.judged(arm, reference)
        per_seed = tuple((own.per_seed - other.per_seed)[:, 0].tolist())
        return Contrast(arm, reference, tuple(self.seeds(arm, reference)), difference, per_seed)

    def result(self, arm: str, cost: Cost | None) -> ArmResult:
        """Return the scores of an arm with the secondary differences from the baseline."""
        baseline, classes = self.question.baseline, self.classes
        seeds = self.seeds(arm, baseline)
        own, other = self.pair(arm, baseline, lambda sums: judged_scores(self.judge, sums))
        reference = other if arm != baseline else None
        level = self.looks.levels.get(len(seeds))
        measures = {
            measure: _details(own, reference, classes, 1 + number * len(classes), level)
            for number, measure in enumerate(BY_CLASS)
        }
        errors = ()
        if self.errors:
            rates, host = (
                runs_of(self.errors[name], seeds, self.images, error_rates) for name in (arm, baseline)
            )
            errors = _details(rates, host if reference else None, ERROR_RATES, 0, level)
        return ArmResult(
            arm=arm,
            seeds=tuple(seeds),
            score=estimate_mean(own.sample()),
            measures=measures,
            errors=tuple(rate for rate in errors if not np.isnan(rate.score)),
            cost=cost,
        )


def _details(
    own: Runs, reference: Runs | None, names: Sequence[str], first: int, level: float | None
) -> tuple[Detail, ...]:
    """Return the scores called `names`, from index `first` on, with the differences from the reference."""
    details = []
    for index, name in enumerate(names, start=first):
        sample = own.sample(index)
        change = reference and estimate_mean(sample - reference.sample(index), seed_level=level)
        details.append(Detail(name, sample.mean, change))
    return tuple(details)


def _with_verdicts(contrasts: Sequence[Contrast], asked: Question, looks: Looks) -> list[Contrast]:
    """Return the contrasts with p-values adjusted over the family, verdicts and detectable differences.

    The family is all contrasts but those of placebos, whose p-values are not adjusted.
    """
    placebos = set(asked.placebos.values())
    family = [contrast for contrast in contrasts if contrast.arm not in placebos]
    adjusted = dict(zip(map(id, family), holm([each.difference.p for each in family]), strict=True))
    decided = []
    for contrast in contrasts:
        p_holm = adjusted.get(id(contrast), contrast.difference.p)
        is_tested = not {contrast.arm, contrast.reference} & set(asked.closed)
        detectable = detectable_at_measured_spread(
            contrast.difference,
            arms=len(family) if id(contrast) in adjusted else 1,
            seed_level=looks.levels.get(len(contrast.seeds)),
        )
        verdict = decide(contrast.difference, p_holm, asked.margin, is_tested)
        decided.append(replace(contrast, p_holm=p_holm, verdict=verdict, detectable=detectable))
    return decided


def _single_look(runs: Confusions) -> Looks:
    seeds = max(max(map(len, runs.values())), 2)
    return Looks.once(seeds).take(seeds)


def _same_images(runs: Confusions) -> TestImages:
    """Return images named by their position, the same for all seeds."""
    sizes = {seed: len(matrices) for by_seed in runs.values() for seed, matrices in by_seed.items()}
    return TestImages({seed: [f"{number:09d}" for number in range(size)] for seed, size in sizes.items()})


def _check_runs(runs: Confusions, question: Question, images: TestImages) -> None:
    baseline, pairs = question.baseline, [*question.placebos.items(), *question.contrasts]
    for name in (baseline, *(name for pair in pairs for name in pair)):
        if name not in runs:
            raise UserError(f"there are no runs of '{name}', only of {', '.join(runs)}; train '{name}' too")
    for arm, opponent in [(arm, baseline) for arm in runs] + pairs:
        if not set(runs[arm]) & set(runs[opponent]):
            raise UserError(
                f"'{arm}' and '{opponent}' have no seed in common, so their runs form no pairs; "
                "train both with the same seeds"
            )
    seen: dict[str, tuple[ndarray, str, int]] = {}
    for arm, by_seed in runs.items():
        for seed, matrices in by_seed.items():
            rows = dict(zip(images.by_seed[seed], matrices.sum(-1), strict=False))
            first = [seen.setdefault(name, (truth, arm, seed)) for name, truth in rows.items()]
            alike = (np.array_equal(rows[name], seen[name][0]) for name in rows)
            if len(images.by_seed[seed]) != len(matrices) or not all(alike):
                _, other, other_seed = first[0]
                raise UserError(
                    f"'{arm}' seed {seed} was scored on other images (or masks) than '{other}' seed "
                    f"{other_seed}, so they cannot be compared image by image; train and score all runs on "
                    "the same, unchanged data and split"
                )
