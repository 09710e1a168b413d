"""Pay for looking at a result more than once.

Who adds seeds until a result looks good finds a difference where there is none: in simulations, 10% of the
time instead of 5% when looking at 2 to 10 seeds. A plan says at which numbers of seeds the result will be
looked at. At each look, the seed part of the interval is taken at a stricter significance level, the same for
all looks of a plan (Pocock 1977, "Group sequential methods in the design and analysis of clinical trials"),
such that the chance of a false alarm at any of the looks stays within the plan's budget.

The first plan spends `SHARE` of the 5%. Each further plan (seeds that are added to a finished comparison)
spends the same share of what the looks before it have left. Looks that a plan had foreseen but were never
taken cost nothing.

The level comes from simulated t-statistics of one growing sample of normal values. It depends on the numbers
of seeds alone. Compared with the confidence sequence of Wang and Ramdas (2025, "Anytime-valid t-tests and
confidence sequences for Gaussian means with unknown variance"), which holds for any number of looks, the
interval of looks at 3 to 20 seeds is shorter at 5, 10 and 20 seeds (`benchmarks/power.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

from foveate.verdicts.statistics import ALPHA

SHARE = 0.8
"""The share of the remaining false alarms that a plan may spend."""

SIMULATIONS = 100_000


@dataclass(frozen=True)
class LookPlan:
    """The numbers of seeds at which a result is looked at, rising.

    planned: all looks of the plan. taken: those that were taken so far.
    """

    planned: tuple[int, ...]
    taken: tuple[int, ...] = ()


@dataclass(frozen=True)
class Looks:
    """All looks at one comparison: its plans, the last of which is under way.

    >>> looks = Looks.once(3)
    >>> [round(level, 2) for level in looks.levels.values()]
    [0.04]
    >>> more = looks.take(3).plan((3, 4, 5))
    >>> more.plans[-1].planned, more.levels[5] < looks.levels[3]
    ((4, 5), True)
    """

    plans: tuple[LookPlan, ...]

    @classmethod
    def once(cls, seeds: int) -> "Looks":
        """Return the plan of a single look."""
        return cls((LookPlan((seeds,)),))

    @property
    def taken(self) -> tuple[int, ...]:
        """All looks that were taken, rising."""
        return tuple(look for plan in self.plans for look in plan.taken)

    @property
    def levels(self) -> dict[int, float]:
        """The significance level of the seed part of the interval, by look: those taken and those to come."""
        known = _levels(tuple((plan.planned, plan.taken) for plan in self.plans))
        last = len(self.plans) - 1
        return {
            look: level
            for number, (plan, level) in enumerate(zip(self.plans, known, strict=True))
            for look in (plan.planned if number == last else plan.taken)
        }

    def plan(self, planned: Sequence[int]) -> "Looks":
        """Return the looks with a new plan; looks that an earlier plan has taken are not planned again.

        If the plan under way has planned the same looks, it goes on.
        """
        last = self.plans[-1]
        if set(planned) <= {*last.planned, *self.taken}:
            return self
        taken = self.taken
        rest = tuple(sorted(look for look in planned if not taken or look > max(taken)))
        done = tuple(plan for plan in self.plans if plan.taken)
        return Looks((*done, LookPlan(rest))) if rest else self

    def take(self, seeds: int) -> "Looks":
        """Return the looks after one at this many seeds, which must be planned; a repeated look is free."""
        if seeds in self.taken:
            return self
        last = self.plans[-1]
        if seeds not in last.planned:
            raise ValueError(f"a look at {seeds} seeds is not planned, only at {last.planned}")
        return Looks((*self.plans[:-1], replace(last, taken=(*last.taken, seeds))))


@lru_cache(maxsize=256)
def _levels(plans: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> tuple[float, ...]:
    """Return the significance level of each plan, given as its planned and taken looks."""
    p = _p_values(tuple(sorted({look for planned, _ in plans for look in planned})))
    crossed = np.zeros(SIMULATIONS, dtype=bool)
    levels = []
    for planned, taken in plans:
        smallest = np.min([p[look] for look in planned], axis=0)
        budget = SHARE * (ALPHA - crossed.mean())
        smallest[crossed] = 1.0  # their false alarm has been paid for
        level = float(np.quantile(smallest, budget)) if budget > 0 else 0.0
        levels.append(level)
        for look in taken:
            crossed |= p[look] <= level
    return tuple(levels)


@lru_cache(maxsize=4)
def _p_values(looks: tuple[int, ...]) -> dict[int, Float[ndarray, "simulations"]]:
    """Return p-values of the t-test of growing samples of noise, by the size of the sample."""
    random = np.random.default_rng(0)
    sums, squares = np.zeros(SIMULATIONS), np.zeros(SIMULATIONS)
    values = {}
    for size in range(1, max(looks) + 1):
        noise = random.standard_normal(SIMULATIONS)
        sums += noise
        squares += noise**2
        if size in looks:
            mean = sums / size
            error = np.sqrt((squares / size - mean**2) / (size - 1))
            values[size] = 2 * special.stdtr(size - 1, -np.abs(mean) / error)
    return values
