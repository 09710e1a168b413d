"""Before anything is trained: open the data, build every arm, and see how long the runs will take."""

import itertools
import math
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from foveate.errors import UserError
from foveate.experiments.arms import PlannedArm, plan_arms
from foveate.experiments.overheads import measure_overheads
from foveate.experiments.resuming import check_continues
from foveate.loading.module import DataModule
from foveate.models.create import resolve_encoder
from foveate.specs.comparison import ComparisonSpec
from foveate.training.build import build_task
from foveate.training.environment import device_kind, lightning_precision
from foveate.training.optimization import create_optimizer, parameter_groups
from foveate.training.run_directory import Run
from foveate.verdicts.statistics import detectable_difference
from foveate.verdicts.verdict import detectable_words

HOPELESS = 0.5
"""From a detectable difference of this on, the user is told to add test images or seeds."""


@dataclass(frozen=True)
class Plan:
    """A comparison that can start: its images were read, every arm was built once.

    `data` is set up; `arms` holds every contender, the host first; runs are seed by seed, so that all arms
    can be compared as soon as two seeds are done. `trainer_flags` go to Lightning's Trainer.
    """

    spec: ComparisonSpec
    data: DataModule
    arms: tuple[PlannedArm, ...]
    trainer_flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> list[tuple[PlannedArm, int]]:
        """Every run, seed by seed."""
        return [(arm, seed) for seed in self.spec.seed_numbers for arm in self.arms]

    def folder(self, out: Path, arm: PlannedArm, seed: int) -> Path:
        """Where a run lives under the comparison's directory."""
        return out / "runs" / arm.folder / f"seed{seed}"


@dataclass(frozen=True)
class Forecast:
    """What a comparison will take.

    `seconds`: all that is left to do, scores and pictures included; `in_steps`: of these, training steps and
    validation. `memory`: where the images are kept.
    `detectable`: a forecast of the smallest true difference (in the score, 0 to 1) that it has an 80% chance
    to show, from the spread that small runs usually have.
    """

    seconds: float
    runs: int
    runs_done: int
    epochs: int
    test_images: int
    memory: str
    detectable: float
    in_steps: float = 0.0

    def describe(self) -> str:
        """All of it in a sentence or two for the user.

        >>> Forecast(5400, 9, 0, 20, 60, "14 images fit in memory", 0.043).describe().splitlines()[0]
        '9 runs of 20 epochs: about 1 h 30 min; 14 images fit in memory.'
        >>> "Add test images or seeds." in Forecast(60, 9, 4, 2, 2, "all", 1.8).describe()
        True
        """
        left = f"{self.runs - self.runs_done} left of " if self.runs_done else ""
        hopeless = " Add test images or seeds." if self.detectable >= HOPELESS else ""
        words = detectable_words(self.detectable, "forecast")
        return (
            f"{left}{self.runs} runs of {self.epochs} epoch{'s' * (self.epochs > 1)}: "
            f"about {_about(self.seconds)}; {self.memory}.\n"
            f"Forecast for {self.test_images} test images: {words}{hopeless}"
        )


def make_plan(
    spec: ComparisonSpec, out: Path | None = None, trainer_flags: Mapping[str, Any] | None = None
) -> Plan:
    """Open the data, build every arm, and read every image once. Nothing is written.

    A comparison that was begun in `out` keeps its splits, whatever files were added since.

    Raises `UserError` for data, hosts, arms, places and options that are wrong, an image of any split that is
    broken, an `out` that holds a comparison with another spec, and for several devices.
    """
    flags = dict(trainer_flags or {})
    _check_one_device(flags.get("devices", 1))
    spec = replace(spec, model=resolve_encoder(spec.model))
    if out is not None:
        check_continues(spec, out)
    begun = None if out is None else recorded_splits(out)
    data = DataModule(spec.data, spec.first_seed, epochs=spec.training.epochs)
    if begun not in (None, data.dataset.split_table()):
        data = DataModule(spec.data, spec.first_seed, epochs=spec.training.epochs, splits=begun)
    data.setup()

    def build(arm: str) -> torch.nn.Module:
        return build_task(spec.run(arm, spec.first_seed), data).model

    arms = plan_arms(spec.arms, spec.placebo, build)
    data.decode()
    return Plan(spec, data, arms, flags)


def recorded_splits(out: Path) -> dict[str, list[str]] | None:
    """The stems of train, val and test that the comparison in `out`, if any, was begun with."""
    record = Run(out)
    begun = (out / "comparison.yaml").is_file() and record.splits_file.is_file()
    return record.splits if begun else None


def _check_one_device(devices: Any) -> None:
    if (len(devices) if isinstance(devices, list | tuple) else devices) != 1:
        raise UserError(
            f"devices is {devices}: the runs of a comparison are trained one after the other on one device; "
            "set it to 1, or train a single arm on several with `foveate fit`"
        )


def forecast(plan: Plan, out: Path | None = None, steps: int = 3) -> Forecast:
    """Time a few real training steps of every arm and a short run of the host, and say how long everything
    will take that is left: training, saving, scoring, measuring costs, drawing pictures.

    `out` is the comparison's directory: runs that are complete there are not counted. Every crop of a
    crop_schedule is timed and counts for its share of the epochs; validations count as a third of the
    training steps that as many images would take. Nothing is written but to a temporary folder.
    """
    spec, data = plan.spec, plan.data
    train, val = (math.ceil(len(data.dataset.index(s)) / data.batch) for s in ("train", "val"))
    epochs = spec.training.epochs
    per_run = epochs * train + epochs / spec.training.validate_every * val / 3
    complete = [arm for arm, seed in plan.runs if out and Run(plan.folder(out, arm, seed)).is_complete]
    left = {arm: spec.seeds - complete.count(arm) for arm in plan.arms}
    step = {arm: _step_seconds(plan, arm, steps) for arm, runs in left.items() if runs}
    seconds = in_steps = sum(seconds * per_run * left[arm] for arm, seconds in step.items())
    if step:
        beside = measure_overheads(plan, next(iter(step.values())))
        seconds += (beside.start + epochs * beside.epoch + beside.score) * sum(left.values())
        seconds += beside.conclude * len(plan.arms)
    images = len(data.dataset.index("test"))
    detectable = detectable_difference(spec.seeds, images, arms=len(plan.arms) - 1)
    return Forecast(seconds, len(plan.runs), len(complete), epochs, images, data.plan, detectable, in_steps)


def _step_seconds(plan: Plan, arm: PlannedArm, steps: int) -> float:
    """The time of reading a batch and training on it, a mean over all epochs.

    Of each crop it is the median of `steps`, after one step that warms up.
    """
    spec, data = plan.spec.run(arm.arm, plan.spec.first_seed), plan.data
    device = device_kind(plan.trainer_flags.get("accelerator", "auto"))
    precision = lightning_precision(spec.training.precision, device)
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    crops = [data.crop_at(epoch) for epoch in range(spec.training.epochs)]
    seconds = 0.0
    with torch.random.fork_rng(devices=[]):
        task = build_task(spec, data).to(device).train()
        groups = parameter_groups(task.model, task.encoder[0], spec.training)
        optimizer = create_optimizer(groups, spec.training, fused=True)
        for crop, epochs in Counter(crops).items():
            loader = data.train_dataloader()
            loader.sampler.set_epoch(crops.index(crop))
            batches = itertools.chain.from_iterable(itertools.repeat(loader))
            times = []
            for _ in range(1 + steps):
                began = time.perf_counter()
                batch = task.transfer_batch_to_device(next(batches), torch.device(device), 0)
                with torch.autocast(device, dtype, enabled=dtype is not None):
                    value = task.training_step(batch, 0)["loss"]
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
                value.item()
                times.append(time.perf_counter() - began)
            seconds += statistics.median(times[1:]) * epochs
    return seconds / len(crops)


def _about(seconds: float) -> str:
    """A length of time, no more exact than an estimate is.

    >>> _about(42), _about(5400), _about(100)
    ('1 minute', '1 h 30 min', '2 minutes')
    """
    minutes = max(1, round(seconds / 60))
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} minute{'s' * (minutes > 1)}"
