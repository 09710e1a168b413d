"""Record each epoch: a row of metrics, the best weights so far, and the state to resume from."""

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from foveate.errors import UserError
from foveate.models.checkpoints import save_model
from foveate.models.host import Host
from foveate.specs.training import TrainingSpec
from foveate.training.averaging import WeightAverage
from foveate.training.opening import CHANGE, GATE
from foveate.training.optimization import Plateau
from foveate.training.run_directory import Run, RunResult

_KEPT = ("val_", GATE, CHANGE)
"""What begins the name of a value that a row of metrics keeps."""


class Recorder(Callback):
    """Write the run directory at the end of each epoch, and stop the run when `patience` is used up.

    Files are written in the order best weights, metrics, last checkpoint. A run that dies in between resumes
    from the previous checkpoint and writes the same files again. after: epochs of an earlier part of the run,
    in which patience is not used up.
    """

    def __init__(
        self,
        run: Run,
        model: Host,
        spec: TrainingSpec,
        score_name: str,
        average: WeightAverage | None,
        after: int = 0,
    ):
        self.run, self.model, self.spec, self.score_name, self.average = run, model, spec, score_name, average
        self.after = after
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_value = -math.inf

    def take_up(self, rows: list[dict[str, float]], best_epoch: int) -> None:
        """Go on after the rows of an earlier part of the run, whose best epoch is known."""
        self.rows = [{**row, "epoch": int(row["epoch"]), "step": int(row["step"])} for row in rows]
        self.best_epoch = best_epoch
        self.best_value = self._monitored(self.rows[best_epoch - 1])

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._begin(module)
        trainer.should_stop = self._patience_is_used_up()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        module: LightningModule,
        outputs: Mapping[str, Tensor],
        batch: Any,
        batch_idx: int,
    ) -> None:
        for name, value in outputs.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
        self._steps += 1

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        validated = (trainer.current_epoch + 1) % self.spec.validate_every == 0
        row = self._row(trainer, validated)
        self.rows.append(row)
        if validated:
            value = self._monitored(row)
            for schedule in (config.scheduler for config in trainer.lr_scheduler_configs):
                if isinstance(schedule, Plateau):
                    schedule.observe(value, self.spec.validate_every)
            if value > self.best_value:
                self.best_epoch, self.best_value = int(row["epoch"]), value
                self._save_best(trainer)
        if trainer.is_global_zero:
            self._write(row, trainer)
        trainer.save_checkpoint(self.run.last_checkpoint)
        trainer.should_stop = self._patience_is_used_up()
        self._begin(module)

    @property
    def result(self) -> RunResult:
        """Return the result so far."""
        return RunResult(
            folder=self.run.folder,
            epochs=len(self.rows),
            best_epoch=self.best_epoch,
            best_score=self.rows[self.best_epoch - 1][self.score_name],
            score_name=self.score_name,
            seconds=sum(row["seconds"] for row in self.rows),
        )

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "best_epoch": self.best_epoch, "best_value": self.best_value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self.best_epoch, self.best_value = state_dict["best_epoch"], state_dict["best_value"]

    def _begin(self, module: LightningModule) -> None:
        self._began, self._steps = time.monotonic(), 0
        self._sums = {"loss": torch.zeros((), device=module.device)}

    def _row(self, trainer: Trainer, validated: bool) -> dict[str, float]:
        """Return the metrics of the epoch; without validation, the validation columns are NaN."""
        validation = {name: float(value) for name, value in trainer.callback_metrics.items() if validated}
        names = [self.score_name, *(name for name in validation if name not in ("val_loss", self.score_name))]
        sums = {name: total / max(1, self._steps) for name, total in self._sums.items()}
        training = {
            f"train_{name}": float(trainer.strategy.reduce(mean, reduce_op="mean"))
            for name, mean in sums.items()
        }
        return {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "lr": trainer.optimizers[0].param_groups[-1]["lr"],
            "train_loss": training.pop("train_loss"),
            "val_loss": validation.get("val_loss", math.nan),
            **{name: validation.get(name, math.nan) for name in names if name.startswith(_KEPT)},
            **training,
            "seconds": round(time.monotonic() - self._began, 3),
        }

    def _monitored(self, row: Mapping[str, float]) -> float:
        """Return the monitored value (larger is better): the score, or -loss (if set, or if it is NaN)."""
        score = row[self.score_name]
        return -row["val_loss"] if self.spec.monitor == "loss" or math.isnan(score) else score

    def _patience_is_used_up(self) -> bool:
        waited = len(self.rows) - max(self.best_epoch, self.after)
        return self.spec.patience is not None and self.best_epoch > 0 and waited >= self.spec.patience

    def _save_best(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            with self.average.applied() if self.average else nullcontext():
                save_model(self.model, self.run.folder)

    def _write(self, row: Mapping[str, float], trainer: Trainer) -> None:
        try:
            self.run.write_metrics(self.rows)
            for logger in trainer.loggers:
                logger.log_metrics(
                    {k: v for k, v in row.items() if k != "step" and math.isfinite(v)}, step=int(row["step"])
                )
        except OSError as error:
            raise UserError(
                f"{self.run.metrics_file} could not be written ({error}); free some disk space"
            ) from error
