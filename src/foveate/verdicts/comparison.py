"""Arms against a baseline: what each one changes, whether that is more than luck, and what it costs.

The score is mIoU for segmentation and accuracy for classification, dataset-wide, from the per-image confusion
matrices of every run. Classes that the truth of the counted images lacks are left out for both arms alike, so
that a class which only one of them invents does not change what is averaged; where every class occurs in the
test images this is `Scores.miou`. Intervals and p-values come from `foveate.verdicts.statistics`; p-values
of the verdicts are Holm-adjusted over all arms, those against a placebo over all arms that have one;
intervals and the differences of single classes and kinds of error are not adjusted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer, Num
from numpy import ndarray

from foveate.errors import UserError
from foveate.evaluation.cost import Cost
from foveate.evaluation.error_rates import ERROR_RATES, error_rates
from foveate.evaluation.ratios import mean_over_classes
from foveate.evaluation.scores import Counts, accuracy, counts, iou
from foveate.plain import from_json, to_json
from foveate.verdicts.statistics import (
    LEVEL,
    IntervalEstimate,
    detectable_at_measured_spread,
    estimate_mean,
    holm,
    leave_one_out,
)
from foveate.verdicts.verdict import Verdict, decide

Task = Literal["segmentation", "classification"]
Confusions = Mapping[str, Mapping[int, Integer[ndarray, "n c c"]]]
"""By arm and seed, the confusion matrices of the test images."""
Errors = Mapping[str, Mapping[int, Integer[ndarray, "n f"]]]
"""By arm and seed, `ErrorCounts.per_image` of the test images."""


@dataclass(frozen=True)
class Detail:
    """One of several scores beside the main one, in this arm, and its change from the baseline.

    A class's IoU (recall for classification), or the rate of a kind of error.
    """

    name: str
    score: float
    difference: IntervalEstimate | None


@dataclass(frozen=True)
class ArmResult:
    """One arm: its score, and (None for the baseline) the paired difference with its verdict.

    `seed_differences` are the paired differences whose mean is `difference.mean`, in the order of `seeds`.
    `difference.p` is as tested, `p_holm` adjusted; `detectable` is the difference that these seeds and
    images, at their measured spread, would have found with 80% power. `errors` are the `ERROR_RATES` that
    the test images have, for segmentation.
    """

    arm: str
    seeds: tuple[int, ...]
    score: IntervalEstimate
    classes: tuple[Detail, ...]
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


@dataclass(frozen=True)
class Findings:
    """All arms of a comparison, the baseline first; `to_json` and `from_json` speak plain JSON types."""

    baseline: str
    metric: str
    images: int
    level: float
    arms: tuple[ArmResult, ...]

    def __getitem__(self, arm: str) -> ArmResult:
        """The result of one arm by its name."""
        return next(result for result in self.arms if result.arm == arm)

    def to_json(self) -> dict:
        """This comparison in plain JSON types."""
        return to_json(self)

    @classmethod
    def from_json(cls, plain: dict) -> "Findings":
        """The comparison that `to_json` wrote."""
        return from_json(cls, plain)


def class_scores(features: Num[ndarray, "*n f"], task: Task) -> Float[ndarray, "*n c"]:
    """IoU (recall for classification) a class from summed counts; NaN where the truth lacks it."""
    of = Counts(*np.split(features, 3, axis=-1))
    if task == "segmentation":
        return np.where(of.true > 0, iou(of), np.nan)
    return np.where(of.true > 0, of.hits / np.maximum(of.true, 1), np.nan)


def main_score(features: Num[ndarray, "*n f"], task: Task) -> Float[ndarray, "*n 1"]:
    """mIoU, or accuracy for classification, with a last axis of one."""
    if task == "segmentation":
        return mean_over_classes(class_scores(features, task))[..., None]
    return accuracy(Counts(*np.split(features, 3, axis=-1)))[..., None]


class Runs:
    """One arm's runs: the scores of each seed on all images, and on all images but one.

    `features` are counts of each image that add up, `scores` makes scores of their sums.
    """

    def __init__(
        self,
        features: Num[ndarray, "seeds n f"],
        scores: Callable[[Num[ndarray, "*n f"]], Float[ndarray, "*n s"]],
    ):
        self.per_seed = scores(features.sum(1))
        self.left_out = scores(leave_one_out(features))

    def score(self, which: int = 0) -> IntervalEstimate:
        """The mean over seeds of score number `which`."""
        return estimate_mean(self.per_seed[:, which], self.left_out[..., which])

    def minus(self, other: "Runs", which: int = 0) -> IntervalEstimate:
        """The mean paired difference of score number `which` against runs of the same seeds and images."""
        per_seed = (self.per_seed - other.per_seed)[:, which]
        return estimate_mean(per_seed, (self.left_out - other.left_out)[..., which])

    def details(self, other: "Runs | None", names: Sequence[str], first: int = 0) -> tuple[Detail, ...]:
        """The scores of these names, from number `first` on, with their differences to `other`'s."""
        return tuple(
            Detail(name, float(self.per_seed[:, k].mean()), None if other is None else self.minus(other, k))
            for k, name in enumerate(names, start=first)
        )


def confusion_runs(confusions: Integer[ndarray, "seeds n c c"], task: Task) -> Runs:
    """Runs whose scores are the main score and then one score a class."""
    features = np.concatenate(counts(confusions), axis=-1)
    return Runs(features, lambda sums: np.concatenate([main_score(sums, task), class_scores(sums, task)], -1))


def paired_difference(
    arm: Integer[ndarray, "seeds n c c"],
    baseline: Integer[ndarray, "seeds n c c"],
    task: Task = "segmentation",
) -> IntervalEstimate:
    """The difference in mIoU (accuracy) between two arms whose seeds and images correspond.

    >>> right, wrong = np.eye(2, dtype=int) * 9, np.array([[8, 1], [1, 8]])
    >>> d = paired_difference(np.stack([[right] * 6] * 3), np.stack([[wrong] * 6] * 3))
    >>> round(d.mean, 2), d.excludes_zero
    (0.2, True)
    """
    return confusion_runs(arm, task).minus(confusion_runs(baseline, task))


def compare_arms(
    runs: Confusions,
    classes: Sequence[str],
    task: Task = "segmentation",
    baseline: str = "none",
    placebos: Mapping[str, str] | None = None,
    costs: Mapping[str, Cost] | None = None,
    errors: Errors | None = None,
) -> Findings:
    """Compare every arm with the baseline.

    `runs` maps arm and seed to the per-image confusion matrices on the same test images in the same order;
    `placebos` maps an arm to the arm that stands beside it as a placebo; `errors` holds the errors of the
    same runs on the same images. An arm is compared on the seeds that it shares with its opponent. Raises
    `UserError` for a missing baseline, unequal images, or no shared seed.
    """
    placebos, costs = dict(placebos or {}), dict(costs or {})
    _check(runs, baseline, placebos)
    metric = "mIoU" if task == "segmentation" else "accuracy"
    results = {arm: _result(runs, errors, classes, task, arm, baseline, costs.get(arm)) for arm in runs}
    for arm, placebo in placebos.items():
        own, beside = _paired(runs, task, arm, placebo)
        results[arm] = replace(results[arm], placebo=placebo, versus_placebo=own.minus(beside))
    first = results.pop(baseline)
    others = list(results.values())
    arms = (first, *_with_verdicts(others))
    return Findings(baseline, metric, len(next(iter(runs[baseline].values()))), LEVEL, arms)


def _paired(runs: Confusions, task: Task, arm: str, opponent: str) -> tuple[Runs, Runs]:
    """The runs of two arms on the seeds that both have."""
    seeds = _shared(runs, arm, opponent)
    own, other = (confusion_runs(np.stack([runs[name][s] for s in seeds]), task) for name in (arm, opponent))
    return own, other


def _result(
    runs: Confusions,
    errors: Errors | None,
    classes: Sequence[str],
    task: Task,
    arm: str,
    baseline: str,
    cost: Cost | None,
) -> ArmResult:
    """An arm's scores, and its differences unless it is the baseline; without a verdict yet."""
    own, other = _paired(runs, task, arm, baseline)
    differs = arm != baseline
    return ArmResult(
        arm=arm,
        seeds=tuple(_shared(runs, arm, baseline)),
        score=own.score(),
        classes=own.details(other if differs else None, classes, first=1),
        errors=_errors(errors, _shared(runs, arm, baseline), arm, baseline) if errors else (),
        cost=cost,
        difference=own.minus(other) if differs else None,
        seed_differences=tuple((own.per_seed - other.per_seed)[:, 0].tolist()) if differs else (),
    )


def _errors(errors: Errors, seeds: list[int], arm: str, baseline: str) -> tuple[Detail, ...]:
    """The rates of errors that can be said at all, as those of objects of a size that occurs."""
    own, other = (Runs(np.stack([errors[name][s] for s in seeds]), error_rates) for name in (arm, baseline))
    found = own.details(other if arm != baseline else None, ERROR_RATES)
    return tuple(detail for detail in found if not np.isnan(detail.score))


def _with_verdicts(results: list[ArmResult]) -> list[ArmResult]:
    """Adjust the p-values over the arms and decide."""
    adjusted = holm([r.difference.p for r in results])
    against_placebo = holm([r.versus_placebo.p if r.versus_placebo else float("nan") for r in results])
    decided = []
    for r, p, p_placebo in zip(results, adjusted, against_placebo, strict=True):
        d = r.difference
        detectable = detectable_at_measured_spread(d, arms=len(results))
        verdict = decide(d, p)
        decided.append(replace(r, p_holm=p, p_placebo=p_placebo, verdict=verdict, detectable=detectable))
    return decided


def _shared(runs: Confusions, arm: str, opponent: str) -> list[int]:
    return sorted(set(runs[arm]) & set(runs[opponent]))


def _check(runs: Confusions, baseline: str, placebos: Mapping[str, str]) -> None:
    for name in (baseline, *placebos.values()):
        if name not in runs:
            raise UserError(f"there are no runs of '{name}' among {', '.join(runs)}; train it too")
    for arm, opponent in [(arm, baseline) for arm in runs] + list(placebos.items()):
        if not _shared(runs, arm, opponent):
            raise UserError(
                f"'{arm}' and '{opponent}' share no seed, so nothing can be paired; train both with the same "
                "seeds"
            )
    truths = {(arm, s): c.sum(-1) for arm, by_seed in runs.items() for s, c in by_seed.items()}
    (first_arm, first_seed), first = next(iter(truths.items()))
    for (arm, s), truth in truths.items():
        if not np.array_equal(truth, first):
            raise UserError(
                f"'{arm}' seed {s} was scored on other images (or masks) than '{first_arm}' seed "
                f"{first_seed}, so they cannot be compared image by image; train and score all runs on the "
                "same, unchanged data and split"
            )
