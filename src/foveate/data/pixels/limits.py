"""Limits of image files, checked before they are decoded."""

from pathlib import Path

from foveate.errors import DataError

MAX_PIXELS = 89_478_485
"""Images with more pixels are refused before decoding. The number is Pillow's own warning level."""


class TooLarge(DataError):
    """An image has more pixels than are decoded."""


def too_large(path: str | Path, pixels: str) -> TooLarge:
    """Return the error for an image of too many pixels."""
    return TooLarge(
        f"{path}: {pixels} pixels are more than the limit of {MAX_PIXELS}; cut the image into tiles or "
        "scale it down"
    )


def check_pixels(path: str | Path, height: int, width: int) -> None:
    """Raise `TooLarge` for an image of more than `MAX_PIXELS` pixels."""
    if height * width > MAX_PIXELS:
        raise too_large(path, f"{width} x {height}")


def stack(path: str | Path, height: int, width: int) -> DataError:
    """Return the error for a file of several images."""
    return DataError(
        f"{path}: holds a stack of several images of {height} x {width}, and only the first would be "
        "read; save each image, and each mask, as a file of its own"
    )
