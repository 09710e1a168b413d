"""The parity gate: does an exported file compute what the network in PyTorch computes, on real images?

Both predict the same images at three sizes, one of them odd and one not square, one at a time and three at a
time. What differs is measured, and bounded before a file is kept.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor, nn

from foveate.evaluation.confusion import confusion_matrices
from foveate.evaluation.scores import scores
from foveate.loading.resizing import resize_mask
from foveate.prediction.prepare import prepare

Size = tuple[int, int]
Truth = UInt8[ndarray, "h w"] | int | None
Sample = tuple[UInt8[ndarray, "h w 3"], Truth]
"""An image with its mask, its label, or None where that is not known."""

BATCHES = (1, 3)
TIMED = 3


@dataclass(frozen=True)
class Bounds:
    """What may differ at most.

    changed: share of pixels (of images, for a classifier) whose class changes. score: change of the mean IoU
    (of the accuracy), 0 to 1. mean: mean difference of the logits over their standard deviation.
    """

    changed: float
    score: float
    mean: float


FLOAT = Bounds(changed=1e-4, score=0.001, mean=1e-3)
INT8 = Bounds(changed=0.05, score=0.01, mean=0.25)


@dataclass(frozen=True)
class Trial:
    """One batch. shape: b c h w. difference: the largest of a logit. changed: share of changed classes."""

    shape: tuple[int, ...]
    difference: float
    changed: float


@dataclass(frozen=True)
class Parity:
    """What differs between a network and its exported file.

    trials: each batch. mean: mean difference of logits over their standard deviation. changed: share of all
    pixels whose class changes. score, score_exported: mean IoU (accuracy) of both on these images, NaN
    without truth. eager_ms, exported_ms: median time of one image at the first size. task: as of a `Host`.
    """

    trials: tuple[Trial, ...]
    mean: float
    changed: float
    score: float
    score_exported: float
    eager_ms: float
    exported_ms: float
    task: str = "segmentation"

    @property
    def counted(self) -> str:
        """The word for what has a class."""
        return "images" if self.task == "classification" else "pixels"

    @property
    def score_name(self) -> str:
        """The word for the score."""
        return "accuracy" if self.task == "classification" else "mean IoU"

    @property
    def difference(self) -> float:
        """The largest difference of a logit."""
        return max(trial.difference for trial in self.trials)

    def excess(self, bounds: Bounds) -> str:
        """Say what lies beyond the bounds; "" if nothing does."""
        change = abs(self.score_exported - self.score)
        worst = max(self.trials, key=lambda trial: (trial.changed, trial.difference))
        shape = "x".join(map(str, worst.shape))
        if not self.changed <= bounds.changed:
            return (
                f"{self.changed:.2%} of the {self.counted} change their class, at most {bounds.changed:.2%} "
                f"may; most, {worst.changed:.2%}, on images {shape}"
            )
        if change > bounds.score:
            points = f"{100 * change:.2f} points"
            return f"the {self.score_name} changes by {points}, at most {100 * bounds.score:g} may"
        if not self.mean <= bounds.mean:
            return (
                f"logits change by {self.mean:.2g} of their standard deviation on average, at most "
                f"{bounds.mean:g} may; by up to {worst.difference:.2g} on images {shape}"
            )
        return ""


def trial_sizes(size: Size) -> tuple[Size, Size, Size]:
    """Return the size itself, a smaller odd one, and one that is not square.

    >>> trial_sizes((64, 64)), trial_sizes((360, 480))
    (((64, 64), (57, 51), (64, 48)), ((360, 480), (315, 397), (360, 320)))
    """
    height, width = size
    wide = (height, 3 * width // 4) if height == width else (height, 2 * width // 3)
    wide = (wide[0], wide[1] - 1) if wide[0] == wide[1] else wide
    return size, (max(1, 7 * height // 8) | 1, max(1, 5 * width // 6 - 3) | 1), (wide[0], max(1, wide[1]))


def measure(
    network: nn.Module,
    exported: nn.Module,
    samples: Sequence[Sample],
    sizes: Sequence[Size],
    batches: Sequence[int] = BATCHES,
    classes: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Parity:
    """Compare a network with its exported file, both from images `b c h w` in [0, 1] to logits.

    samples: real images, taken in turn. classes: their names, for the score of both.
    """
    plan = [(size, count) for size in sizes for count in batches]
    task = getattr(network, "task", "segmentation")
    trials: list[Trial] = []
    pixels = changed = absolute = 0.0
    spreads: list[float] = []
    confusions: list[tuple[Tensor, Tensor]] = []
    place = 0
    for done, (size, count) in enumerate(plan, 1):
        chosen = [samples[(place + number) % len(samples)] for number in range(count)]
        place += count
        images = torch.cat([prepare(image, size) for image, _ in chosen])
        with torch.inference_mode():
            expected, found = network(images).float(), exported(images).float()
        difference = (expected - found).abs()
        moved = expected.argmax(1) != found.argmax(1)
        trials.append(Trial(tuple(images.shape), difference.max().item(), moved.float().mean().item()))
        pixels, changed = pixels + moved.numel(), changed + moved.sum().item()
        absolute += difference.mean().item()
        spreads.append(expected.std().item())
        confusions += _confusions(chosen, size, expected, found)
        if progress is not None:
            progress(done, len(plan))
    first = prepare(samples[0][0], sizes[0]).repeat(batches[0], 1, 1, 1)
    return Parity(
        tuple(trials),
        absolute / len(plan) / max(float(np.mean(spreads)), 1e-12),
        changed / pixels,
        *_scores(confusions, classes, task),
        _time(network, first),
        _time(exported, first),
        task,
    )


def _confusions(
    chosen: Sequence[Sample], size: Size, expected: Tensor, found: Tensor
) -> list[tuple[Tensor, Tensor]]:
    pairs = []
    for number, (_, truth) in enumerate(chosen):
        if truth is None:
            continue
        if isinstance(truth, int):
            target = torch.tensor([truth])
        else:
            target = resize_mask(torch.from_numpy(np.array(truth)), size)[None].long()
        both = (logits[number : number + 1].argmax(1) for logits in (expected, found))
        pairs.append(tuple(confusion_matrices(one, target, expected.shape[1])[0] for one in both))
    return pairs


def _scores(
    confusions: list[tuple[Tensor, Tensor]], classes: Sequence[str], task: str
) -> tuple[float, float]:
    if not confusions:
        return float("nan"), float("nan")
    totals = (torch.stack(matrices).sum(0).numpy() for matrices in zip(*confusions, strict=True))
    results = [scores(total, classes, len(confusions)) for total in totals]
    values = [one.accuracy if task == "classification" else one.miou for one in results]
    return values[0], values[1]


def _time(network: nn.Module, image: Tensor) -> float:
    taken = []
    with torch.inference_mode():
        for _ in range(TIMED):
            start = time.perf_counter()
            network(image)
            taken.append(1000 * (time.perf_counter() - start))
    return sorted(taken)[TIMED // 2]
