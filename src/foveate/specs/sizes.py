"""Image sizes as the user writes them."""

import re
from typing import Any

from foveate.errors import DataError

LARGEST_VIEW = 4
"""Views of an image are at most this many times as high and wide; a view of 4 has 16 times its pixels."""


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
