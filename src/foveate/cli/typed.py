"""The running command, as the user typed it."""

import shlex
from collections.abc import Sequence
from contextvars import ContextVar

_words: ContextVar[tuple[str, ...]] = ContextVar("words", default=())


def set_words(words: Sequence[str]) -> None:
    """Store the words of the command line, without the program's name."""
    _words.set(tuple(words))


def command_line() -> str:
    """Return the running command, quoted for the shell.

    >>> set_words(["fit", "my photos"])
    >>> command_line()
    "foveate fit 'my photos'"
    """
    return shlex.join(["foveate", *_words.get()])
