r"""The statistics behind a verdict: is the difference between two arms more than luck?

Two kinds of luck enter D, the mean over S seeds of the paired differences D_s of a dataset-wide score:

    D_s = delta + t_s + u + e_s     t_s: training, new for each seed
                                    u:   the n test images, the same for every seed
                                    e_s: how the images and seed s happen to suit each other

so that Var(D) = [Var(t) + Var(e)] / S + Var(u) = A + B.

A: the variance of the D_s over seeds, divided by S. It holds t and e; it cannot see u, which moves all seeds
alike.

B: from leaving out one image after the other (the jackknife), for both arms and all seeds at once. With p_si
the influence of image i on D_s, (n - 1) times what leaving it out takes away, centred over the images, the
covariance of two seeds under a new draw of the images is C_ss' = sum_i p_si p_s'i / (n (n - 1)). The mean of
all C_ss' is J, the variance of D for these very seeds on other images. It holds Var(u) + Var(e) / S, and
adding it to A as it is would count Var(e) / S twice. What two different seeds share is u alone, so

    B = mean of C_ss' over s != s', and 0 where that is negative.

How well B is known depends on how many images carry it: mIoU leans on the few that show a rare class. Its
degrees of freedom are those of a variance estimated from n values with kurtosis k, b = 2 n / (k - 1), at most
n - 1, with k from the seeds' mean influences.

The 95% interval is D +- h, t_a and t_b being the 97.5% points of Student's t with a = S - 1 and b degrees of
freedom, and

    h = max( sqrt(t_a^2 A + t_b^2 B), t_b sqrt(J) ).

The first is the interval of Banerjee (1960), "Approximate confidence interval for linear functions of means
of k populations when the population variances are not equal", Sankhya 22. For independent normal estimates
its coverage is proven to be at least the level, whatever the ratio of A to B. The second is the interval for
these very seeds on fresh images, and J estimates A + B - Var(t) / S: nobody is surer about fresh seeds than
about these. In truth the first is never the shorter one, but A rests on S values, and a score on few images
takes few values: with one image of 40 more right for every seed, another one for each, the D_s coincide and
share nothing, A = B = 0, and yet every D_s hangs on one image. As a maximum of the two, h only widens the
first interval, so its coverage stands. For the same reason `seed_variance` is reported as J - B, which is
Var(e) / S, where A comes out below that. (With that in place of A under t_a, the interval would also be safe,
but at 2 and 3 seeds it would find a half or less of what this one finds.)

The p-value is the level at which the interval touches 0.

What is not done, and why (`benchmarks/false_alarms.py`; 60 images, mIoU with rare classes, 2 to 8 seeds): one
t for A + B with Satterthwaite's degrees of freedom is shorter, but announces differences where there are none
in 8% of cases at 2 seeds and 6% at 3 when training is the larger luck (up to 12% as it grows), since a seed
variance that is small by chance also makes the degrees of freedom look large. The bootstrap over images gives
a B that is 10% too small there, which costs up to 6% false alarms where seeds are many; the jackknife errs to
the safe side (Efron and Stein 1981). What is done here stays near 4% or below, for accuracy on 30 images too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray
from scipy import optimize, stats

LEVEL = 0.95


@dataclass(frozen=True)
class IntervalEstimate:
    """A mean over seeds with its interval; low, high and p are NaN where there is a single seed.

    `seed_variance` and `image_variance` are A (at least J - B) and B of this module: the two parts of the
    squared standard error. `p` tests against 0 and means something for differences only.
    """

    mean: float
    low: float
    high: float
    p: float
    seed_variance: float
    image_variance: float
    image_df: float
    seeds: int
    images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def leave_one_out(values: Num[ndarray, "seeds n f"]) -> Num[ndarray, "seeds n f"]:
    """Sums over all images but one: entry `i` of the second axis leaves out image `i`.

    >>> leave_one_out(np.array([[[1], [2], [4]]])).ravel().tolist()
    [6, 5, 3]
    """
    return values.sum(axis=1, keepdims=True) - values


def estimate_mean(
    per_seed: Float[ndarray, "seeds"], left_out: Float[ndarray, "seeds n"], level: float = LEVEL
) -> IntervalEstimate:
    """Join the spread over seeds and the spread over images into one interval (see the module).

    `per_seed` is the score, or paired difference, of each seed on all images; `left_out[s, i]` the same
    without image `i`. Where one of them is undefined (NaN), or with a single seed or image, there is no
    interval.

    >>> gains = np.array([[0.01, 0.03, 0.02, 0.02], [0.02, 0.03, 0.02, 0.03], [0.02, 0.02, 0.01, 0.03]])
    >>> e = estimate_mean(gains.mean(1), leave_one_out(gains[..., None])[..., 0] / 3)
    >>> round(e.mean, 3), round(e.low, 3), round(e.high, 3), round(e.p, 3)
    (0.022, 0.011, 0.032, 0.01)
    """
    seeds, images = left_out.shape
    mean = float(np.mean(per_seed))
    if seeds < 2 or images < 2 or not (np.isfinite(mean) and np.isfinite(left_out).all()):
        nan = float("nan")
        return IntervalEstimate(mean, nan, nan, nan, nan, nan, nan, seeds, images)
    influence = (images - 1) * (left_out.mean(axis=1, keepdims=True) - left_out)
    covariance = influence @ influence.T / (images * (images - 1))
    of_these_seeds = float(covariance.mean())
    shared = float(covariance.sum() - covariance.trace()) / (seeds * (seeds - 1))
    over_seeds, image_variance = float(np.var(per_seed, ddof=1)) / seeds, max(shared, 0.0)
    seed_variance = max(over_seeds, of_these_seeds - image_variance)
    df = np.array([seeds - 1, _image_df(influence.mean(0))])

    def half_width(tail: float) -> float:
        of_seeds, of_images = stats.t.isf(tail / 2, df) ** 2
        square = max(of_seeds * over_seeds + of_images * image_variance, of_images * of_these_seeds)
        return float(np.sqrt(square))

    half = half_width(1 - level)
    p = _level_at(half_width, abs(mean))
    return IntervalEstimate(
        mean, mean - half, mean + half, p, seed_variance, image_variance, float(df[1]), seeds, images
    )


def _image_df(influence: Float[ndarray, "n"]) -> float:
    """Degrees of freedom of a variance from these centred values, by their kurtosis."""
    images, square = len(influence), (influence**2).sum()
    if square == 0:
        return images - 1.0
    kurtosis = images * (influence**4).sum() / square**2
    return float(min(images - 1, 2 * images / max(kurtosis - 1, 1e-9)))


def _level_at(half_width: Callable[[float], float], distance: float) -> float:
    """The p at which an interval of that half width just reaches `distance`."""
    smallest = 1e-12
    if distance == 0:
        return 1.0
    if half_width(smallest) < distance:
        return smallest
    return float(optimize.brentq(lambda p: half_width(p) - distance, smallest, 1.0, xtol=1e-14, rtol=1e-9))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values for having asked several questions (Holm 1979); NaN stays NaN and is not counted.

    Of m values the smallest is multiplied by m, the next by m - 1, and so on; none becomes smaller than one
    before it, or larger than 1.

    >>> [round(p, 3) for p in holm([0.01, 0.04, float("nan")])]
    [0.02, 0.04, nan]
    """
    values = np.array(p, dtype=np.float64)
    asked = np.flatnonzero(np.isfinite(values))
    rising = asked[np.argsort(values[asked])]
    steps = values[rising] * np.arange(len(rising), 0, -1)
    values[rising] = np.minimum(np.maximum.accumulate(steps), 1.0)
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
) -> float:
    """The smallest true difference that a comparison finds with the given power; infinite for a single seed.

    `seed_sd`: standard deviation over seeds of the paired difference; `image_sd`: what the images contribute,
    so that image_sd^2 / images is the image variance of this module (both in units of the score). The
    defaults are rough values for mIoU of small runs, for a forecast; `detectable_at_measured_spread` takes measured
    ones. `image_df`: degrees of freedom of the image variance; images - 1 if None. `arms` is how many arms
    are compared with the baseline: the first of Holm's steps asks for (1 - level) / arms.

    >>> round(detectable_difference(seeds=3, images=60), 3)
    0.043
    >>> detectable_difference(3, 60) > detectable_difference(5, 60) > detectable_difference(5, 240)
    True
    """
    if seeds < 2 or images < 2:
        return float("inf")
    variances = np.array([seed_sd**2 / seeds, image_sd**2 / images])
    df = np.array([seeds - 1.0, images - 1.0 if image_df is None else image_df])
    return _detectable(variances, df, power, (1 - level) / arms)


def detectable_at_measured_spread(
    of: IntervalEstimate, power: float = 0.8, arms: int = 1, level: float = LEVEL
) -> float:
    """The smallest true difference that these seeds and images find with the given power, at the spread that
    was measured with them; NaN where the estimate has no interval. It is never below half the interval.

    >>> gains = np.array([[0.01, 0.03, 0.02, 0.02], [0.02, 0.03, 0.02, 0.03], [0.02, 0.02, 0.01, 0.03]])
    >>> e = estimate_mean(gains.mean(1), leave_one_out(gains[..., None])[..., 0] / 3)
    >>> detectable_at_measured_spread(e) > (e.high - e.low) / 2
    True
    """
    if of.seeds < 2 or of.images < 2:
        return float("inf")
    variances = np.array([of.seed_variance, of.image_variance])
    return _detectable(variances, np.array([of.seeds - 1.0, of.image_df]), power, (1 - level) / arms)


def _detectable(variances: Float[ndarray, "2"], df: Float[ndarray, "2"], power: float, tail: float) -> float:
    """Average the power over the chi-square spread of both variance estimates, by their quantiles.

    The half width is that of `estimate_mean`, with A + B for J, which is no larger.
    """
    error = np.sqrt(variances.sum())
    if not error > 0:
        return float(error)
    quantiles = (np.arange(200) + 0.5) / 200
    over_seeds, over_images = (stats.chi2.ppf(quantiles, d) / d for d in df)
    points = stats.t.isf(tail / 2, df) ** 2
    both = points[0] * variances[0] * over_seeds[:, None] + points[1] * variances[1] * over_images[None, :]
    half = np.sqrt(np.maximum(both, points[1] * variances.sum() * over_images[None, :]))
    upper = half.max() + 10 * error
    return float(optimize.brentq(lambda d: stats.norm.sf((half - d) / error).mean() - power, 0.0, upper))
