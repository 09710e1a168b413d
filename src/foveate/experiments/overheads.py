"""What a comparison spends beside training steps, measured with one short run of the host."""

import itertools
import time
from dataclasses import dataclass
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

TURNS = 3
"""Timed inferences; with the warm-up, a quarter of those that an arm's cost is measured by."""


@dataclass(frozen=True)
class Overheads:
    """Seconds. start: of a run, before and after its epochs. epoch: of an epoch beside its steps and its
    validation, most of it to save weights. score: of scoring a run. conclude: of measuring an arm's cost and
    drawing its pictures.
    """

    start: float
    epoch: float
    score: float
    conclude: float


def measure_overheads(plan: "Plan", step: float) -> Overheads:
    """Train the host for two epochs of one batch in a temporary folder, score it, and measure its cost.

    step: seconds of one training step. Nothing stays on disk.
    """
    epochs = min(2, plan.spec.training.epochs)
    limits = {
        "max_epochs": epochs,
        "limit_train_batches": 1,
        "limit_val_batches": 1,
        "check_val_every_n_epoch": 1,
    }
    told: list[tuple[int, float]] = []

    def note(event: ProgressEvent) -> None:
        told.append((event.epoch, time.perf_counter()))

    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        spec = plan.spec.run("none", plan.spec.first_seed)
        began = time.perf_counter()
        try:
            flags = {**plan.trainer_flags, **limits}
            fit(spec, folder, trainer_flags=flags, progress=note, data=plan.data)
        except Interrupted as stop:
            raise KeyboardInterrupt from stop
        whole = time.perf_counter() - began
        score = _timed(lambda: evaluate(folder))
        model = load_model(folder)
        cost = _timed(lambda: costs({"none": with_views(model)}, plan.data.size, repeats=TURNS))
        load = _timed(lambda: load_model(folder))
    between = [later - earlier for (one, earlier), (two, later) in itertools.pairwise(told) if two > one]
    epoch = max(0.0, between[0] - step) if between else 0.0
    return Overheads(max(0.0, whole - epochs * (epoch + step)), epoch, score, 2 * load + 4 * cost)


def _timed(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
