"""Folds of a cross-validation, written K/N: the first of five is 1/5."""

import re

from foveate.errors import DataError


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
