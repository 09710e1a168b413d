"""Image sizes and batch sizes that suit a dataset."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset

STRIDE = 32
"""Chosen sizes are multiples of the deepest stride of the usual encoders, so that nothing is padded."""

_HEADERS = 100


def choose_size(dataset: "Dataset", longest: int = 256) -> tuple[int, int]:
    """Height and width to work at: the median of the training images, scaled down so that the longer side is
    at most `longest`, in multiples of 32.

    >>> from foveate.data.open import open_dataset
    >>> choose_size(open_dataset("synthetic:4:360x480"))
    (192, 256)
    """
    entries = dataset.index("train")
    step = -(-len(entries) // _HEADERS)
    height, width = np.median([dataset.size_of(entry) for entry in entries[::step]], axis=0)
    factor = min(1.0, longest / max(height, width)) / STRIDE
    return max(1, round(height * factor)) * STRIDE, max(1, round(width * factor)) * STRIDE


def choose_batch(task: str, train: int) -> int:
    """Images a step: up to 8 with masks and 64 with labels, and no more than leaves about eight steps an
    epoch.

    >>> choose_batch("segmentation", 367), choose_batch("segmentation", 20)
    (8, 2)
    >>> choose_batch("classification", 5000)
    64
    """
    most = 8 if task == "segmentation" else 64
    return min(most, max(2, 2 ** int(np.log2(max(1, train / 8)))))
