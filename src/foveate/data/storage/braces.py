"""Expand brace patterns, as in train-{000..003}.tar, into the addresses of several files."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from foveate.errors import DataError

MAX_ADDRESSES = 100_000
"""A pattern for more addresses than this is taken for a typing error."""

_INNERMOST = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")


def expand(pattern: str) -> tuple[str, ...]:
    """Return the addresses that a pattern stands for, each once.

    Raises `DataError` for a pattern of no address or of more than `MAX_ADDRESSES`.

    >>> expand("s3://bucket/train-{008..010}.tar")
    ('s3://bucket/train-008.tar', 's3://bucket/train-009.tar', 's3://bucket/train-010.tar')
    >>> expand("{train-{0..1},val}.tar")
    ('train-0.tar', 'val.tar', 'train-1.tar')
    """
    addresses = list(islice(_expanded(pattern), MAX_ADDRESSES + 1))
    if not 0 < len(addresses) <= MAX_ADDRESSES:
        amount = f"more than {MAX_ADDRESSES:,} addresses" if addresses else "no address"
        raise DataError(
            f"{pattern}: stands for {amount}; ranges are written from the first number to the last, as in "
            "{000..003}"
        )
    return tuple(dict.fromkeys(addresses))


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
