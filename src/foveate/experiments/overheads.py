"""Measure the time that a comparison spends outside training steps, with a short run of the host."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from foveate.evaluation.cost import costs
from foveate.evaluation.evaluate import evaluate
from foveate.models.checkpoints import load_model
from foveate.prediction.views import with_views
from foveate.training.callbacks import ProgressEvent
from foveate.training.run import Interrupted, fit

if TYPE_CHECKING:
    from foveate.experiments.plan import Plan

REPEATS = 3
"""Timed inferences; with the warm-up, a quarter of those that measure the cost of an arm."""


@dataclass(frozen=True)
class Overheads:
    """Durations in seconds.

    start: the part of a run before and after its epochs. epoch: the part of an epoch outside training steps
    and validation, mostly saving weights. score: scoring a run. conclude: measuring the cost of an arm and
    drawing its pictures.
    """

    start: float
    epoch: float
    score: float
    conclude: float


def measure_overheads(plan: "Plan", step: float) -> Overheads:
    """Train the host for two epochs of one batch in a temporary folder, score it, and measure its cost.

    step: duration of a training step in seconds. Only a temporary folder is written.
    """
    epochs = min(2, plan.spec.training.epochs)
    limits = {"max_epochs": epochs, "limit_train_batches": 1, "limit_val_batches": 1}
    events: list[tuple[int, float]] = []

    def record(event: ProgressEvent) -> None:
        events.append((event.epoch, time.perf_counter()))

    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        spec = plan.spec.run("none", plan.spec.first_seed)
        spec = replace(spec, training=replace(spec.training, validate_every=1))
        start = time.perf_counter()
        try:
            flags = {**plan.trainer_flags, **limits}
            fit(spec, folder, trainer_flags=flags, progress=record, data=plan.data)
        except Interrupted as stop:
            raise KeyboardInterrupt from stop
        whole = time.perf_counter() - start
        score = _seconds(lambda: evaluate(folder, opened=plan.data))
        model = load_model(folder)
        measured = {"none": with_views(model)}
        channels = plan.data.dataset.channels
        cost = _seconds(lambda: costs(measured, plan.data.size, channels, REPEATS))
        load = _seconds(lambda: load_model(folder))
    between_epochs = [
        later - earlier
        for (epoch, earlier), (next_epoch, later) in itertools.pairwise(events)
        if next_epoch > epoch
    ]
    epoch = max(0.0, between_epochs[0] - step) if between_epochs else 0.0
    return Overheads(max(0.0, whole - epochs * (epoch + step)), epoch, score, 2 * load + 4 * cost)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
