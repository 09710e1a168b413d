"""Compare arms with a baseline: differences, intervals, verdicts and costs.

The score is the dataset-wide mIoU for segmentation and the accuracy for classification, from the per-image
confusion matrices of every run. The mean is over the classes that occur in the truth of the counted images. A
class that only a prediction has is left out, so that both arms average over the same classes. If every class
occurs in the test images, this mean is `Scores.miou`.

Intervals and p-values come from `foveate.verdicts.statistics`. Holm's method adjusts the p-values of the
verdicts over all arms, and those against a placebo over all arms with a placebo. Intervals are not adjusted,
nor are the differences of single classes and kinds of error.
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
"""The confusion matrices of the n test images, by arm and seed."""
Errors = Mapping[str, Mapping[int, Integer[ndarray, "n f"]]]
"""`ErrorCounts.per_image` of the n test images, by arm and seed."""


@dataclass(frozen=True)
class Detail:
    """A secondary score of one arm: the IoU of a class (recall for classification) or the rate of an error.

    name: the class or the kind of error. score: mean over seeds, 0 to 1. difference: from the baseline, None
    for the baseline itself.
    """

    name: str
    score: float
    difference: IntervalEstimate | None


@dataclass(frozen=True)
class ArmResult:
    """The score of one arm, and its paired difference from the baseline with the verdict.

    The baseline itself has no difference and no verdict (None), and NaN for the p-values and `detectable`.

    score: mean over `seeds`, 0 to 1. classes, errors: secondary scores; errors are the `ERROR_RATES` that the
    test images define, for segmentation only. difference: paired, with the unadjusted p-value.
    seed_differences: its values by seed, in the order of `seeds`. p_holm: the p-value adjusted over the arms.
    detectable: the smallest true difference that these seeds and images detect with 80% power, from the
    measured variances. placebo: the arm's placebo. versus_placebo: the paired difference from it.
    p_placebo: the p-value of that, adjusted over the arms with a placebo.
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
    """The results of all arms of a comparison, the baseline first.

    metric: "mIoU" or "accuracy". images: number of test images. level: confidence level of the intervals.
    """

    baseline: str
    metric: str
    images: int
    level: float
    arms: tuple[ArmResult, ...]

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


def class_scores(features: Num[ndarray, "*n f"], task: Task) -> Float[ndarray, "*n c"]:
    """Return the IoU (recall for classification) of each class; NaN if the class is not in the truth.

    features: `counts` of a confusion matrix, joined along the last axis.
    """
    sums = Counts(*np.split(features, 3, axis=-1))
    if task == "segmentation":
        return np.where(sums.true > 0, iou(sums), np.nan)
    return np.where(sums.true > 0, sums.hits / np.maximum(sums.true, 1), np.nan)


def main_score(features: Num[ndarray, "*n f"], task: Task) -> Float[ndarray, "*n 1"]:
    """Return the mIoU (accuracy for classification), with a last axis of length 1.

    features: as of `class_scores`.
    """
    if task == "segmentation":
        return mean_over_classes(class_scores(features, task))[..., None]
    return accuracy(Counts(*np.split(features, 3, axis=-1)))[..., None]


class Runs:
    """The scores of one arm: of each seed on all images, and on all images but one.

    features: additive counts of each image. scores: computes the scores from the sums of these counts.
    """

    def __init__(
        self,
        features: Num[ndarray, "seeds n f"],
        scores: Callable[[Num[ndarray, "*n f"]], Float[ndarray, "*n s"]],
    ):
        self.per_seed = scores(features.sum(1))
        self.left_out = scores(leave_one_out(features))

    def score(self, index: int = 0) -> IntervalEstimate:
        """Return the mean over seeds of the score at `index`."""
        return estimate_mean(self.per_seed[:, index], self.left_out[..., index])

    def minus(self, other: "Runs", index: int = 0) -> IntervalEstimate:
        """Return the mean paired difference at `index` from runs of the same seeds and images."""
        per_seed = (self.per_seed - other.per_seed)[:, index]
        return estimate_mean(per_seed, (self.left_out - other.left_out)[..., index])

    def details(self, other: "Runs | None", names: Sequence[str], first: int = 0) -> tuple[Detail, ...]:
        """Return the scores called `names`, from index `first` on, with their differences from `other`'s."""
        return tuple(
            Detail(name, float(self.per_seed[:, k].mean()), None if other is None else self.minus(other, k))
            for k, name in enumerate(names, start=first)
        )


def confusion_runs(confusions: Integer[ndarray, "seeds n c c"], task: Task) -> Runs:
    """Return runs whose scores are the main score, followed by one score for each class."""
    features = np.concatenate(counts(confusions), axis=-1)
    return Runs(features, lambda sums: np.concatenate([main_score(sums, task), class_scores(sums, task)], -1))


def paired_difference(
    arm: Integer[ndarray, "seeds n c c"],
    baseline: Integer[ndarray, "seeds n c c"],
    task: Task = "segmentation",
) -> IntervalEstimate:
    """Return the difference in mIoU (accuracy for classification) between two arms.

    Both have the same seeds and the same images, in the same order.

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

    Args:
        runs: per-image confusion matrices by arm and seed, all of the same test images in the same order.
        classes: the names of the c classes.
        task: decides the score: mIoU or accuracy.
        baseline: the arm to compare with.
        placebos: the placebo of each arm that has one.
        costs: the cost of each arm that was measured.
        errors: error counts of the same runs on the same images.

    Two arms are compared on the seeds that both have. Raises `UserError` if the baseline or a placebo is
    missing, if two runs saw different images, and if two arms share no seed.
    """
    placebos, costs = dict(placebos or {}), dict(costs or {})
    _check_runs(runs, baseline, placebos)
    metric = "mIoU" if task == "segmentation" else "accuracy"
    results = {arm: _result(runs, errors, classes, task, arm, baseline, costs.get(arm)) for arm in runs}
    for arm, placebo in placebos.items():
        own, control = _paired_runs(runs, task, arm, placebo)
        results[arm] = replace(results[arm], placebo=placebo, versus_placebo=own.minus(control))
    first = results.pop(baseline)
    others = list(results.values())
    arms = (first, *_with_verdicts(others))
    return Findings(baseline, metric, len(next(iter(runs[baseline].values()))), LEVEL, arms)


def _paired_runs(runs: Confusions, task: Task, arm: str, opponent: str) -> tuple[Runs, Runs]:
    """Return the runs of two arms on the seeds that both have."""
    seeds = _shared_seeds(runs, arm, opponent)
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
    """Return the scores of an arm and its differences from the baseline, without a verdict."""
    own, other = _paired_runs(runs, task, arm, baseline)
    has_difference = arm != baseline
    return ArmResult(
        arm=arm,
        seeds=tuple(_shared_seeds(runs, arm, baseline)),
        score=own.score(),
        classes=own.details(other if has_difference else None, classes, first=1),
        errors=_error_details(errors, _shared_seeds(runs, arm, baseline), arm, baseline) if errors else (),
        cost=cost,
        difference=own.minus(other) if has_difference else None,
        seed_differences=tuple((own.per_seed - other.per_seed)[:, 0].tolist()) if has_difference else (),
    )


def _error_details(errors: Errors, seeds: list[int], arm: str, baseline: str) -> tuple[Detail, ...]:
    """Return the error rates of an arm without those that are NaN, such as for sizes that no object has."""
    own, other = (Runs(np.stack([errors[name][s] for s in seeds]), error_rates) for name in (arm, baseline))
    rates = own.details(other if arm != baseline else None, ERROR_RATES)
    return tuple(rate for rate in rates if not np.isnan(rate.score))


def _with_verdicts(results: list[ArmResult]) -> list[ArmResult]:
    """Return the results with p-values adjusted over the arms, verdicts and detectable differences."""
    adjusted = holm([r.difference.p for r in results])
    against_placebo = holm([r.versus_placebo.p if r.versus_placebo else float("nan") for r in results])
    decided = []
    for r, p, p_placebo in zip(results, adjusted, against_placebo, strict=True):
        d = r.difference
        detectable = detectable_at_measured_spread(d, arms=len(results))
        verdict = decide(d, p)
        decided.append(replace(r, p_holm=p, p_placebo=p_placebo, verdict=verdict, detectable=detectable))
    return decided


def _shared_seeds(runs: Confusions, arm: str, opponent: str) -> list[int]:
    return sorted(set(runs[arm]) & set(runs[opponent]))


def _check_runs(runs: Confusions, baseline: str, placebos: Mapping[str, str]) -> None:
    for name in (baseline, *placebos.values()):
        if name not in runs:
            raise UserError(f"there are no runs of '{name}', only of {', '.join(runs)}; train '{name}' too")
    for arm, opponent in [(arm, baseline) for arm in runs] + list(placebos.items()):
        if not _shared_seeds(runs, arm, opponent):
            raise UserError(
                f"'{arm}' and '{opponent}' have no seed in common, so their runs form no pairs; "
                "train both with the same seeds"
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
