"""Shares of the images in train, val and test, in percent, such as 70/15/15."""

import math
import re
from collections.abc import Sequence

from foveate.errors import DataError

Shares = tuple[float, ...]

SHARES: Shares = (70, 15, 15)
"""Percent of all images in train, val and test. Of two shares, the second is both val and test."""


def parse_shares(text: str, where: str) -> Shares:
    """Read shares such as "80/10/10" or "80/20". where: the flag or key, for errors.

    Raises `DataError` as `check_shares` does, and for any other text.

    >>> parse_shares("80/20", "--split")
    (80.0, 20.0)
    """
    if not re.fullmatch(r"\d+(\.\d+)?(\s*/\s*\d+(\.\d+)?){1,2}", text.strip()):
        raise DataError(
            f"{where}: '{text}' is not a split; write the percents of train, val and test, such as 70/15/15, "
            "or of train and val only, such as 80/20"
        )
    return check_shares(tuple(map(float, text.split("/"))))


def check_shares(shares: Sequence[float]) -> Shares:
    """Return the shares as a tuple.

    Raises `DataError` unless they are two or three percents above 0 that add up to 100.
    """
    if (
        len(shares) not in (2, 3)
        or not all(share > 0 for share in shares)
        or not math.isclose(sum(shares), 100)
    ):
        raise DataError(
            f"the split {write_shares(shares)} must be two or three percents above 0 that add up to 100, "
            "such as 70/15/15 for train, val and test, or 80/20 for train and val, which is then scored too"
        )
    return tuple(shares)


def keeps_own(own_splits: bool | None, shares: Sequence[float]) -> bool:
    """Return whether the splits that data bring are kept: unless other shares than the usual are given.

    own_splits: what the user says about it; None for nothing.

    >>> keeps_own(None, SHARES), keeps_own(None, (80, 20)), keeps_own(True, (80, 20))
    (True, False, True)
    """
    return tuple(shares) == SHARES if own_splits is None else own_splits


def write_shares(shares: Sequence[float]) -> str:
    """Write shares as the user types them.

    >>> write_shares((70, 15, 15))
    '70/15/15'
    """
    return "/".join(f"{share:g}" for share in shares)
