r"""The mean difference between two arms, with a confidence interval and a p-value.

D is the mean over S seeds of the paired differences D_s of a dataset-wide score. Two kinds of chance enter
it:

    D_s = delta + t_s + u + e_s     t_s: the training, independent between seeds
                                    u:   the test images, the same for all seeds that share them
                                    e_s: the interaction of seed s with the images

    Var(D) = A + B

A is the variance of the D_s over seeds, divided by S. It covers t and e. It does not cover u, which shifts
all D_s by the same amount.

B comes from leaving out one image at a time (the jackknife), for both arms and all seeds at once. Let p_si be
the influence of image i on D_s: (n - 1) times the drop of D_s without image i, centred over the images. The
covariance of seeds s and s' under a new draw of the images is C_ss' = sum_i p_si p_s'i / (n (n - 1)). The
mean of all C_ss' is J, the variance of D for fixed seeds on new images. J covers Var(u) + Var(e) / S, so that
A + J would count Var(e) / S twice. Two different seeds share u only, therefore

    B = sum of C_ss' over s != s', divided by S (S - 1), or 0 if that is negative.

Seeds that test different images (rotating folds) share no u: their C_ss' is 0. What A then measures includes
the choice of images, and Var(D) = A + B holds for any pattern of seeds and images. Images of one group (a
patient, a video) are not independent: the counts of a group are added up first, and a group is left out in
place of an image.

The degrees of freedom of B depend on how many images carry it: the mIoU depends mostly on the few images that
show a rare class. They are those of a variance estimated from n values with kurtosis k, b = 2 n / (k - 1), at
most n - 1, with k from the influences averaged over the seeds.

The 95% interval is D +- h. With t_a and t_b the 97.5% points of Student's t with a and b degrees of freedom
(a = S - 1, more if arms share the seed variance, see `foveate.verdicts.seed_variance`),

    h = max( sqrt(t_a^2 A + t_b^2 B), t_b sqrt(J) ).

The first term gives the interval of Banerjee (1960), "Approximate confidence interval for linear functions of
means of k populations when the population variances are not equal", Sankhya 22. For independent normal
estimates its coverage is proven to be at least the level, for every ratio of A to B.

The second term gives the interval for fixed seeds on new images. J estimates A + B - Var(t) / S, so that with
exact variances the first term is never the smaller one. The estimate of A can be too small: it rests on S
values, and a score on few images takes few values. Example: for each seed the arm is right on one more image
of 40, another image for each seed. Then all D_s are equal and share no image, A = B = 0, although each D_s
depends on a single image. The maximum can only widen the first interval, so its coverage holds. For the same
reason `seed_variance` is J - B, which is Var(e) / S, if A is below that. (With this value in place of A under
t_a, the interval would also be safe, but with 2 or 3 seeds it would detect at most half as many differences.)

More seeds after a look at the result are a further chance of a false alarm, but only for A: u is drawn once.
Therefore only t_a is taken at a stricter level, see `foveate.verdicts.looks`.

The p-value is the significance level at which the interval just touches 0.

Rejected alternatives (`benchmarks/false_alarms.py`; 60 images, mIoU with rare classes, 2 to 8 seeds):

- A single t for A + B with Satterthwaite's degrees of freedom. The interval is shorter, but gives 8% false
  alarms with 2 seeds and 6% with 3 if the training varies most (up to 12% as its share grows): a seed
  variance that is small by chance also makes the degrees of freedom look large.
- The bootstrap over images. Its B is 10% too small, which gives up to 6% false alarms with many seeds. The
  jackknife errs on the safe side (Efron and Stein 1981).

The interval above stays near 4% or below, also for accuracy on 30 images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Num
from numpy import ndarray
from scipy import optimize, special, stats

LEVEL = 0.95
ALPHA = 1 - LEVEL
"""The largest accepted rate of false alarms."""


@dataclass(frozen=True)
class Sample:
    """A score, or a paired difference of scores, as it depends on seeds and images.

    mean: over the seeds. effects: the value of each seed, with that mean. influence: the influence of each
    image (or group of images) on the value of each seed, centred over the images of the seed, 0 for images
    that the seed does not test. tested: which images each seed tests.
    """

    mean: float
    effects: Float[ndarray, "seeds"]
    influence: Float[ndarray, "seeds n"]
    tested: Bool[ndarray, "seeds n"]

    def __sub__(self, other: "Sample") -> "Sample":
        """Return the paired difference from the sample of other runs of the same seeds and images."""
        return Sample(
            self.mean - other.mean,
            self.effects - other.effects,
            self.influence - other.influence,
            self.tested,
        )


@dataclass(frozen=True)
class Variances:
    """The parts of the variance of the mean of a sample.

    seed: variance over seeds of the value of one seed, S A. seed_df: its degrees of freedom. image: B.
    image_df: its degrees of freedom. fixed: J. seeds, images: how many of each; images are groups where
    images belong together.
    """

    seed: float
    seed_df: float
    image: float
    image_df: float
    fixed: float
    seeds: int
    images: int


@dataclass(frozen=True)
class IntervalEstimate:
    """The mean over seeds of a score or a paired difference, with its confidence interval.

    mean, low, high: in units of the score; low and high are NaN without an interval, as for a single seed.
    p: p-value of the test against 0, meaningful for differences only; NaN without an interval.
    seed_variance, image_variance: A (at least J - B) and B of this module, the parts of the squared standard
    error. seed_df, image_df: their degrees of freedom. seeds, images: how many of each.
    """

    mean: float
    low: float
    high: float
    p: float
    seed_variance: float
    seed_df: float
    image_variance: float
    image_df: float
    seeds: int
    images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def leave_one_out(values: Num[ndarray, "seeds n f"]) -> Num[ndarray, "seeds n f"]:
    """Return the sums over all images but one: entry `i` of the second axis leaves out image `i`.

    >>> leave_one_out(np.array([[[1], [2], [4]]])).ravel().tolist()
    [6, 5, 3]
    """
    return values.sum(axis=1, keepdims=True) - values


def sample_of(per_seed: Float[ndarray, "seeds"], left_out: Float[ndarray, "seeds n"]) -> Sample:
    """Return the sample of seeds that all test the same images.

    per_seed: the score or paired difference of each seed on all images. left_out: `left_out[s, i]` is the
    same without image `i`.
    """
    images = left_out.shape[1]
    influence = (images - 1) * (left_out.mean(axis=1, keepdims=True) - left_out)
    return Sample(float(np.mean(per_seed)), per_seed, influence, np.ones(left_out.shape, dtype=bool))


def variances_of(sample: Sample) -> Variances | None:
    """Return the variances of a sample.

    None with a value that is NaN, a single seed, or a seed with a single image.
    """
    seeds, _ = sample.influence.shape
    per_seed = sample.tested.sum(1)
    finite = np.isfinite(sample.mean) and np.isfinite(sample.influence).all()
    if seeds < 2 or per_seed.min() < 2 or not (finite and np.isfinite(sample.effects).all()):
        return None
    covariance = sample.influence @ sample.influence.T / (per_seed * (per_seed - 1))
    used = sample.tested.any(0)
    return Variances(
        seed=float(np.var(sample.effects, ddof=1)),
        seed_df=seeds - 1.0,
        image=max(float(covariance.sum() - covariance.trace()) / (seeds * (seeds - 1)), 0.0),
        image_df=_image_df(sample.influence[:, used].mean(0)),
        fixed=float(covariance.mean()),
        seeds=seeds,
        images=int(used.sum()),
    )


def variances_of_fixed(sample: Sample) -> Variances | None:
    """Return the variances of a sample for the very same seeds on new images: J alone, no A.

    None with a value that is NaN, or a seed with a single image.
    """
    per_seed = sample.tested.sum(1)
    if per_seed.min() < 2 or not (np.isfinite(sample.mean) and np.isfinite(sample.influence).all()):
        return None
    covariance = sample.influence @ sample.influence.T / (per_seed * (per_seed - 1))
    fixed, used = float(covariance.mean()), sample.tested.any(0)
    df = _image_df(sample.influence[:, used].mean(0))
    return Variances(0.0, 1.0, fixed, df, fixed, len(per_seed), int(used.sum()))


def estimate_mean(
    sample: Sample,
    variances: Variances | None = None,
    level: float = LEVEL,
    seed_level: float | None = None,
) -> IntervalEstimate:
    """Return the mean over seeds with the interval of this module.

    Args:
        sample: the values by seed and image.
        variances: `variances_of(sample)`, or those with a shared seed variance.
        level: confidence level, between 0 and 1.
        seed_level: significance level of t_a for an interval of 95%, 0.05 or less if the result is looked at
            repeatedly; 1 - `level` if not given.

    With a value that is NaN, a single seed or a single image, the interval is NaN.

    >>> gains = np.array([[0.01, 0.03, 0.02, 0.02], [0.02, 0.03, 0.02, 0.03], [0.02, 0.02, 0.01, 0.03]])
    >>> e = estimate_mean(sample_of(gains.mean(1), leave_one_out(gains[..., None])[..., 0] / 3))
    >>> round(e.mean, 3), round(e.low, 3), round(e.high, 3), round(e.p, 3)
    (0.022, 0.011, 0.032, 0.01)
    """
    v = variances or variances_of(sample)
    if v is None:
        nan, (seeds, images) = float("nan"), sample.tested.shape
        return IntervalEstimate(sample.mean, nan, nan, nan, nan, nan, nan, nan, seeds, images)
    var_a, df = v.seed / v.seeds, np.array([v.seed_df, v.image_df])
    stricter = np.array([1.0 if seed_level is None else seed_level / ALPHA, 1.0])

    def half_width(tail: float) -> float:
        t_a, t_b = special.stdtrit(df, stricter * tail / 2)
        return float(np.sqrt(max(t_a**2 * var_a + t_b**2 * v.image, t_b**2 * v.fixed)))

    half = half_width(1 - level)
    return IntervalEstimate(
        mean=sample.mean,
        low=sample.mean - half,
        high=sample.mean + half,
        p=_level_at(half_width, abs(sample.mean)),
        seed_variance=max(var_a, v.fixed - v.image),
        seed_df=v.seed_df,
        image_variance=v.image,
        image_df=v.image_df,
        seeds=v.seeds,
        images=v.images,
    )


def image_interval(sample: Sample, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the mean for these very trainings on new images: its second term alone.

    It is meant for a single run, and does not cover what another training would give. NaN with a value that
    is NaN and with a single image.

    >>> right = np.array([[1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]])
    >>> low, high = image_interval(sample_of(right.mean(1), leave_one_out(right[..., None])[..., 0] / 7))
    >>> round(low, 2), round(high, 2)
    (0.36, 1.14)
    """
    images = sample.tested.sum(1)
    if images.min() < 2 or not np.isfinite(sample.influence).all():
        return float("nan"), float("nan")
    variance = (sample.influence @ sample.influence.T / (images * (images - 1))).mean()
    df = _image_df(sample.influence[:, sample.tested.any(0)].mean(0))
    half = float(-special.stdtrit(df, (1 - level) / 2) * np.sqrt(variance))
    return sample.mean - half, sample.mean + half


def _image_df(influence: Float[ndarray, "n"]) -> float:
    """Return the degrees of freedom of the variance of centred values, from their kurtosis."""
    images, square = len(influence), (influence**2).sum()
    if square == 0:
        return images - 1.0
    kurtosis = images * (influence**4).sum() / square**2
    return float(min(images - 1, 2 * images / max(kurtosis - 1, 1e-9)))


def _level_at(half_width: Callable[[float], float], distance: float) -> float:
    """Return the significance level p at which `half_width(p)` equals `distance`."""
    smallest = 1e-12
    if distance == 0 or half_width(1.0) >= distance:
        return 1.0
    if half_width(smallest) < distance:
        return smallest
    return float(optimize.brentq(lambda p: half_width(p) - distance, smallest, 1.0, xtol=1e-14, rtol=1e-9))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values for several tests (Holm 1979); NaN stays NaN and is not counted.

    Of m values the smallest is multiplied by m, the next by m - 1, and so on. Each product is
    raised to the largest one before it and limited to 1.

    >>> [round(p, 3) for p in holm([0.01, 0.04, float("nan")])]
    [0.02, 0.04, nan]
    """
    values = np.array(p, dtype=np.float64)
    tested = np.flatnonzero(np.isfinite(values))
    ascending = tested[np.argsort(values[tested])]
    products = values[ascending] * np.arange(len(ascending), 0, -1)
    values[ascending] = np.minimum(np.maximum.accumulate(products), 1.0)
    return tuple(values.tolist())


def detectable_difference(
    seeds: int,
    images: int,
    seed_sd: float = 0.01,
    image_sd: float = 0.08,
    image_df: float | None = None,
    power: float = 0.8,
    arms: int = 1,
    level: float = LEVEL,
    seed_level: float | None = None,
) -> float:
    """Return the smallest true difference that a comparison detects with the given power.

    It is in units of the score, and infinite for a single seed or image. The default deviations are rough
    values for the mIoU of small runs, for a forecast; `detectable_at_measured_spread` takes measured ones.

    Args:
        seeds, images: how many of each.
        seed_sd: standard deviation over seeds of the paired difference, in units of the score.
        image_sd: standard deviation over images, in units of the score: B is image_sd^2 / images.
        image_df: degrees of freedom of B; images - 1 if None.
        power: probability of detection, between 0 and 1.
        arms: how many arms are compared with the baseline; the first of Holm's steps tests at the
            significance level (1 - level) / arms.
        level: confidence level, between 0 and 1.
        seed_level: as of `estimate_mean`.

    >>> round(detectable_difference(seeds=3, images=60), 3)
    0.043
    >>> detectable_difference(3, 60) > detectable_difference(5, 60) > detectable_difference(5, 240)
    True
    """
    if seeds < 2 or images < 2:
        return float("inf")
    variances = np.array([seed_sd**2 / seeds, image_sd**2 / images])
    df = np.array([seeds - 1.0, images - 1.0 if image_df is None else image_df])
    return _detectable(variances, df, power, (1 - level) / arms, seed_level)


def detectable_at_measured_spread(
    estimate: IntervalEstimate,
    power: float = 0.8,
    arms: int = 1,
    level: float = LEVEL,
    seed_level: float | None = None,
) -> float:
    """Return the smallest true difference that these seeds and images detect with the given power.

    The variances are the measured ones of `estimate`. The result is in units of the score: at least half the
    length of the interval, infinite for a single seed or image, and NaN if the estimate has no interval for
    another reason.

    >>> gains = np.array([[0.01, 0.03, 0.02, 0.02], [0.02, 0.03, 0.02, 0.03], [0.02, 0.02, 0.01, 0.03]])
    >>> e = estimate_mean(sample_of(gains.mean(1), leave_one_out(gains[..., None])[..., 0] / 3))
    >>> detectable_at_measured_spread(e) > (e.high - e.low) / 2
    True
    """
    if estimate.seeds < 2 or estimate.images < 2:
        return float("inf")
    variances = np.array([estimate.seed_variance, estimate.image_variance])
    df = np.array([estimate.seed_df, estimate.image_df])
    return _detectable(variances, df, power, (1 - level) / arms, seed_level)


def _detectable(
    variances: Float[ndarray, "2"],
    df: Float[ndarray, "2"],
    power: float,
    tail: float,
    seed_level: float | None,
) -> float:
    """Solve for the difference whose power, averaged over both variance estimates, is `power`.

    variances: A and B, whose estimates follow chi-square distributions with `df` degrees of freedom; the mean
    is over their quantiles. The half width is that of `estimate_mean`, with A + B in place of J, which is no
    larger.
    """
    error = np.sqrt(variances.sum())
    if not error > 0:
        return float(error)
    if seed_level == 0:
        return float("inf")
    quantiles = (np.arange(200) + 0.5) / 200
    ratio_a, ratio_b = (stats.chi2.ppf(quantiles, d) / d for d in df)
    stricter = np.array([1.0 if seed_level is None else seed_level / ALPHA, 1.0])
    t_a, t_b = stats.t.isf(stricter * tail / 2, df)
    new_seeds = t_a**2 * variances[0] * ratio_a[:, None] + t_b**2 * variances[1] * ratio_b[None, :]
    fixed_seeds = t_b**2 * variances.sum() * ratio_b[None, :]
    half = np.sqrt(np.maximum(new_seeds, fixed_seeds))
    upper = half.max() + 10 * error
    return float(optimize.brentq(lambda d: stats.norm.sf((half - d) / error).mean() - power, 0.0, upper))
