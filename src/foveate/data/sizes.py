"""Image sizes and batch sizes: as the user writes them, and as chosen for a dataset."""

import re
from typing import TYPE_CHECKING

import numpy as np

from foveate.data.errors import DataError

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset

STRIDE = 32
"""Chosen sizes are multiples of the deepest stride of the usual encoders, so that nothing is padded."""

_HEADERS = 100


def parse_size(text: str, where: str) -> tuple[int, int]:
    """Height and width from "192x256", or from "256" for a square; `where` it was written opens the error.

    >>> parse_size("192x256", "--size"), parse_size("96", "--size")
    ((192, 256), (96, 96))
    >>> parse_size("big", "--size")
    Traceback (most recent call last):
    foveate.data.errors.DataError: --size: 'big' is no size; write height x width in pixels, such as 192x256
    """
    match = re.fullmatch(r"([1-9]\d{0,5})(?:\s*[xX×]\s*([1-9]\d{0,5}))?", text.strip())
    if not match:
        raise DataError(f"{where}: '{text}' is no size; write height x width in pixels, such as 192x256")
    return int(match[1]), int(match[2] or match[1])


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
