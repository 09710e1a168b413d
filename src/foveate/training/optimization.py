"""Optimiser, parameter groups (learning rate, weight decay) and learning-rate schedules."""

import math
from collections.abc import Callable

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR

from foveate.models.attaching.attach import gate_form, gate_parameters
from foveate.specs.training import TrainingSpec

PROGRESS = 1e-4
"""Relative improvement of the monitored value that ends a plateau; PyTorch's default."""

GATE_TRAVEL, GATE_STEP = 4.0, 0.1
"""How far a gate can move in a run, and in one step of it: see `gate_rate`."""


class Plateau(LambdaLR):
    """Multiply the rate by `factor` after more than `patience` epochs without progress.

    Decides as PyTorch's `ReduceLROnPlateau` from the monitored value. The rate also follows `rise(step)`, the
    share of the peak rate at each step. `state_dict` holds the whole state.

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
        """Record the monitored value (larger is better), `epochs` after the previous one."""
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
    """Return the share of the peak learning rate, in [0, 1], at a step (counted from 0) of `steps`.

    The rate rises linearly over the first `warmup` of all steps. Then "cosine" and "poly" (power 0.9) fall
    towards 0, which the step after the last would have, and "step" multiplies by `lr_factor` at each
    milestone. "plateau" stays at 1 here: see `Plateau`.

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


def gate_rate(steps: int, spec: TrainingSpec) -> float:
    """The peak learning rate of gates: the rates of all steps add up to `GATE_TRAVEL`.

    Adam moves a scalar by about its learning rate a step at most, so the sum of the rates is as far as a gate
    can go, however long the run. One step is at most `GATE_STEP`: a run of few steps has less travel.

    >>> spec = TrainingSpec(warmup=0, schedule="constant")
    >>> gate_rate(1000, spec), gate_rate(10, spec)
    (0.004, 0.1)
    """
    return min(GATE_STEP, GATE_TRAVEL / sum(rate_factor(step, steps, spec) for step in range(steps)))


def gate_travel(steps: int, spec: TrainingSpec, published: bool = False) -> float:
    """How far a gate can move in a run of so many steps: the sum of its learning rates.

    published: the gate has the rate of the other parameters, as with the gate form "none".

    >>> spec = TrainingSpec(warmup=0, schedule="constant")
    >>> gate_travel(1000, spec), gate_travel(10, spec), gate_travel(10, spec, published=True)
    (4.0, 1.0, 0.01)
    """
    rate = spec.lr if published else gate_rate(steps, spec)
    return rate * sum(rate_factor(step, steps, spec) for step in range(steps))


def parameter_groups(
    model: nn.Module, encoder: nn.Module | None, spec: TrainingSpec, steps: int
) -> list[dict]:
    """Parameters by learning rate and weight decay.

    Biases, normalisation and gates have no decay. Gates have `gate_rate` for a run of so many steps, but in
    the published form (gate "none") the rate of the rest; the encoder has its own.
    """
    in_encoder = set(map(id, encoder.parameters())) if encoder is not None and encoder is not model else set()
    gates = {id(model.get_parameter(name)) for name in gate_parameters(model)}
    published = gate_form(model) == "none"
    rates = {
        "gate": spec.lr if published else gate_rate(steps, spec),
        "rest": spec.lr,
        "encoder": spec.lr * spec.encoder_lr_factor,
    }
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {
        (part, decays): [] for part in rates for decays in (False, True)
    }
    for parameter in filter(lambda parameter: parameter.requires_grad, model.parameters()):
        gate = id(parameter) in gates
        part = "gate" if gate else "encoder" if id(parameter) in in_encoder else "rest"
        groups[part, parameter.ndim > 1 and not gate].append(parameter)
    return [
        {"params": parameters, "lr": rates[part], "weight_decay": spec.weight_decay if decays else 0.0}
        for (part, decays), parameters in groups.items()
        if parameters
    ]


def create_optimizer(groups: list[dict], spec: TrainingSpec, fused: bool) -> Optimizer:
    """Return AdamW, Adam, RMSprop, or SGD with Nesterov momentum 0.9; other settings are PyTorch's defaults.

    fused: take PyTorch's fused form; RMSprop has none.
    """
    if spec.optimizer == "sgd":
        return SGD(groups, lr=spec.lr, momentum=0.9, nesterov=True, fused=fused)
    if spec.optimizer == "rmsprop":
        return RMSprop(groups, lr=spec.lr)
    return {"adamw": AdamW, "adam": Adam}[spec.optimizer](groups, lr=spec.lr, fused=fused)


def create_schedule(optimizer: Optimizer, steps: int, spec: TrainingSpec) -> LambdaLR:
    """Return a schedule of `rate_factor` for all groups, updated each step; a `Plateau` for "plateau"."""

    def rate(step: int) -> float:
        return rate_factor(step, steps, spec)

    if spec.schedule == "plateau":
        return Plateau(optimizer, rate, spec.lr_factor, spec.lr_patience)
    return LambdaLR(optimizer, rate)
