"""The settings of training: optimizer, schedule, loss, and when to stop."""

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
"""Names of the losses in `foveate.training.losses`."""

SCHEMES = ("none", "inverse_sqrt", "enet", "median")
"""Names of the class weightings in `foveate.training.class_weights`."""


def _require(name: str, value: object, valid: bool, expected: str) -> None:
    if not valid:
        raise UserError(f"{name} is {value}; it must be {expected}")


_MILESTONES = "shares of all steps (below 1) or whole epochs, rising and before the last epoch ends"


def _rising(milestones: Sequence[float], epochs: int) -> bool:
    """Whether the milestones rise and lie before the last epoch ends."""
    in_epochs = [milestone if milestone >= 1 else milestone * epochs for milestone in milestones]
    whole = all(milestone < 1 or float(milestone).is_integer() for milestone in milestones)
    return whole and all(a < b for a, b in pairwise([0.0, *in_epochs, epochs]))


@dataclass(frozen=True)
class TrainingSpec:
    """The settings of training. The defaults suit a few hundred images.

    Args:
        epochs: passes over the training images, 1 or more.
        lr: peak learning rate, above 0.
        weight_decay: 0 or more; decoupled for adamw, else added to the gradient. Never on biases,
            normalisation and gates.
        optimizer: adamw, adam, rmsprop or sgd.
        schedule: of the learning rate: cosine and poly fall to 0 step by step, constant stays, step falls by
            lr_factor at every milestone, plateau falls by lr_factor without progress.
        warmup: share of all steps, from 0 to below 1, in which the learning rate rises linearly before the
            schedule takes over.
        milestones: where step lowers the rate, rising: below 1 shares of all steps, from 1 on whole epochs.
        lr_factor: what step and plateau multiply the rate by, above 0 and below 1.
        lr_patience: epochs without progress in the monitored value that plateau waits, 0 or more. One part
            in 10,000 counts as progress.
        encoder_lr_factor: learning rate of the encoder relative to the rest, 0 or more; below 1 suits
            pretrained weights.
        loss: auto (dice_ce for masks, ce for labels), ce, dice, dice_ce, bce, focal, lovasz or ce_lovasz.
        label_smoothing: in the cross entropy, from 0 to below 1.
        class_weights: from the training pixels of each class, scaled to mean 1: none, inverse_sqrt
            (1 / sqrt(share)), enet (1 / ln(1.02 + share)) or median (median frequency balancing).
        auxiliary_weight: weight of the losses that attention has of its own (afma), beside the loss, 0 or
            more. 0.2 is AFMA's published ratio of 5 to 1. train_loss holds them weighted, train_auxiliary
            unweighted, val_loss not.
        ema: decay of the averaged weights that are validated and saved, from 0 (none) to below 1. It starts
            lower, as (1 + t) / (10 + t) at step t.
        precision: auto, 32, bf16 or fp16. auto is bf16 where the hardware multiplies it, else 32 bits;
            environment.json records which one ran.
        clip: largest norm of the gradient, 0 for no clipping.
        patience: epochs without a better monitored value before training stops, 1 or more; if not given,
            training never stops early.
        monitor: score (mIoU or accuracy on the validation images) or loss, by which the best weights are
            chosen.
        validate_every: epochs between validations, a divisor of epochs. Only validated weights can become the
            best.
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
        _require("epochs", self.epochs, self.epochs >= 1, "at least 1")
        divides = self.validate_every >= 1 and self.epochs % self.validate_every == 0
        _require("validate_every", self.validate_every, divides, f"a divisor of epochs ({self.epochs})")
        _require("lr", self.lr, 0 < self.lr < math.inf, "a number above 0")
        for name in ("weight_decay", "encoder_lr_factor", "auxiliary_weight"):
            value = getattr(self, name)
            _require(name, value, 0 <= value < math.inf, "a number, 0 or more")
        _require("warmup", self.warmup, 0 <= self.warmup < 1, "a share of all steps in [0, 1)")
        _require("milestones", list(self.milestones), _rising(self.milestones, self.epochs), _MILESTONES)
        _require("lr_factor", self.lr_factor, 0 < self.lr_factor < 1, "above 0 and below 1")
        _require("lr_patience", self.lr_patience, self.lr_patience >= 0, "0 epochs or more")
        _require("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)")
        _require("ema", self.ema, 0 <= self.ema < 1, "a decay in [0, 1), 0 for none")
        _require("clip", self.clip, 0 <= self.clip < math.inf, "a number, 0 (no clipping) or more")
        _require(
            "patience", self.patience, self.patience is None or self.patience >= 1, "at least 1, or none"
        )
