"""Compare arms with a reference: differences, intervals, verdicts and costs.

The score is that of a `Judge`, computed over the whole test set from the per-image counts of every run: mIoU
for segmentation and accuracy for classification, if the user names no other. Every arm is set against the
baseline, and contrasts set further pairs of arms against each other.

Intervals and p-values come from `foveate.verdicts.statistics`; the seed variance is shared over the arms
(`foveate.verdicts.seed_variance`), and repeated looks are paid for (`foveate.verdicts.looks`). The interval
of an arm is what the intervals of all looks have in common, and its p-value is the smallest of all looks: a
decision stands when seeds are added, unless these seeds contradict it. Holm's method adjusts the p-values of
the verdicts over all arms and contrasts, without placebos, and those against a placebo over all arms with a
placebo. Intervals are not adjusted for the number of arms, nor are the differences of single classes and
kinds of error.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Integer, Num
from numpy import ndarray

from foveate.errors import UserError
from foveate.evaluation.cost import Cost
from foveate.evaluation.error_rates import ERROR_RATES, error_rates
from foveate.evaluation.judges import BY_CLASS, Judge, parse_judge
from foveate.evaluation.scores import Counts, counts
from foveate.plain import from_json, to_json
from foveate.verdicts.looks import Looks
from foveate.verdicts.samples import Runs, Scores, TestImages, runs_of
from foveate.verdicts.seed_variance import share_seed_variance
from foveate.verdicts.statistics import (
    LEVEL,
    IntervalEstimate,
    detectable_at_measured_spread,
    estimate_mean,
    holm,
    variances_of,
)
from foveate.verdicts.verdict import MARGIN, Verdict, decide

Confusions = Mapping[str, Mapping[int, Integer[ndarray, "n c c"]]]
"""The confusion matrices of the n test images, by arm and seed."""
Errors = Mapping[str, Mapping[int, Integer[ndarray, "n f"]]]
"""`ErrorCounts.per_image` of the n test images, by arm and seed."""


@dataclass(frozen=True)
class Detail:
    """A secondary score of one arm: the IoU of a class, for instance, or the rate of an error.

    name: the class or the kind of error. score: mean over seeds, 0 to 1. difference: from the baseline, None
    for the baseline itself.
    """

    name: str
    score: float
    difference: IntervalEstimate | None


@dataclass(frozen=True)
class Contrast:
    """The paired difference of an arm from a reference, with the verdict.

    seeds: those that both have. difference: with the unadjusted p-value. seed_differences: its values by
    seed, in the order of `seeds`; with rotating folds, each on the images of its fold. p_holm: the p-value
    adjusted over all arms and contrasts. detectable: the smallest true difference that these seeds and images
    detect with 80% power, from the measured variances.
    """

    arm: str
    reference: str
    seeds: tuple[int, ...]
    difference: IntervalEstimate
    seed_differences: tuple[float, ...]
    p_holm: float = float("nan")
    verdict: Verdict = "no verdict"
    detectable: float = float("nan")


@dataclass(frozen=True)
class ArmResult:
    """The score of one arm, and its paired difference from the baseline with the verdict.

    The baseline itself has no difference and no verdict (None), and NaN for the p-values and `detectable`.

    score: mean over `seeds`, 0 to 1. measures: by name of a score ("iou", "dice", "precision", "recall"), its
    value for each class. errors: the `ERROR_RATES` that the test images define, for segmentation only.
    difference, seed_differences, p_holm, verdict, detectable: as in `Contrast`, against the baseline.
    placebo: the arm's placebo. versus_placebo: the paired difference from it. p_placebo: the p-value of that,
    adjusted over the arms with a placebo.
    """

    arm: str
    seeds: tuple[int, ...]
    score: IntervalEstimate
    measures: dict[str, tuple[Detail, ...]]
    errors: tuple[Detail, ...]
    cost: Cost | None
    difference: IntervalEstimate | None = None
    seed_differences: tuple[float, ...] = ()
    p_holm: float = float("nan")
    verdict: Verdict | None = None
    detectable: float = float("nan")
    placebo: str | None = None
    versus_placebo: IntervalEstimate | None = None
    p_placebo: float = float("nan")

    @property
    def paired(self) -> IntervalEstimate:
        """The difference from the baseline. Raise `ValueError` for the baseline itself, which has none."""
        if self.difference is None:
            raise ValueError(f"'{self.arm}' is what the others are set against, and has no difference itself")
        return self.difference


@dataclass(frozen=True)
class Findings:
    """The results of all arms of a comparison, the baseline first.

    judge: the score that verdicts are about, such as "miou" or "dice:polyp". images: number of test images.
    groups: how many groups of images the intervals leave out one at a time; the number of images if each
    stands for itself. level: confidence level of the intervals. margin: differences below it do not matter.
    looks: the numbers of seeds at which the result was looked at. contrasts: further pairs of arms.
    """

    baseline: str
    judge: str
    images: int
    groups: int
    level: float
    margin: float
    looks: tuple[int, ...]
    arms: tuple[ArmResult, ...]
    contrasts: tuple[Contrast, ...] = ()

    def __getitem__(self, arm: str) -> ArmResult:
        """Return the result of one arm."""
        return next(result for result in self.arms if result.arm == arm)

    def to_json(self) -> dict:
        """Return the findings as plain JSON types."""
        return to_json(self)

    @classmethod
    def from_json(cls, plain: dict) -> "Findings":
        """Rebuild findings from the output of `to_json`."""
        return from_json(cls, plain)


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


def judge_arms(
    runs: Confusions,
    classes: Sequence[str],
    task: str = "segmentation",
    baseline: str = "none",
    placebos: Mapping[str, str] | None = None,
    errors: Errors | None = None,
    *,
    judge: str | None = None,
    margin: float = MARGIN,
    images: TestImages | None = None,
    looks: Looks | None = None,
    contrasts: Sequence[tuple[str, str]] = (),
    closed: Collection[str] = (),
) -> tuple[Contrast, ...]:
    """Return the difference of every arm from the baseline, then the contrasts, with their verdicts.

    Arguments and errors are those of `compare_arms`.
    """
    images = images or _same_images(runs)
    placebos, looks = dict(placebos or {}), looks or _single_look(runs)
    _check_runs(runs, baseline, [*placebos.items(), *contrasts], images)
    table = _Table(runs, errors, parse_judge(judge, classes, task), images)
    pairs = [*((arm, baseline) for arm in runs if arm != baseline), *contrasts]
    differences = table.differences(pairs, looks)
    found = [table.contrast(*pair, change) for pair, change in zip(pairs, differences, strict=True)]
    return tuple(_with_verdicts(found, closed, set(placebos.values()), margin, looks))


def compare_arms(
    runs: Confusions,
    classes: Sequence[str],
    task: str = "segmentation",
    baseline: str = "none",
    placebos: Mapping[str, str] | None = None,
    costs: Mapping[str, Cost] | None = None,
    errors: Errors | None = None,
    *,
    judge: str | None = None,
    margin: float = MARGIN,
    images: TestImages | None = None,
    looks: Looks | None = None,
    contrasts: Sequence[tuple[str, str]] = (),
    closed: Collection[str] = (),
) -> Findings:
    """Compare every arm with the baseline.

    Args:
        runs: per-image confusion matrices by arm and seed.
        classes: the names of the c classes.
        task: decides the score, if there is no `judge`: mIoU or accuracy.
        baseline: the arm to compare with.
        placebos: the placebo of each arm that has one.
        costs: the cost of each arm that was measured.
        errors: error counts of the same runs on the same images.
        judge: the score that verdicts are about, see `foveate.evaluation.judges`.
        margin: differences below it do not matter, in units of the score.
        images: the test images of each seed, and their groups; without them, all runs have the same test
            images in the same order, each a group of its own.
        looks: those taken at these runs; a single one at the most seeds of an arm, if not given.
        contrasts: further pairs of an arm and its reference.
        closed: arms that could not have an effect in these runs.

    Two arms are compared on the seeds that both have. Raises `UserError` if the baseline or a placebo is
    missing, if two runs saw different images, and if two arms share no seed.
    """
    images, looks = images or _same_images(runs), looks or _single_look(runs)
    placebos, costs = dict(placebos or {}), dict(costs or {})
    judged = judge_arms(
        runs,
        classes,
        task,
        baseline,
        placebos,
        errors,
        judge=judge,
        margin=margin,
        images=images,
        looks=looks,
        contrasts=contrasts,
        closed=closed,
    )
    table = _Table(runs, errors, parse_judge(judge, classes, task), images)
    results = {arm: table.result(arm, baseline, classes, costs.get(arm), looks) for arm in runs}
    for found in judged[: len(runs) - 1]:
        results[found.arm] = replace(
            results[found.arm],
            difference=found.difference,
            seed_differences=found.seed_differences,
            p_holm=found.p_holm,
            verdict=found.verdict,
            detectable=found.detectable,
        )
    against = table.differences(list(placebos.items()), looks)
    adjusted = holm([change.p for change in against])
    for (arm, placebo), change, p in zip(placebos.items(), against, adjusted, strict=True):
        results[arm] = replace(results[arm], placebo=placebo, versus_placebo=change, p_placebo=p)
    first = results.pop(baseline)
    return Findings(
        baseline=baseline,
        judge=table.judge.text,
        images=images.count,
        groups=len(images.units(tuple(images.by_seed))),
        level=LEVEL,
        margin=margin,
        looks=looks.taken,
        arms=(first, *results.values()),
        contrasts=judged[len(runs) - 1 :],
    )


class _Table:
    """The counts of all runs, and the scores of pairs of arms on the seeds that both have."""

    def __init__(self, runs: Confusions, errors: Errors | None, judge: Judge, images: TestImages):
        self.judge, self.images, self.errors = judge, images, errors
        self.counts = {
            arm: {
                seed: np.concatenate([*counts(matrices), *([errors[arm][seed]] if errors else [])], axis=-1)
                for seed, matrices in by_seed.items()
            }
            for arm, by_seed in runs.items()
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

    def differences(self, pairs: Sequence[tuple[str, str]], looks: Looks) -> list[IntervalEstimate]:
        return differences_over_looks([self.judged(*pair) for pair in pairs], looks)

    def contrast(self, arm: str, reference: str, difference: IntervalEstimate) -> Contrast:
        """Return the difference of two arms without verdict."""
        own, other = self.judged(arm, reference)
        per_seed = tuple((own.per_seed - other.per_seed)[:, 0].tolist())
        return Contrast(arm, reference, tuple(self.seeds(arm, reference)), difference, per_seed)

    def result(
        self, arm: str, baseline: str, classes: Sequence[str], cost: Cost | None, looks: Looks
    ) -> ArmResult:
        """Return the scores of an arm with the secondary differences from the baseline."""
        seeds = self.seeds(arm, baseline)
        own, other = self.pair(arm, baseline, lambda sums: judged_scores(self.judge, sums))
        reference = other if arm != baseline else None
        level = looks.levels.get(len(seeds))
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


def differences_over_looks(pairs: Sequence[tuple[Runs, Runs]], looks: Looks) -> list[IntervalEstimate]:
    """Return the interval of the difference of each pair of runs over all looks that were taken.

    The seed variance is shared over the pairs. The score is the first of each runs' scores. A pair with
    fewer seeds than a look takes part in the looks up to its own number of seeds.
    """
    intervals: list[list[IntervalEstimate]] = [[] for _ in pairs]
    for look in sorted({*looks.taken, *(len(own.per_seed) for own, _ in pairs)}):
        level = looks.levels.get(look, looks.levels[max(looks.levels)])
        for number, estimate in enumerate(differences_at_look(pairs, look, level)):
            if look <= len(pairs[number][0].per_seed):
                intervals[number].append(estimate)
    return [in_common(found) for found in intervals]


def differences_at_look(
    pairs: Sequence[tuple[Runs, Runs]], look: int, level: float
) -> list[IntervalEstimate]:
    """Return the interval of the difference of each pair on the first `look` seeds, or on all it has.

    level: significance level of the seed part, see `estimate_mean`.
    """
    samples = [own.first(look).sample() - other.first(look).sample() for own, other in pairs]
    shared = share_seed_variance([variances_of(sample) for sample in samples])
    return [
        estimate_mean(sample, variances, seed_level=level)
        for sample, variances in zip(samples, shared, strict=True)
    ]


def in_common(looks: Sequence[IntervalEstimate]) -> IntervalEstimate:
    """Return the last look's estimate with the interval that all looks share, and the smallest p-value.

    If they do not share the last mean, later seeds speak against the earlier ones: then the last look stands.
    """
    *_, last = looks
    known = [look for look in looks if not np.isnan(look.p)]
    if np.isnan(last.p):
        return last
    low, high = max(look.low for look in known), min(look.high for look in known)
    if not low <= last.mean <= high:
        return last
    return replace(last, low=low, high=high, p=min(look.p for look in known))


def _with_verdicts(
    contrasts: Sequence[Contrast],
    closed: Collection[str],
    placebos: Collection[str],
    margin: float,
    looks: Looks,
) -> list[Contrast]:
    """Return the contrasts with p-values adjusted over the family, verdicts and detectable differences.

    The family is all contrasts but those of placebos, whose p-values are not adjusted.
    """
    family = [contrast for contrast in contrasts if contrast.arm not in placebos]
    adjusted = dict(zip(map(id, family), holm([each.difference.p for each in family]), strict=True))
    decided = []
    for contrast in contrasts:
        p_holm = adjusted.get(id(contrast), contrast.difference.p)
        is_tested = not {contrast.arm, contrast.reference} & set(closed)
        detectable = detectable_at_measured_spread(
            contrast.difference,
            arms=len(family) if id(contrast) in adjusted else 1,
            seed_level=looks.levels.get(len(contrast.seeds)),
        )
        verdict = decide(contrast.difference, p_holm, margin, is_tested)
        decided.append(replace(contrast, p_holm=p_holm, verdict=verdict, detectable=detectable))
    return decided


def _single_look(runs: Confusions) -> Looks:
    seeds = max(max(map(len, runs.values())), 2)
    return Looks.once(seeds).take(seeds)


def _same_images(runs: Confusions) -> TestImages:
    """Return images named by their position, the same for all seeds."""
    sizes = {seed: len(matrices) for by_seed in runs.values() for seed, matrices in by_seed.items()}
    return TestImages({seed: [f"{number:09d}" for number in range(size)] for seed, size in sizes.items()})


def _check_runs(
    runs: Confusions, baseline: str, pairs: Sequence[tuple[str, str]], images: TestImages
) -> None:
    for name in (baseline, *(name for pair in pairs for name in pair)):
        if name not in runs:
            raise UserError(f"there are no runs of '{name}', only of {', '.join(runs)}; train '{name}' too")
    for arm, opponent in [(arm, baseline) for arm in runs] + list(pairs):
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
