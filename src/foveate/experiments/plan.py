"""Plan a comparison before training: open the data, build every arm, and forecast how long the runs take."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from foveate.errors import UserError
from foveate.experiments.arms import PlannedArm, plan_arms
from foveate.experiments.job_count import duration
from foveate.experiments.overheads import measure_overheads
from foveate.experiments.resuming import check_continues
from foveate.experiments.timing import step_seconds, steps_of_run
from foveate.loading.module import DataModule
from foveate.models.create import resolve_encoder
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.folds import fold_of
from foveate.training.build import build_task
from foveate.training.run_directory import Run
from foveate.verdicts.statistics import detectable_difference
from foveate.verdicts.verdict import detectable_words

HOPELESS = 0.5
"""If the detectable difference (in the score, 0 to 1) is at least this, more images or seeds are advised."""


@dataclass(frozen=True)
class Plan:
    """A comparison that is ready to start: its images were read, and every arm was built once.

    data: set up, with the splits of the first seed. arms: every contender, the host first. trainer_flags:
    arguments of Lightning's Trainer. folds: a module for each fold, empty if all seeds have one split; all
    share the decoded images.
    """

    spec: ComparisonSpec
    data: DataModule
    arms: tuple[PlannedArm, ...]
    trainer_flags: Mapping[str, Any] = field(default_factory=dict)
    folds: Mapping[str, DataModule] = field(default_factory=dict)

    def module(self, seed: int) -> DataModule:
        """Return the data of a seed's runs: all images, in the splits of its fold."""
        fold = fold_of(seed, self.spec.folds)
        return self.data if fold is None else self.folds[fold]

    @property
    def judged(self) -> tuple[PlannedArm, ...]:
        """The contenders that get a verdict adjusted for their number: neither the reference nor placebos."""
        reference = self.spec.reference_arm
        return tuple(arm for arm in self.arms if arm.role != "placebo" and arm.arm != reference)

    @property
    def test_stems(self) -> tuple[str, ...]:
        """The images that at least one seed tests."""
        tested = (self.module(seed).dataset.index("test") for seed in self.spec.seed_numbers)
        return tuple(dict.fromkeys(entry.stem for entries in tested for entry in entries))

    @property
    def groups(self) -> dict[str, str]:
        """The group of each image that is in one, by the image's stem."""
        entries = (entry for held in self.data.dataset.splits.values() for entry in held)
        return {entry.stem: entry.group for entry in entries if entry.group is not None}

    def split_tables(self) -> dict[str, Any]:
        """Return the record of the splits: the stems of train, val and test, or those of each fold."""
        if not self.folds:
            return self.data.dataset.split_table()
        return {fold: module.dataset.split_table() for fold, module in self.folds.items()}

    @property
    def runs(self) -> list[tuple[PlannedArm, int]]:
        """All runs, seed by seed, so that all arms can be compared once two seeds are done."""
        return [(arm, seed) for seed in self.spec.seed_numbers for arm in self.arms]

    def folder(self, out: Path, arm: PlannedArm, seed: int) -> Path:
        """Return the run directory of an arm and seed in the comparison's folder `out`."""
        return out / "runs" / arm.folder / f"seed{seed}"


@dataclass(frozen=True)
class Forecast:
    """The expected duration and sensitivity of a comparison.

    seconds: time for all remaining work. in_steps: the time for its training steps and validation, one run
    after the other. jobs: number of runs at once. runs, runs_done: number of all runs and of complete ones.
    epochs: of each run. test_images: their number. memory: where the images are kept, in words. detectable:
    the smallest true difference (in the score, 0 to 1) that is detected with a probability of 80%, given the
    spread typical of small runs.
    """

    seconds: float
    runs: int
    runs_done: int
    epochs: int
    test_images: int
    memory: str
    detectable: float
    in_steps: float = 0.0
    jobs: int = 1

    def at_once(self, jobs: int) -> "Forecast":
        """Return the forecast for `jobs` runs at once, each with its share of this process's threads.

        >>> Forecast(100, 2, 0, 2, 60, "all", 0.1, in_steps=80).at_once(1).seconds
        100.0
        """
        left, threads = self.runs - self.runs_done, torch.get_num_threads()
        share = duration(left, jobs, threads) / duration(left, 1, threads) if left else 1.0
        return replace(self, seconds=self.seconds - (1 - share) * self.in_steps, jobs=jobs)

    def describe(self) -> str:
        """Return the forecast as two lines of text for the user.

        >>> Forecast(5400, 9, 0, 20, 60, "14 images fit in memory", 0.043).describe().splitlines()[0]
        '9 runs of 20 epochs: about 1 h 30 min; 14 images fit in memory.'
        >>> "for 2 test images: with the spread typical" in Forecast(60, 9, 4, 2, 2, "all", 1.8).describe()
        True
        >>> "Add test images or seeds." in Forecast(60, 9, 4, 2, 2, "all", 1.8).describe()
        True
        """
        left = f"{self.runs - self.runs_done} left of " if self.runs_done else ""
        at_once = f", {self.jobs} at once" if self.jobs > 1 else ""
        hopeless = " Add test images or seeds." if self.detectable >= HOPELESS else ""
        words = detectable_words(self.detectable, "forecast")
        return (
            f"{left}{self.runs} runs of {self.epochs} epoch{'s' * (self.epochs > 1)}{at_once}: "
            f"about {_about(self.seconds)}; {self.memory}.\n"
            f"Forecast for {self.test_images} test images: {words[0].lower()}{words[1:]}{hopeless}"
        )


def make_plan(
    spec: ComparisonSpec, out: Path | None = None, trainer_flags: Mapping[str, Any] | None = None
) -> Plan:
    """Open the data, build every arm, and read every image once. Nothing is written.

    A comparison that was started in `out` keeps its recorded splits, even if files were added.

    Raises `UserError` for invalid data, hosts, arms, places and options, a damaged image in any split, an
    `out` that holds a comparison with another spec, and several devices.
    """
    flags = dict(trainer_flags or {})
    check_one_device(flags.get("devices", 1))
    if out is not None and (out / "comparison.yaml").is_file():
        spec = replace(spec, model=spec.model.continuing(ComparisonSpec.load(out / "comparison.yaml").model))
    spec = replace(spec, model=resolve_encoder(spec.model))
    if out is not None:
        check_continues(spec, out)
    data, folds = _open(spec, out)

    def build(arm: str) -> torch.nn.Module:
        run = spec.run(arm, spec.first_seed)
        return build_task(run, data.augmented_as(run.data)).model

    arms = plan_arms(spec.arms, spec.placebo, build)
    _check_references(spec, arms)
    data.decode()
    return Plan(spec, data, arms, flags, folds)


def _open(spec: ComparisonSpec, out: Path | None) -> tuple[DataModule, dict[str, DataModule]]:
    """Open the data in the splits of the first seed, and in every fold; recorded splits are kept."""
    fold = fold_of(spec.first_seed, spec.folds)
    first = spec.run("none", spec.first_seed).data
    options = (first, spec.first_seed, spec.training.epochs)
    splits = None if out is None else recorded_splits(out, fold)
    data = DataModule(*options, splits=splits if fold else None)
    if splits not in (None, data.dataset.split_table()):
        data = DataModule(*options, splits=splits)
    data.setup()
    if fold is None:
        return data, {}
    names = [f"{number}/{spec.folds}" for number in range(1, spec.folds + 1)]
    folds = {name: data.in_fold(name, out and recorded_splits(out, name)) for name in names}
    return folds[fold], folds


def recorded_splits(out: Path, fold: str | None = None) -> dict[str, list[str]] | None:
    """Return the stems of train, val and test, of a fold if given, recorded by the comparison in `out`.

    None if there is no comparison, or if it has one split and a fold is asked for, or the other way round.
    """
    record = Run(out)
    if not ((out / "comparison.yaml").is_file() and record.splits_file.is_file()):
        return None
    folds = record.splits_by_fold
    if fold is not None:
        return folds.get(fold)
    return None if folds else record.splits


def _check_references(spec: ComparisonSpec, arms: Sequence[PlannedArm]) -> None:
    """Raise `UserError` for a reference or contrast of a placebo without a size, which is named after it."""
    known = {arm.arm for arm in arms}
    for name in {spec.reference_arm, *itertools.chain.from_iterable(spec.contrast_pairs)} - known:
        raise UserError(
            f"'{name}' is a placebo that takes its size from the arm beside it, and every arm is compared "
            "with its placebo anyway; leave it out of reference and contrasts, or write its size: "
            f"{name}(parameters=1000)"
        )


def check_one_device(devices: Any) -> None:
    """Raise `UserError` for several devices: each run of a comparison trains on one."""
    if (len(devices) if isinstance(devices, list | tuple) else devices) != 1:
        raise UserError(
            f"devices is {devices}: a comparison trains each of its runs on one device; "
            "set it to 1, or train a single arm on several with `foveate fit`"
        )


def forecast(plan: Plan, out: Path | None = None, steps: int = 3) -> Forecast:
    """Time a few training steps of every arm and a short run of the host, and forecast the remaining time.

    It covers training, saving, scoring, measuring costs and drawing pictures. Every crop of a crop_schedule
    is timed and weighted by its share of the epochs. Validation is taken to need a third of the time of as
    many training steps. Only a temporary folder is written.

    Args:
        plan: the comparison.
        out: its folder; runs that are complete there are not counted.
        steps: timed steps for each arm and crop.
    """
    spec, data = plan.spec, plan.data
    epochs, left = spec.training.epochs, _runs_left(plan, out)
    step = {arm: _step_seconds(plan, arm, steps) for arm, runs in left.items() if runs}
    per_run = steps_of_run(plan.spec.training, plan.data)
    seconds = in_steps = sum(seconds * per_run * left[arm] for arm, seconds in step.items())
    if step:
        overheads = measure_overheads(plan, next(iter(step.values())))
        seconds += (overheads.start + epochs * overheads.epoch + overheads.score) * sum(left.values())
        seconds += overheads.conclude * len(plan.arms)
    images = len(plan.test_stems)
    detectable = detectable_difference(spec.seeds, images, arms=len(plan.judged))
    done = len(plan.runs) - sum(left.values())
    return Forecast(seconds, len(plan.runs), done, epochs, images, data.plan, detectable, in_steps)


def note_on_budget(budget: float, expected: Forecast) -> str:
    """Return a warning if a budget in seconds ends before the first look, which is taken in any case; or "".

    Raises `UserError` if it is too short for a single run, and says how long one takes.
    """
    left = expected.runs - expected.runs_done
    if not left or budget >= expected.seconds:
        return ""
    one = expected.seconds / left
    takes = f"its {left} runs take about {_about(expected.seconds)}, {_about(one)} each"
    if budget < one:
        raise UserError(
            f"budget: {_about(budget)} is too short for a single run; {takes}. Give a longer budget, "
            "fewer epochs or a smaller size"
        )
    return f"The budget of {_about(budget)} ends before the first look: {takes}."


def seconds_in_steps(plan: Plan, out: Path | None = None, steps: int = 3) -> float:
    """Return the part `in_steps` of the forecast. It takes a few training steps of every arm."""
    return sum(
        _step_seconds(plan, arm, steps) * steps_of_run(plan.spec.training, plan.data) * runs
        for arm, runs in _runs_left(plan, out).items()
        if runs
    )


def _runs_left(plan: Plan, out: Path | None) -> dict[PlannedArm, int]:
    """Return the number of incomplete runs of each arm."""
    complete = [arm for arm, seed in plan.runs if out and Run(plan.folder(out, arm, seed)).is_complete]
    return {arm: plan.spec.seeds - complete.count(arm) for arm in plan.arms}


def _step_seconds(plan: Plan, arm: PlannedArm, steps: int) -> float:
    spec = plan.spec.run(arm.arm, plan.spec.first_seed)
    return step_seconds(spec, plan.data, plan.trainer_flags.get("accelerator", "auto"), steps)


def _about(seconds: float) -> str:
    """Return a duration in words, rounded to minutes.

    >>> _about(42), _about(5400), _about(100)
    ('1 minute', '1 h 30 min', '2 minutes')
    """
    minutes = max(1, round(seconds / 60))
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} minute{'s' * (minutes > 1)}"
