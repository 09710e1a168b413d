"""Folds of a cross-validation, written K/N: the first of five is 1/5."""

import re
from typing import Literal

from foveate.errors import DataError

Folds = int | Literal["auto"]

FOLDS: Folds = "auto"
"""Folds of a comparison if none are given: 0 for one fixed split, "auto" for as many as fit the data."""

AUTOMATIC = 5
"""Folds that "auto" takes if there are enough groups."""


def parse_folds(value: str | int) -> Folds:
    """Return a number of folds, or "auto". Raises `DataError` for any other value.

    >>> parse_folds("5"), parse_folds("auto")
    (5, 'auto')
    """
    if value == "auto":
        return "auto"
    if not re.fullmatch(r"\d+", str(value)) or int(value) == 1:
        raise DataError(
            f"--folds: '{value}' is no number of folds; give 2 or more, 0 for one fixed split, or auto"
        )
    return int(value)


def fold_of(seed: int, folds: int) -> str | None:
    """Return the fold that a seed tests, None without folds.

    >>> fold_of(0, 5), fold_of(7, 5), fold_of(0, 0)
    ('1/5', '3/5', None)
    """
    return f"{seed % folds + 1}/{folds}" if folds else None


def parse_fold(text: str) -> tuple[int, int]:
    """Return the number of a fold, from 1, and the number of folds. Raises `DataError` for any other text.

    >>> parse_fold("2/5")
    (2, 5)
    """
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    number, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= count or count < 2:
        raise DataError(
            f"--fold: '{text}' is not a fold; write its number and the number of folds (2 or more), such as "
            "1/5 for the first of five"
        )
    return number, count
