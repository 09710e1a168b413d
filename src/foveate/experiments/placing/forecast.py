"""How long a search takes, and the rounds that fit into a budget of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch

from foveate.durations import duration
from foveate.errors import UserError
from foveate.experiments.job_count import duration as duration_of_jobs
from foveate.experiments.overheads import Overheads, measure_overheads
from foveate.experiments.placing.plan import PlacementPlan
from foveate.experiments.placing.rounds import PlannedRound, Rounds, plan_rounds
from foveate.experiments.placing.screen import BATCHES
from foveate.experiments.timing import step_seconds, steps_of_run
from foveate.specs.placement import shortened

HOST, SCORES, COMPARISON = "host", "scores", "comparison"
"""Names of stages, beside "round 1" and so on."""

SHORT = 4
"""The host of the cheap scores trains for one of so many parts of the epochs."""

MOST_SHRINK = 6

SCREENED = 0.5
"""The share of the candidates that a cheap score lets pass."""


@dataclass(frozen=True)
class Pace:
    """How long parts of a search take, in seconds. step: a training step of the host."""

    plan: PlacementPlan
    step: float
    overheads: Overheads

    def run(self, epochs: int, slowdown: float) -> float:
        """Return the time of a training run of an arm that is so much slower than the host."""
        training = shortened(self.plan.spec.training, epochs)
        steps = steps_of_run(training, self.plan.data)
        return self.overheads.start + epochs * self.overheads.epoch + steps * self.step * slowdown

    def round(self, one: PlannedRound, arms: Sequence[str]) -> float:
        """Return the time of a round, one run after the other. arms: of the candidates that may take part."""
        usual = median(self.plan.slowdowns[arm].ratio for arm in arms)
        seeds = self.plan.spec.trial_seeds
        return seeds * (self.run(one.epochs, 1.0) + one.entering * self.run(one.epochs, usual))

    def comparison(self, arms: Sequence[str], survivors: int) -> float:
        """Return the time of the final comparison, one run after the other."""
        spec = self.plan.spec
        epochs = spec.training.epochs
        usual = median(self.plan.slowdowns[arm].ratio for arm in arms)
        others = survivors * (1 + spec.placebo)
        runs = self.run(epochs, 1.0) + others * self.run(epochs, usual)
        scoring = self.overheads.score * (1 + others)
        return spec.seeds * (runs + scoring) + self.overheads.conclude * (1 + others)


@dataclass(frozen=True)
class PlacementForecast:
    """What a search will do, and the seconds that each stage takes, by name."""

    rounds: Rounds
    stages: dict[str, float]
    jobs: int = 1

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


def measure_pace(plan: PlacementPlan) -> Pace:
    """Time a few training steps and a short run of the host. Only a temporary folder is written."""
    run = plan.spec.host()
    step = step_seconds(run, plan.data, plan.trainer_flags.get("accelerator", "auto"))
    final = plan.trials(plan.spec.final([plan.candidates[0].arm]))
    return Pace(plan, step, measure_overheads(final, step))


def forecast_placement(
    pace: Pace, jobs: int = 1, budget: float | None = None, begun: Rounds | None = None
) -> PlacementForecast:
    """Return the stages of a search with `jobs` runs at once; rounds are shortened to fit into a budget.

    begun: the rounds of a search that goes on. They stay as they are, and what is finished takes no time.

    Raises `UserError` for a budget, in seconds, that even the shortest rounds of a new search exceed.
    """
    if begun is not None:
        return _forecast_rest(pace, jobs, begun)
    expected = _forecast(pace, jobs, 0)
    shrink = 0
    while budget is not None and expected.seconds > budget and shrink < MOST_SHRINK:
        shrink += 1
        expected = _forecast(pace, jobs, shrink)
    if budget is not None and expected.seconds > budget:
        final = expected.stages[COMPARISON]
        raise UserError(
            f"budget: {duration(budget)} is too short: the search takes at least "
            f"{duration(expected.seconds)}, of which {duration(final)} are the final comparison. Give a "
            "longer budget, or fewer epochs, seeds, survivors, mechanisms or places"
        )
    return expected


def entering(count: int, survivors: int, screen: str) -> int:
    """Return how many of the candidates are trained.

    >>> entering(24, 3, "none"), entering(24, 3, "trial"), entering(4, 3, "trial")
    (24, 12, 3)
    """
    return count if screen == "none" else max(min(count, survivors), round(SCREENED * count))


def _forecast(pace: Pace, jobs: int, shrink: int) -> PlacementForecast:
    plan, spec = pace.plan, pace.plan.spec
    arms = tuple(candidate.arm for candidate in plan.candidates)
    trained = entering(len(arms), spec.survivors, spec.screen)
    rounds = plan_rounds(trained, spec.survivors, spec.training.epochs, plan.steps_per_epoch, shrink)
    stages: dict[str, float] = {}
    if spec.screen != "none":
        stages[HOST] = pace.run(short_epochs(spec.training.epochs), 1.0)
        passes = len(arms) if spec.screen == "trial" else 2
        stages[SCORES] = BATCHES * pace.step * passes
    stages |= _trained(pace, jobs, arms, rounds, min(spec.survivors, trained))
    return PlacementForecast(Rounds(arms, rounds), stages, jobs)


def _forecast_rest(pace: Pace, jobs: int, begun: Rounds) -> PlacementForecast:
    survivors = min(pace.plan.spec.survivors, len(begun.arms))
    stages = _trained(pace, jobs, begun.arms, begun.left, survivors, 1 + len(begun.finished))
    return PlacementForecast(begun, stages, jobs)


def _trained(
    pace: Pace,
    jobs: int,
    arms: Sequence[str],
    rounds: Sequence[PlannedRound],
    survivors: int,
    first: int = 1,
) -> dict[str, float]:
    """Return the seconds of rounds, numbered from `first`, and of the comparison.

    arms: those that may take part.
    """
    spec, threads = pace.plan.spec, torch.get_num_threads()
    stages = {}
    for number, one in enumerate(rounds, start=first):
        runs = (one.entering + 1) * spec.trial_seeds
        stages[f"round {number}"] = pace.round(one, arms) * _share(runs, jobs, threads)
    runs = (survivors * (1 + spec.placebo) + 1) * spec.seeds
    stages[COMPARISON] = pace.comparison(arms, survivors) * _share(runs, jobs, threads)
    return stages


def _share(runs: int, jobs: int, threads: int) -> float:
    """Return how long runs take with `jobs` at once, as a share of one after the other."""
    return duration_of_jobs(runs, jobs, threads) / duration_of_jobs(runs, 1, threads)


def short_epochs(epochs: int) -> int:
    """Return the epochs of the host that candidates are scored on.

    >>> short_epochs(30), short_epochs(2)
    (8, 1)
    """
    return -(-epochs // SHORT)
