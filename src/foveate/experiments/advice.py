"""How to train on a dataset here: a size and a batch that fit the machine, the loss, the score to look at."""

import math
from dataclasses import dataclass

import numpy as np

from foveate.doctor.facts import ClassFacts, Facts, as_dataset
from foveate.doctor.survey import Survey
from foveate.experiments.capacity import SHARE, free_bytes, largest_batch, step_bytes
from foveate.experiments.defaults import default_comparison
from foveate.loading.sizes import STRIDE, choose_size

RARE = 0.01
"""A class with a smaller share than this is weighed up."""

UNEVEN = 5.0
"""Class folders of which one has this many times the images of another are weighed."""

SMALL_OBJECT = 32**2


@dataclass(frozen=True)
class Advice:
    """size, batch: what training takes if nothing else is said, or less where memory is short.

    largest: the largest batch that fits. gigabytes: what a step takes, and how much memory is free for it on
    `device`. loss, class_weights: values of these flags. score: what to judge by. why: a sentence for each of
    these.
    """

    size: tuple[int, int]
    batch: int
    largest: int
    gigabytes: float
    free_gigabytes: float
    device: str
    loss: str
    class_weights: str
    score: str
    why: tuple[str, ...]

    @property
    def flags(self) -> str:
        """The advice as flags of the command line, those that are the default left out."""
        weights = "" if self.class_weights == "none" else f" --class-weights {self.class_weights}"
        return f"--size {self.size[0]}x{self.size[1]} --batch {self.batch} --loss {self.loss}{weights}"


def advise(survey: Survey, facts: Facts) -> Advice | None:
    """Advice for what could be decoded; None where there is too little to train on."""
    dataset = as_dataset(survey)
    if dataset is None or not facts.classes:
        return None
    usual = default_comparison(dataset)
    size = choose_size(dataset)
    device, free = free_bytes()
    while True:
        fixed, each = step_bytes(usual.model, len(dataset.classes), size)
        largest = largest_batch(fixed, each, free)
        if largest >= min(2, usual.data.batch) or max(size) <= STRIDE:
            break
        size = tuple(max(STRIDE, side // 2 // STRIDE * STRIDE) for side in size)
    batch = max(1, min(usual.data.batch, largest))
    needed = (fixed + batch * each) / 1e9
    said = f"a step of {batch} takes about {needed:.1f} GB of the {free / 1e9:.0f} GB that are free"
    memory = f"{said}; up to {largest} images a step would stay below {SHARE:.0%} of them"
    train = len(dataset.index("train"))
    memory += f"; {batch} make {math.ceil(train / batch)} steps of an epoch of {train} training images"
    loss, weights, reason = _loss(dataset.task, facts.classes)
    score, judged = _score(dataset.task, facts, size)
    why = (memory if largest else f"{said}: too little memory even for one image", reason, judged)
    return Advice(
        size, batch, largest, round(needed, 2), round(free / 1e9, 1), device, loss, weights, score, why
    )


def _loss(task: str, classes: tuple[ClassFacts, ...]) -> tuple[str, str, str]:
    rarest = min(classes, key=lambda known: known.share)
    share = (
        f"'{rarest.name}' has {rarest.share:.2%} of the {'images' if task != 'segmentation' else 'pixels'}"
    )
    if task == "classification":
        uneven = max(known.share for known in classes) > UNEVEN * rarest.share
        reason = f"{share}: weigh the classes" if uneven else "the classes are even enough for cross entropy"
        return "ce", "inverse_sqrt" if uneven else "none", reason
    if rarest.share < RARE:
        return "dice_ce", "inverse_sqrt", f"{share}: Dice counts every class alike, and weights help it on"
    return "dice_ce", "none", f"{share}: Dice beside cross entropy keeps small classes in sight"


def _score(task: str, facts: Facts, size: tuple[int, int]) -> tuple[str, str]:
    if task == "classification":
        shares = [known.share for known in facts.classes]
        if max(shares) > UNEVEN * min(shares):
            return "balanced accuracy", "accuracy alone rewards the large classes"
        return "accuracy", "the classes are of similar size"
    binary = len(facts.classes) == 2
    judged = facts.classes[1:] if binary else facts.classes
    zoom = size[0] * size[1] / (facts.size[0] * facts.size[1])
    small = [known.name for known in judged if known.objects and known.area * zoom < SMALL_OBJECT]
    name = "Dice and IoU of the foreground" if binary else "mIoU, and the IoU of each class"
    reason = "accuracy is mostly that of the largest class"
    if small and len(small) >= len(judged) / 2:
        below = f"most objects are below {int(np.sqrt(SMALL_OBJECT))} x {int(np.sqrt(SMALL_OBJECT))} pixels"
        return name, f"{reason}; {below} at this size: a larger --size may pay"
    return name, reason
