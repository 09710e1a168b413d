"""Parse image sizes and check the scales of test-time views."""

import re
from typing import Any

from foveate.errors import DataError

LARGEST_VIEW = 4
"""Largest scale of a view relative to the image. At 4, a view has 16 times the pixels."""


def parse_size(text: str, where: str) -> tuple[int, int]:
    """Read height and width in pixels from "192x256", or from "256" for a square.

    where: the flag or key, for errors. Raises `DataError` for any other text.

    >>> parse_size("192x256", "--size"), parse_size("96", "--size")
    ((192, 256), (96, 96))
    >>> parse_size("big", "--size")
    Traceback (most recent call last):
    foveate.errors.DataError: --size: 'big' is not a size; write height x width in pixels, such as 192x256
    """
    match = re.fullmatch(r"([1-9]\d{0,5})(?:\s*[xX×]\s*([1-9]\d{0,5}))?", text.strip())
    if not match:
        raise DataError(f"{where}: '{text}' is not a size; write height x width in pixels, such as 192x256")
    return int(match[1]), int(match[2] or match[1])


def check_views(scales: Any) -> None:
    """Raise `DataError` unless `scales` are one or more factors above 0 and at most `LARGEST_VIEW`.

    >>> check_views((0.75, 1, 1.25))
    >>> check_views((1, 100))
    Traceback (most recent call last):
    foveate.errors.DataError: test_scales is 1 100; give one or more factors above 0 and up to 4, as in
        0.75 1 1.25
    """
    factors = list(scales) if isinstance(scales, list | tuple) else [scales]
    numbers = all(isinstance(scale, int | float) and not isinstance(scale, bool) for scale in factors)
    if not factors or not numbers or not all(0 < scale <= LARGEST_VIEW for scale in factors):
        value = " ".join(map(str, factors)) or "empty"
        raise DataError(
            f"test_scales is {value}; give one or more factors above 0 and up to {LARGEST_VIEW}, "
            "as in 0.75 1 1.25"
        )
