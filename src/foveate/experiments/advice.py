"""Recommend how to train on a dataset: size and batch that fit into memory, loss, class weights, score."""

import math
from dataclasses import dataclass

import numpy as np

from foveate.doctor.facts import ClassFacts, Facts, as_dataset
from foveate.doctor.survey import Survey
from foveate.experiments.capacity import SHARE, free_bytes, largest_batch, step_bytes
from foveate.experiments.defaults import default_comparison
from foveate.loading.sizes import STRIDE, choose_size

RARE = 0.01
"""Class weights are recommended if a class has a smaller share of the pixels than this."""

UNEVEN = 5.0
"""Class weights are recommended if the largest class folder has more than this many times the images of the
smallest."""

SMALL_OBJECT = 32**2
"""Pixels; a smaller object is small."""


@dataclass(frozen=True)
class Advice:
    """Recommended settings for training on a dataset.

    size, batch: the defaults of training, or less if memory is short. largest: the largest batch that fits, 0
    if none does. gigabytes: memory (GB) of a step of `batch`. free_gigabytes: free memory (GB) on `device`.
    loss, class_weights: values of these flags. score: the score to judge by. why: the reasons for the batch,
    the loss and the score, one sentence each.
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
        """The recommendation as flags of the command line."""
        weights = "" if self.class_weights == "none" else f" --class-weights {self.class_weights}"
        return f"--size {self.size[0]}x{self.size[1]} --batch {self.batch} --loss {self.loss}{weights}"


def advise(survey: Survey, facts: Facts) -> Advice | None:
    """Return a recommendation for the images that could be decoded; None if they are too few to train on."""
    dataset = as_dataset(survey)
    if dataset is None or not facts.classes:
        return None
    default = default_comparison(dataset)
    size = choose_size(dataset)
    device, free = free_bytes()
    while True:
        fixed, per_image = step_bytes(default.model, len(dataset.classes), size)
        largest = largest_batch(fixed, per_image, free)
        if largest >= min(2, default.data.batch) or max(size) <= STRIDE:
            break
        size = tuple(max(STRIDE, side // 2 // STRIDE * STRIDE) for side in size)
    batch = max(1, min(default.data.batch, largest))
    needed = (fixed + batch * per_image) / 1e9
    step = f"a step of {batch} takes about {needed:.1f} GB of the {free / 1e9:.0f} GB that are free"
    train = len(dataset.index("train"))
    fits = (
        f"{step}; up to {largest} images a step would stay below {SHARE:.0%} of them"
        f"; {batch} make {math.ceil(train / batch)} steps of an epoch of {train} training images"
    )
    loss, weights, why_loss = _loss(dataset.task, facts.classes)
    score, why_score = _score(dataset.task, facts, size)
    why = (fits if largest else f"{step}: too little memory even for one image", why_loss, why_score)
    return Advice(
        size, batch, largest, round(needed, 2), round(free / 1e9, 1), device, loss, weights, score, why
    )


def _loss(task: str, classes: tuple[ClassFacts, ...]) -> tuple[str, str, str]:
    """Return the loss, the class weights and the reason."""
    rarest = min(classes, key=lambda each: each.share)
    share = (
        f"'{rarest.name}' has {rarest.share:.2%} of the {'images' if task != 'segmentation' else 'pixels'}"
    )
    if task == "classification":
        uneven = max(each.share for each in classes) > UNEVEN * rarest.share
        reason = f"{share}: weight the classes" if uneven else "the classes are even enough for cross entropy"
        return "ce", "inverse_sqrt" if uneven else "none", reason
    if rarest.share < RARE:
        reason = "Dice gives every class the same weight, and class weights raise that of rare classes"
        return "dice_ce", "inverse_sqrt", f"{share}: {reason}"
    return "dice_ce", "none", f"{share}: the Dice term keeps small classes from being neglected"


def _score(task: str, facts: Facts, size: tuple[int, int]) -> tuple[str, str]:
    """Return the score to judge by and the reason."""
    if task == "classification":
        shares = [each.share for each in facts.classes]
        if max(shares) > UNEVEN * min(shares):
            return "balanced accuracy", "accuracy alone rewards the large classes"
        return "accuracy", "the classes are of similar size"
    binary = len(facts.classes) == 2
    scored = facts.classes[1:] if binary else facts.classes
    zoom = size[0] * size[1] / (facts.size[0] * facts.size[1])
    small = [each.name for each in scored if each.objects and each.area * zoom < SMALL_OBJECT]
    name = "Dice and IoU of the foreground" if binary else "mIoU, and the IoU of each class"
    reason = "accuracy depends mostly on the largest class"
    if small and len(small) >= len(scored) / 2:
        below = f"most objects are below {int(np.sqrt(SMALL_OBJECT))} x {int(np.sqrt(SMALL_OBJECT))} pixels"
        return name, f"{reason}; {below} at this size: a larger --size may pay"
    return name, reason
