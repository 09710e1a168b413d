"""Addresses of several files in one, as shells and WebDataset write them."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from foveate.errors import DataError

MOST = 100_000
"""More addresses than this are taken for a slip of the pen."""

_INNERMOST = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")


def expand(pattern: str) -> tuple[str, ...]:
    """The addresses that a pattern stands for, each once; `DataError` for none, or for more than `MOST`.

    >>> expand("s3://bucket/train-{008..010}.tar")
    ('s3://bucket/train-008.tar', 's3://bucket/train-009.tar', 's3://bucket/train-010.tar')
    >>> expand("{train-{0..1},val}.tar")
    ('train-0.tar', 'val.tar', 'train-1.tar')
    """
    found = list(islice(_expanded(pattern), MOST + 1))
    if not 0 < len(found) <= MOST:
        amount = f"more than {MOST:,} addresses" if found else "no address"
        raise DataError(
            f"{pattern}: stands for {amount}; ranges are written from the first number to the last, as in "
            "{000..003}"
        )
    return tuple(dict.fromkeys(found))


def _expanded(text: str) -> Iterator[str]:
    if not (match := _INNERMOST.search(text)):
        yield text
        return
    for word in _words(match[1]):
        yield from _expanded(text[: match.start()] + word + text[match.end() :])


def _words(inner: str) -> Iterable[str]:
    if not (match := _RANGE.fullmatch(inner)):
        return inner.split(",")
    first, last = match.groups()
    return (f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1))
