"""The scores of the runs of one arm, by seed and by image, ready for intervals.

All seeds may test the same images; the score is then the mean over the seeds. With rotating folds each seed
tests the images of its fold. Then the counts of all seeds are added up (a fold that was tested twice counts
once), and the score is that of the pooled counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Num
from numpy import ndarray

from foveate.verdicts.statistics import Sample, leave_one_out, sample_of

Scores = Callable[[Num[ndarray, "*n f"]], Float[ndarray, "*n s"]]
"""Computes scores from sums of counts."""

SMALL = 1e-4
"""The change of weight from which the effect of one seed on a pooled score is computed."""


@dataclass(frozen=True)
class TestImages:
    """The test images of each seed, in the order of the rows of its counts, and the groups of images.

    by_seed: names of the images, by seed. groups: the group of an image, by its name; an image that is not
    listed is a group of its own.
    """

    __test__ = False  # no test class

    by_seed: Mapping[int, Sequence[str]]
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of different images."""
        return len({name for names in self.by_seed.values() for name in names})

    def units(self, seeds: Sequence[int]) -> dict[str, int]:
        """Return the groups that these seeds test, numbered in the order of their names."""
        names = {self.groups.get(name, name) for seed in seeds for name in self.by_seed[seed]}
        return {name: number for number, name in enumerate(sorted(names))}

    def numbers(self, seed: int, units: Mapping[str, int]) -> list[int]:
        """Return the number of the group of each test image of a seed."""
        return [units[self.groups.get(name, name)] for name in self.by_seed[seed]]


class Runs:
    """The scores of one arm: of each seed on all images, and without each image.

    features: additive counts by seed and image (or group of images), 0 where a seed did not test it. tested:
    which images each seed tested; all, if not given. scores: computes the scores from sums of these counts.
    """

    def __init__(
        self,
        features: Num[ndarray, "seeds n f"],
        scores: Scores,
        tested: Bool[ndarray, "seeds n"] | None = None,
    ):
        self.features, self.scores = features, scores
        self.tested = np.ones(features.shape[:2], dtype=bool) if tested is None else tested
        self.per_seed = scores(features.sum(1))
        self._pooled = None if self.tested.all() else _Pooled(features, scores, self.tested)
        self._left_out = scores(leave_one_out(features)) if self._pooled is None else None

    def first(self, seeds: int) -> "Runs":
        """Return the runs of the first seeds only."""
        used = self.tested[:seeds].any(0)
        return Runs(self.features[:seeds][:, used], self.scores, self.tested[:seeds][:, used])

    def sample(self, index: int = 0) -> Sample:
        """Return the score at `index` by seed and image."""
        if self._pooled is None:
            return sample_of(self.per_seed[:, index], self._left_out[..., index])
        return self._pooled.sample(index)


class _Pooled:
    """The scores of the sum over seeds that test different images."""

    def __init__(self, features: Num[ndarray, "seeds n f"], scores: Scores, tested: Bool[ndarray, "seeds n"]):
        self.tested = tested
        seeds, per_seed = len(features), tested.sum(1)
        alike = (tested[:, None] == tested[None, :]).all(-1).sum(1)
        weighted = features / alike[:, None, None]
        total = weighted.sum((0, 1))
        self.mean = scores(total)
        effect = (self.mean - scores(total - SMALL * weighted.sum(1))) / SMALL
        effect = seeds * (effect - effect.mean(0))
        self.effects = self.mean + effect
        drop = np.where(tested[..., None], self.mean - scores(total - weighted), 0.0)
        centre = drop.sum(1, keepdims=True) / per_seed[:, None, None]
        images = tested.any(0).sum()
        scale = seeds * per_seed * (images - 1) / images
        self.influence = scale[:, None, None] * np.where(tested[..., None], drop - centre, 0.0)

    def sample(self, index: int) -> Sample:
        return Sample(
            float(self.mean[index]), self.effects[:, index], self.influence[..., index], self.tested
        )


def runs_of(
    counts: Mapping[int, Num[ndarray, "n f"]], seeds: Sequence[int], images: TestImages, scores: Scores
) -> Runs:
    """Return the runs of some seeds of one arm; the counts of the images of a group are added up.

    counts: of each test image, by seed.
    """
    units = images.units(seeds)
    width = next(iter(counts.values())).shape[1]
    features = np.zeros((len(seeds), len(units), width), dtype=np.int64)
    tested = np.zeros((len(seeds), len(units)), dtype=bool)
    for row, seed in enumerate(seeds):
        numbers = images.numbers(seed, units)
        np.add.at(features[row], numbers, counts[seed])
        tested[row, numbers] = True
    return Runs(features, scores, tested)
