"""The optimiser and its learning rate: which weights decay, how the rate rises and falls."""

import math

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR

from foveate.models.attach import gate_parameters
from foveate.training.spec import TrainingSpec


def rate_factor(step: int, steps: int, warmup: float, schedule: str) -> float:
    """The share of the peak learning rate at a step, counted from 0, of `steps`.

    It rises linearly over the first `warmup` of all steps, then "cosine" and "poly" (power 0.9) fall
    towards 0, which the step after the last would reach.

    >>> [round(rate_factor(t, 5, 0.2, "cosine"), 2) for t in range(5)]
    [1.0, 1.0, 0.85, 0.5, 0.15]
    """
    rise = max(1, round(warmup * steps)) if warmup else 0
    if step < rise:
        return (step + 1) / rise
    done = min(1.0, (step - rise) / max(1, steps - rise))
    return {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "poly": (1 - done) ** 0.9, "constant": 1.0}[
        schedule
    ]


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
    """`rate_factor` for every group, step by step."""
    return LambdaLR(optimizer, lambda step: rate_factor(step, steps, spec.warmup, spec.schedule))
