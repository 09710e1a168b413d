"""What a user did that foveate cannot go on with, said in a sentence."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user can mend: the message says what is wrong, where, and what to do.

    The command line prints it as it is, without a traceback, and exits with code 2.

    >>> raise UserError("masks/a.png: value 7 is outside the 3 classes; pass --classes or mend the mask")
    Traceback (most recent call last):
    foveate.errors.UserError: masks/a.png: value 7 is outside the 3 classes; pass --classes or mend the mask
    """


class DataError(UserError):
    """The data cannot be used as they are; the message names the file, the value, and the remedy."""


class SeveralDatasets(DataError):
    """A folder that holds several datasets: one of them has to be named."""


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
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else "."
    shown = ", ".join(names[:60]) + (f", ... ({len(names)} in all)" if len(names) > 60 else "")
    raise UserError(f"unknown {what} '{name}'{hint} There are: {shown or 'none'}")
