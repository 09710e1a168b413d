"""Whether an ensemble is better than the mean of its runs, on new images.

Both are scored on the same images, so that the difference is paired: the score of the ensemble minus the
mean score of its runs. Its variance comes from leaving out one image (or group of images) at a time, as J of
`foveate.verdicts.statistics`: for these runs on new images. Another training of the runs may gain more or
less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveate.evaluation.evaluate import Evaluation
from foveate.evaluation.judges import parse_judge
from foveate.evaluation.scores import counts
from foveate.verdicts.samples import TestImages, runs_of
from foveate.verdicts.statistics import IntervalEstimate, Sample, estimate_mean, variances_of_fixed
from foveate.verdicts.verdict import MARGIN, Verdict, decide


@dataclass(frozen=True)
class Gain:
    """The paired difference of an ensemble from the mean of its runs, with the verdict.

    judge: the score that is meant, such as "miou". score: of the ensemble, 0 to 1. singles: of each run.
    """

    judge: str
    score: float
    singles: tuple[float, ...]
    difference: IntervalEstimate
    verdict: Verdict


def ensemble_gain(
    together: Evaluation,
    apart: Sequence[Evaluation],
    classes: Sequence[str],
    task: str,
    groups: dict[str, str] | None = None,
    judge: str | None = None,
    margin: float = MARGIN,
) -> Gain:
    """Return the gain of an ensemble over the mean of its runs.

    together, apart: counts on the same images. groups: the group of each image that is in one. judge: as in
    `ComparisonSpec`. margin: smaller differences do not matter, in units of the score. With a single image
    (or group), there is no interval and no verdict. Raises `UserError` for an unknown judge.
    """
    scored = parse_judge(judge, classes, task)
    images = TestImages(dict.fromkeys(range(len(apart)), together.stems), groups or {})

    def sample(evaluations: Sequence[Evaluation]) -> Sample:
        features = {number: _features(each) for number, each in enumerate(evaluations)}
        runs = runs_of(features, list(features), images, lambda sums: scored(sums)[..., None])
        return runs.sample()

    whole, parts = sample([together]), sample(apart)
    mean = Sample(
        parts.mean, np.array([parts.mean]), parts.influence.mean(0, keepdims=True), parts.tested[:1]
    )
    change = whole - mean
    difference = estimate_mean(change, variances_of_fixed(change))
    verdict = decide(difference, difference.p, margin)
    return Gain(scored.text, whole.mean, tuple(parts.effects.tolist()), difference, verdict)


def _features(evaluation: Evaluation) -> np.ndarray:
    errors = [] if evaluation.errors is None else [evaluation.errors]
    return np.concatenate([*counts(evaluation.confusions), *errors], axis=-1)
