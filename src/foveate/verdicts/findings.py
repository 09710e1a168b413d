"""The results of a comparison: of each arm, of each contrast, and of all together."""

from dataclasses import dataclass

from foveate.evaluation.cost import Cost
from foveate.plain import from_json, to_json
from foveate.verdicts.statistics import IntervalEstimate
from foveate.verdicts.verdict import Verdict


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
