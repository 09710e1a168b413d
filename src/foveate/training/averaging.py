"""An exponential moving average of the weights: smoother than the weights themselves, and usually better."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn


def ema_decay(step: int, decay: float) -> float:
    """The decay at a step, counted from 1: it starts low, so that the first random weights are soon
    forgotten.

    >>> [round(ema_decay(t, 0.99), 2) for t in (1, 10, 100, 10_000)]
    [0.18, 0.55, 0.92, 0.99]
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverage(Callback):
    """Keeps the average of a model's weights after every step and lends it to the model for validation.

    The running statistics of batch normalisation are averaged like the weights: they describe what lies
    between the weights that were averaged, where the latest ones describe the latest weights. Counters are
    left as they are.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model, self.decay = model, decay
        self._live: dict[str, Tensor] = {}
        self._average: dict[str, Tensor] = {}
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not before: moving a model to its device puts new tensors in the place of its buffers.
        self._live = {name: value for name, value in _state(self.model) if value.is_floating_point()}
        source = self._average or self._live
        with torch.no_grad():
            self._average = {name: torch.empty_like(v).copy_(source[name]) for name, v in self._live.items()}
        self._step = trainer.global_step

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self._step:  # gradients are being accumulated, no step was taken
            return
        self._step = trainer.global_step
        weight = 1 - ema_decay(self._step, self.decay)
        torch._foreach_lerp_(list(self._average.values()), list(self._live.values()), weight)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights."""
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


def _state(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()
