"""How the weights are found: optimizer, schedule, loss, and when to stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from foveate.errors import UserError, choose

OPTIMIZERS = ("adamw", "adam", "rmsprop", "sgd")
SCHEDULES = ("cosine", "poly", "step", "plateau", "constant")
PRECISIONS = ("auto", "32", "bf16", "fp16")
MONITORS = ("score", "loss")
LOSSES = ("ce", "dice", "dice_ce", "bce", "focal", "lovasz", "ce_lovasz")
"""The names that `foveate.training.losses` gives functions for."""

SCHEMES = ("none", "inverse_sqrt", "enet", "median")
"""How `foveate.training.class_weights` weighs classes."""


def _in_range(name: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise UserError(f"{name} is {value}; it must be {expected}")


_MILESTONES = "shares of all steps (below 1) or whole epochs, rising and before the last epoch ends"


def _rising(milestones: Sequence[float], epochs: int) -> bool:
    """Whether each lies after the one before and before the end."""
    after = [milestone if milestone >= 1 else milestone * epochs for milestone in milestones]
    whole = all(milestone < 1 or float(milestone).is_integer() for milestone in milestones)
    return whole and all(a < b for a, b in pairwise([0.0, *after, epochs]))


@dataclass(frozen=True)
class TrainingSpec:
    """How the weights are found. The defaults suit a few hundred images.

    epochs: passes over the training images.
    lr: peak learning rate; encoder_lr_factor scales it for the encoder (below 1 for pretrained weights).
    weight_decay: decoupled for adamw, else added to the gradient; never on biases, normalisation and gates.
    warmup: share of all steps in which the rate rises linearly, before `schedule` takes over: "cosine" and
    "poly" let it fall to 0 step by step, "constant" leaves it, "step" multiplies it by lr_factor at every
    milestone, "plateau" whenever more than lr_patience epochs brought no progress in the monitored value (one
    part in 10,000 counts as progress).
    milestones: below 1 shares of all steps, from 1 on whole epochs after which the rate falls; rising.
    loss: "auto" is dice_ce for masks and ce for labels; see `foveate.training.losses`.
    label_smoothing: in [0, 1), for the cross entropy in the loss.
    class_weights: "none", "inverse_sqrt" (1 / sqrt(share)), "enet" (1 / ln(1.02 + share)) or "median"
    (median frequency balancing); from the training pixels, scaled to mean 1.
    auxiliary_weight: of the losses that attention has of its own (afma), beside the loss; 0.2 is AFMA's
    published ratio of 5 to 1. They are in train_loss, and as they are in train_auxiliary; never in val_loss.
    ema: decay of the averaged weights that are validated and saved, 0 for none; it starts lower, as (1 + t)
    / (10 + t).
    precision: "auto" takes bf16 where the hardware multiplies it, else 32 bits. The same spec gives other
    last digits in another precision: environment.json records which one ran.
    clip: largest norm of the gradient, 0 for no clipping.
    patience: epochs without a better monitored value before the run stops, None for never.
    monitor: "score" (mIoU or accuracy on the validation images) or "loss" decides which weights are best.
    validate_every: epochs between validations; only validated weights can become the best. It divides epochs,
    so that the last epoch is validated.
    """

    epochs: int = 30
    lr: float = 1e-3
    weight_decay: float = 0.01
    optimizer: str = "adamw"
    schedule: str = "cosine"
    warmup: float = 0.05
    milestones: tuple[float, ...] = (0.5, 0.75)
    lr_factor: float = 0.1
    lr_patience: int = 5
    encoder_lr_factor: float = 1.0
    loss: str = "auto"
    label_smoothing: float = 0.0
    class_weights: str = "none"
    auxiliary_weight: float = 0.2
    ema: float = 0.99
    precision: str = "auto"
    clip: float = 1.0
    patience: int | None = None
    monitor: str = "score"
    validate_every: int = 1

    def __post_init__(self):
        choose(self.optimizer, OPTIMIZERS, "optimizer")
        choose(self.schedule, SCHEDULES, "schedule")
        choose(self.loss, ("auto", *LOSSES), "loss")
        choose(self.class_weights, SCHEMES, "class weighting")
        choose(self.precision, PRECISIONS, "precision")
        choose(self.monitor, MONITORS, "monitor")
        _in_range("epochs", self.epochs, self.epochs >= 1, "at least 1")
        divides = self.validate_every >= 1 and self.epochs % self.validate_every == 0
        _in_range("validate_every", self.validate_every, divides, f"a divisor of epochs ({self.epochs})")
        _in_range("lr", self.lr, 0 < self.lr < math.inf, "a number above 0")
        for name in ("weight_decay", "encoder_lr_factor", "auxiliary_weight"):
            value = getattr(self, name)
            _in_range(name, value, 0 <= value < math.inf, "a number, 0 or more")
        _in_range("warmup", self.warmup, 0 <= self.warmup < 1, "a share of all steps in [0, 1)")
        _in_range("milestones", list(self.milestones), _rising(self.milestones, self.epochs), _MILESTONES)
        _in_range("lr_factor", self.lr_factor, 0 < self.lr_factor < 1, "above 0 and below 1")
        _in_range("lr_patience", self.lr_patience, self.lr_patience >= 0, "0 epochs or more")
        _in_range("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)")
        _in_range("ema", self.ema, 0 <= self.ema < 1, "a decay in [0, 1), 0 for none")
        _in_range("clip", self.clip, 0 <= self.clip < math.inf, "a number, 0 (no clipping) or more")
        _in_range(
            "patience", self.patience, self.patience is None or self.patience >= 1, "at least 1, or none"
        )
