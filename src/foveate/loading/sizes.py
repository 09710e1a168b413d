"""Default image sizes and batch sizes for a dataset."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset

STRIDE = 32
"""Chosen sizes are multiples of the deepest stride of common encoders, so that no image is padded."""

_SAMPLES = 100
"""The median size is taken over at most this many images."""


def choose_size(dataset: "Dataset", longest: int = 256) -> tuple[int, int]:
    """Return a height and width in pixels: the median of the training images, scaled down so that the longer
    side is about `longest` at most, and rounded to multiples of 32.

    >>> from foveate.data.open import open_dataset
    >>> choose_size(open_dataset("synthetic:4:360x480"))
    (192, 256)
    """
    entries = dataset.index("train")
    step = -(-len(entries) // _SAMPLES)
    height, width = np.median([dataset.size_of(entry) for entry in entries[::step]], axis=0)
    factor = min(1.0, longest / max(height, width)) / STRIDE
    return max(1, round(height * factor)) * STRIDE, max(1, round(width * factor)) * STRIDE


def choose_batch(task: str, train: int) -> int:
    """Return a batch size: a power of two that gives about eight steps per epoch or more, from 2 to 8 for
    segmentation and from 2 to 64 for classification.

    train: number of training images.

    >>> choose_batch("segmentation", 367), choose_batch("segmentation", 20)
    (8, 2)
    >>> choose_batch("classification", 5000)
    64
    """
    most = 8 if task == "segmentation" else 64
    return min(most, max(2, 2 ** int(np.log2(max(1, train / 8)))))


@dataclass(frozen=True)
class CropSizes:
    """Height and width of the training images in an epoch, counted from 0.

    first: from the beginning. later: (share of the epochs after which it holds, size), in rising order.

    >>> [CropSizes((16, 16), ((0.5, (32, 32)),), epochs=4)(epoch) for epoch in range(4)]
    [(16, 16), (16, 16), (32, 32), (32, 32)]
    """

    first: tuple[int, int]
    later: tuple[tuple[float, tuple[int, int]], ...] = ()
    epochs: int = 1

    def __call__(self, epoch: int) -> tuple[int, int]:
        size = self.first
        for share, later in self.later:
            if epoch >= share * self.epochs:
                size = later
        return tuple(size)
