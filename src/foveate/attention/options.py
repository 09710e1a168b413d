"""Checks of option values: each returns the value, or raises a `UserError` that says what was expected."""

from collections.abc import Iterable

from foveate.errors import UserError, choose


def at_least(minimum: int, name: str, value: object) -> int:
    """Return `value` if it is a whole number of at least `minimum`.

    >>> at_least(1, "reduction", 16)
    16
    >>> at_least(1, "reduction", 0)
    Traceback (most recent call last):
    foveate.errors.UserError: reduction=0: expected a whole number of at least 1
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise UserError(f"{name}={value!r}: expected a whole number of at least {minimum}")
    return value


def odd(name: str, value: object) -> int:
    """Return `value` if it is an odd whole number of at least 1, such as the size of a centred kernel.

    >>> odd("kernel_size", 4)
    Traceback (most recent call last):
    foveate.errors.UserError: kernel_size=4: expected an odd whole number, such as 3 or 5
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or value % 2 == 0:
        raise UserError(f"{name}={value!r}: expected an odd whole number, such as 3 or 5")
    return value


def positive(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number above 0.

    >>> positive("threshold", -1)
    Traceback (most recent call last):
    foveate.errors.UserError: threshold=-1: expected a finite number above 0
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UserError(f"{name}={value!r}: expected a finite number above 0")
    return float(value)


def one_of(choices: Iterable[str], name: str, value: object) -> str:
    """Return `value` if it is one of `choices`.

    >>> one_of(["sum", "product"], "combine", "sums")
    Traceback (most recent call last):
    foveate.errors.UserError: unknown combine 'sums'; did you mean 'sum'? There are: product, sum
    """
    return choose(str(value), choices, name)
