"""Training callbacks: seeding of each epoch, a guard against NaN losses, and progress events."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from foveate.errors import UserError
from foveate.training.run_directory import Run


class LossNotFinite(UserError):
    """The loss or the weights became NaN or infinite."""


@dataclass(frozen=True)
class ProgressEvent:
    """Progress of a run, sent after each training step and after each validation.

    epoch: the current epoch, counted from 1. step: training steps done, of `steps` in the whole run. loss: of
    the last step. score: of the last validation, in [0, 1]; None before the first. seconds_elapsed: since
    this process began to train. seconds_left: estimated from the pace of this process. resumed_at: steps
    that were done before this process began.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    score: float | None
    seconds_elapsed: float
    seconds_left: float
    resumed_at: int = 0


class SeedEachEpoch(Callback):
    """Seed all random generators at the first step of each epoch from the run's seed and the epoch number.

    Dropout then draws the same numbers in all arms of one seed. A resumed epoch draws the same numbers as an
    undisturbed one, and no generator state needs to be stored.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            seed = (self.seed * 1_000_003 + trainer.current_epoch) * 1009 + trainer.global_rank
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries draw from it
            torch.manual_seed(seed)


class FiniteLoss(Callback):
    """Stop the run if the loss, the weights or the validation loss is NaN or infinite.

    The loss is checked before the backward pass, the weights before they are saved. The error names the step
    and the images.
    """

    def __init__(self, run: Run):
        self.run = run
        self._stems: list[str] = []

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._stems = list(batch["stem"])

    def on_before_backward(self, trainer: Trainer, module: LightningModule, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            self._stop(trainer, f"the loss became {loss.item()} at step {trainer.global_step + 1}")

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        # A finite loss in the last step does not imply finite weights after it.
        state = module.state_dict().items()
        broken = next((name for name, v in state if v.is_floating_point() and not v.isfinite().all()), None)
        if broken is not None:
            self._stop(trainer, f"{broken} was no longer finite after step {trainer.global_step}")
        loss = trainer.callback_metrics.get("val_loss")
        if loss is not None and not torch.isfinite(loss):
            self._stop(trainer, f"the validation loss became {loss.item()} after step {trainer.global_step}")

    def _stop(self, trainer: Trainer, reason: str) -> NoReturn:
        best = self.run.best_weights
        kept = (
            f"the best weights so far are kept in {best}"
            if best.exists()
            else "there are no best weights yet"
        )
        raise LossNotFinite(
            f"{reason} (epoch {trainer.current_epoch + 1}) on the images {', '.join(self._stems)}; the run "
            f"in {self.run.folder} was stopped and {kept}. Look at these images, or train with a smaller lr, "
            "with clip, or with precision 32"
        )


class Progress(Callback):
    """Call `callback` with a `ProgressEvent` after each training step and each validation.

    The pace is measured from the end of the first step, which also starts the processes that read images.
    """

    def __init__(self, callback: Callable[[ProgressEvent], None], score_name: str):
        self.callback = callback
        self.score_name = score_name
        self._loss = float("nan")

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._began, self._first_step = time.monotonic(), trainer.global_step
        self._counted: tuple[int, float] | None = None

    def on_train_batch_end(
        self,
        trainer: Trainer,
        module: LightningModule,
        outputs: Mapping[str, Tensor],
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._loss = outputs["loss"].item()
        self._send(trainer)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        self._send(trainer)

    def _send(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        score = trainer.callback_metrics.get(self.score_name)
        step, steps = trainer.global_step, int(trainer.estimated_stepping_batches)
        elapsed = time.monotonic() - self._began
        pace = elapsed / max(1, step - self._first_step)
        if self._counted is None:
            self._counted = step, elapsed
        elif step > self._counted[0]:
            pace = (elapsed - self._counted[1]) / (step - self._counted[0])
        self.callback(
            ProgressEvent(
                epoch=trainer.current_epoch + 1,
                epochs=trainer.max_epochs,
                step=step,
                steps=steps,
                loss=self._loss,
                score=None if score is None else float(score),
                seconds_elapsed=elapsed,
                seconds_left=pace * (steps - step),
                resumed_at=self._first_step,
            )
        )
