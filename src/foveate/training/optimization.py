"""The optimiser and its learning rate: which weights decay, how the rate rises and falls."""

import math
from collections.abc import Callable

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR

from foveate.models.attaching.attach import gate_parameters
from foveate.specs.training import TrainingSpec

PROGRESS = 1e-4
"""The share of the best monitored value by which a plateau ends: PyTorch's."""


class Plateau(LambdaLR):
    """Falls by `factor` whenever the monitored value made no progress for more than `patience` epochs.

    As PyTorch's `ReduceLROnPlateau` decides; but `rise`, the share of the peak rate at a step, is followed
    all the while, and all that it has seen is in `state_dict`.

    >>> optimizer = SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = Plateau(optimizer, lambda step: 1.0, factor=0.1, patience=1)
    >>> for score in (0.5, 0.5, 0.4):
    ...     schedule.observe(score)
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    def __init__(self, optimizer: Optimizer, rise: Callable[[int], float], factor: float, patience: int):
        self.factor, self.patience = factor, patience
        self.best: float | None = None
        self.waited = 0
        super().__init__(optimizer, rise)

    def observe(self, value: float, epochs: int = 1) -> None:
        """Take in the monitored value, the larger the better, `epochs` after the one before."""
        if self.best is None or value > self.best + PROGRESS * abs(self.best):
            self.best, self.waited = value, 0
            return
        self.waited += epochs
        if self.waited > self.patience:
            self.waited = 0
            self.base_lrs = [rate * self.factor for rate in self.base_lrs]
            for group in self.optimizer.param_groups:
                group["lr"] *= self.factor


def rate_factor(step: int, steps: int, spec: TrainingSpec) -> float:
    """The share of the peak learning rate at a step, counted from 0, of `steps`.

    It rises linearly over the first `warmup` of all steps, then "cosine" and "poly" (power 0.9) fall
    towards 0, which the step after the last would reach, and "step" falls by `lr_factor` at each milestone.
    What "plateau" does depends on more than the step: see `Plateau`.

    >>> spec = TrainingSpec(warmup=0.2, schedule="cosine")
    >>> [round(rate_factor(t, 5, spec), 2) for t in range(5)]
    [1.0, 1.0, 0.85, 0.5, 0.15]
    """
    rise = max(1, round(spec.warmup * steps)) if spec.warmup else 0
    if step < rise:
        return (step + 1) / rise
    done = min(1.0, (step - rise) / max(1, steps - rise))
    match spec.schedule:
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        case "poly":
            return (1 - done) ** 0.9
        case "step":
            shares = (mark if mark < 1 else mark / spec.epochs for mark in spec.milestones)
            return spec.lr_factor ** sum(step >= round(share * steps) for share in shares)
    return 1.0


def parameter_groups(model: nn.Module, encoder: nn.Module | None, spec: TrainingSpec) -> list[dict]:
    """Parameters by learning rate (encoder or not) and decay: biases, normalisation, gates have none."""
    in_encoder = set(map(id, encoder.parameters())) if encoder is not None and encoder is not model else set()
    gates = {id(model.get_parameter(name)) for name in gate_parameters(model)}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in filter(lambda parameter: parameter.requires_grad, model.parameters()):
        decays = parameter.ndim > 1 and id(parameter) not in gates
        groups.setdefault((id(parameter) in in_encoder, decays), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": spec.lr * (spec.encoder_lr_factor if encoder_s else 1.0),
            "weight_decay": spec.weight_decay if decays else 0.0,
        }
        for (encoder_s, decays), parameters in sorted(groups.items())
    ]


def create_optimizer(groups: list[dict], spec: TrainingSpec, fused: bool) -> Optimizer:
    """AdamW, Adam, RMSprop or SGD with Nesterov momentum 0.9, with PyTorch's other defaults.

    In PyTorch's fused form where asked for; RMSprop has none.
    """
    if spec.optimizer == "sgd":
        return SGD(groups, lr=spec.lr, momentum=0.9, nesterov=True, fused=fused)
    if spec.optimizer == "rmsprop":
        return RMSprop(groups, lr=spec.lr)
    return {"adamw": AdamW, "adam": Adam}[spec.optimizer](groups, lr=spec.lr, fused=fused)


def create_schedule(optimizer: Optimizer, steps: int, spec: TrainingSpec) -> LambdaLR:
    """`rate_factor` for every group, step by step; a `Plateau` falls beside."""

    def rate(step: int) -> float:
        return rate_factor(step, steps, spec)

    if spec.schedule == "plateau":
        return Plateau(optimizer, rate, spec.lr_factor, spec.lr_patience)
    return LambdaLR(optimizer, rate)
