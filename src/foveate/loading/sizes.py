"""Image sizes and batch sizes: as the user writes them, and as chosen for a dataset."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from foveate.errors import DataError

if TYPE_CHECKING:
    from foveate.data.dataset import Dataset

STRIDE = 32
"""Chosen sizes are multiples of the deepest stride of the usual encoders, so that nothing is padded."""

LARGEST_VIEW = 4
"""Views of an image are at most this many times as high and wide; a view of 4 has 16 times its pixels."""

_HEADERS = 100


def parse_size(text: str, where: str) -> tuple[int, int]:
    """Height and width from "192x256", or from "256" for a square; `where` it was written opens the error.

    >>> parse_size("192x256", "--size"), parse_size("96", "--size")
    ((192, 256), (96, 96))
    >>> parse_size("big", "--size")
    Traceback (most recent call last):
    foveate.errors.DataError: --size: 'big' is no size; write height x width in pixels, such as 192x256
    """
    match = re.fullmatch(r"([1-9]\d{0,5})(?:\s*[xX×]\s*([1-9]\d{0,5}))?", text.strip())
    if not match:
        raise DataError(f"{where}: '{text}' is no size; write height x width in pixels, such as 192x256")
    return int(match[1]), int(match[2] or match[1])


def check_views(scales: Any) -> None:
    """Raise a `DataError` unless an image can be shown at these sizes, relative to its own: one or more, each
    above 0 and at most `LARGEST_VIEW`.

    >>> check_views((0.75, 1, 1.25))
    >>> check_views((1, 100))
    Traceback (most recent call last):
    foveate.errors.DataError: test_scales is 1 100; give one or more factors above 0 and up to 4, as in
        0.75 1 1.25
    """
    several = list(scales) if isinstance(scales, list | tuple) else [scales]
    numbers = all(isinstance(scale, int | float) and not isinstance(scale, bool) for scale in several)
    if not several or not numbers or not all(0 < scale <= LARGEST_VIEW for scale in several):
        given = " ".join(map(str, several)) or "empty"
        raise DataError(
            f"test_scales is {given}; give one or more factors above 0 and up to {LARGEST_VIEW}, "
            "as in 0.75 1 1.25"
        )


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
