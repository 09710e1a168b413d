"""Errors that a user can fix; each message is a sentence for the user."""

import difflib
from collections.abc import Iterable

_NEAR, _VERY_NEAR = 0.65, 0.8
"""Names are suggested if they are so similar, by `difflib`; with another first letter, if very near."""


class UserError(ValueError):
    """An error that the user can fix: the message says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with code 2.

    >>> raise UserError("masks/a.png: value 7 is outside the 3 classes; pass --classes or mend the mask")
    Traceback (most recent call last):
    foveate.errors.UserError: masks/a.png: value 7 is outside the 3 classes; pass --classes or mend the mask
    """


class DataError(UserError):
    """The data cannot be used; the message names the file, the value, and the remedy."""


class DataWarning(UserWarning):
    """The data can be used, but may give scores that are wrong; the Python functions warn with it."""


class Undecided(DataError):
    """A folder can be read in several ways; the user must say which is meant, by a word that is named."""


class SeveralDatasets(Undecided):
    """A folder holds several datasets; the user must name one of them."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name of which this one may be a slip of the pen; None if there is none.

    >>> nearest("gte", ["get", "pack"]), nearest("esnet", ["resnet"]), nearest("resnet", ["pspnet", "unet"])
    ('get', 'resnet', None)
    """
    names = list(names)
    near = difflib.get_close_matches(name, names, n=1, cutoff=_VERY_NEAR)
    near += difflib.get_close_matches(
        name, [each for each in names if each[:1] == name[:1]], n=1, cutoff=_NEAR
    )
    return near[0] if near else None


def choose(name: str, choices: Iterable[str], what: str) -> str:
    """Return `name` if it is one of `choices`; else raise a `UserError` with the nearest match and the list.

    >>> choose("cbam", ["se", "cbam"], "attention")
    'cbam'
    >>> choose("cbma", ["se", "cbam"], "attention")
    Traceback (most recent call last):
    foveate.errors.UserError: unknown attention 'cbma'; did you mean 'cbam'? There are: cbam, se
    """
    names = sorted(choices)
    if name in names:
        return name
    near = nearest(name, names)
    hint = f"; did you mean '{near}'?" if near else "."
    listing = ", ".join(names[:60]) + (f", ... ({len(names)} in all)" if len(names) > 60 else "")
    raise UserError(f"unknown {what} '{name}'{hint} There are: {listing or 'none'}")
