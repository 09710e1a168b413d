"""Forecast how long a sweep takes and how much disk it fills, from a few timed steps of each kind of run."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from foveate.durations import duration as in_words
from foveate.experiments.job_count import duration
from foveate.experiments.sweeps.plan import PlannedRun, SweepPlan
from foveate.experiments.timing import step_seconds, steps_of_run
from foveate.loading.module import DataModule
from foveate.specs.run import RunSpec
from foveate.training.build import build_task

TIMED = 24
"""Kinds of runs that are timed at most; the others are taken to be like the middle one of these."""

CHECKPOINT = 4
"""Size of a checkpoint in sizes of the weights: weights, their average, and two moments of each."""


@dataclass(frozen=True)
class SweepForecast:
    """The expected duration and disk space of a sweep.

    runs, left: number of all runs and of those not done. seconds: of training and validation, one run after
    the other with all threads. kept: bytes that the finished runs take. passing: bytes of the checkpoint of
    a run under way. timed, kinds: how many kinds of runs were timed, of how many.
    """

    runs: int
    left: int
    seconds: float
    kept: float
    passing: float
    timed: int
    kinds: int

    def __add__(self, other: "SweepForecast") -> "SweepForecast":
        """Return the forecast of two sweeps that run one after the other."""
        return SweepForecast(
            self.runs + other.runs,
            self.left + other.left,
            self.seconds + other.seconds,
            self.kept + other.kept,
            max(self.passing, other.passing),
            self.timed + other.timed,
            self.kinds + other.kinds,
        )

    def describe(self, at_once: int) -> str:
        """Return the forecast in words, for so many runs at once.

        >>> SweepForecast(12, 10, 7200, 3e8, 1e8, 2, 2).describe(1)
        '10 left of 12 runs: about 2 h 0 min of training, 0.3 GB of disk (and 0.1 GB while they train).'
        """
        threads = torch.get_num_threads()
        share = duration(self.left, at_once, threads) / duration(self.left, 1, threads) if self.left else 1.0
        runs = f"{self.left} left of {self.runs} runs" if self.left < self.runs else f"{self.runs} runs"
        beside = f", {at_once} at once" if at_once > 1 else ""
        known = "" if self.timed == self.kinds else f" Timed {self.timed} of {self.kinds} kinds of runs."
        return (
            f"{runs}{beside}: about {in_words(share * self.seconds)} of training, {self.kept / 1e9:.1f} GB "
            f"of disk (and {at_once * self.passing / 1e9:.1f} GB while they train).{known}"
        )


def forecast_sweep(
    plan: SweepPlan,
    out: Path,
    accelerator: str = "auto",
    steps: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> SweepForecast:
    """Time a few steps of each kind of run that is left. Nothing is written.

    Two runs are of a kind if they differ in nothing that changes the time of a step. progress: called with
    the number of kinds that were timed, and of all to be timed.
    """
    jobs = {job.folder: job for job in plan.jobs(out, {})}
    left = [run for run in plan.runs if not jobs[run.folder(out).absolute()].is_complete]
    kinds: dict[str, list[PlannedRun]] = {}
    for run in left:
        kinds.setdefault(_kind(run.spec), []).append(run)
    timed = _spread(list(kinds), TIMED)
    data: DataModule | None = None
    found: dict[str, tuple[float, float]] = {}
    for number, kind in enumerate(timed, start=1):
        spec = jobs[kinds[kind][0].folder(out).absolute()].spec
        data = data and data.augmented_as(spec.data)
        if data is None or not data.serves(spec.data, None):
            data = DataModule(spec.data, spec.seed, spec.training.epochs)
        parameters = sum(parameter.numel() for parameter in build_task(spec, data).model.parameters())
        seconds = step_seconds(spec, data, accelerator, steps) * steps_of_run(spec.training, data)
        found[kind] = seconds / spec.training.epochs, 4.0 * parameters
        if progress:
            progress(number, len(timed))
    usual = tuple(statistics.median(column) for column in zip(*found.values(), strict=True)) or (0.0, 0.0)
    seconds = kept = passing = 0.0
    for kind, runs in kinds.items():
        an_epoch, weights = found.get(kind, usual)
        seconds += an_epoch * sum(run.spec.training.epochs for run in runs)
        kept += weights * len(runs)
        passing = max(passing, CHECKPOINT * weights)
    return SweepForecast(len(plan.runs), len(left), seconds, kept, passing, len(timed), len(kinds))


def _kind(spec: RunSpec) -> str:
    """Return what two runs have in common whose steps take equally long."""
    data = replace(spec.data, fold=None, split_seed=0, test_scales=(), test_flip=False)
    model = replace(spec.model, encoder_weights="")
    return repr((data, model, spec.training.precision, spec.training.loss, spec.training.ema))


def _spread(kinds: Sequence[str], most: int) -> list[str]:
    """Return at most so many of the kinds, evenly spread."""
    if len(kinds) <= most:
        return list(kinds)
    return [kinds[number * len(kinds) // most] for number in range(most)]
