"""Exponential moving average (EMA) of the weights, which usually scores better than the last weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn


def ema_decay(step: int, decay: float) -> float:
    """Return the EMA decay at `step`, counted from 1: min(decay, (1 + step) / (10 + step)).

    The decay starts low: the random initial weights are soon forgotten.

    >>> [round(ema_decay(t, 0.99), 2) for t in (1, 10, 100, 10_000)]
    [0.18, 0.55, 0.92, 0.99]
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverage(Callback):
    """Update the average of a model's weights after every step, and swap it into the model for validation.

    The running statistics of batch normalisation are averaged like the weights: the latest statistics
    describe the latest weights, not the averaged ones. Integer buffers (counters) are not averaged.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model, self.decay = model, decay
        self._live: dict[str, Tensor] = {}
        self._average: dict[str, Tensor] = {}
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Collected here and not earlier: moving a model to its device replaces its buffers by new tensors.
        self._live = {name: value for name, value in _named_tensors(self.model) if value.is_floating_point()}
        source = self._average or self._live
        with torch.no_grad():
            self._average = {name: torch.empty_like(v).copy_(source[name]) for name, v in self._live.items()}
        self._step = trainer.global_step

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self._step:  # gradients are accumulated: no step was taken
            return
        self._step = trainer.global_step
        weight = 1 - ema_decay(self._step, self.decay)
        torch._foreach_lerp_(list(self._average.values()), list(self._live.values()), weight)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the averaged weights inside the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state_dict(self) -> dict[str, Any]:
        return {"average": self._average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._average = state_dict["average"]

    def _swap(self) -> None:
        for name, live in self._live.items():
            live.data, self._average[name].data = self._average[name].data, live.data


def _named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()
