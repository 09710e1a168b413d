"""Print any text on any console: what its encoding lacks is replaced by something readable."""

import codecs
import sys

_SIGNS = {
    "✗": "x",
    "✓": "v",
    "·": "*",
    "•": "*",
    "●": "*",
    "○": "o",
    "▲": "^",
    "▼": "v",
    "×": "x",
    "−": "-",
    "–": "-",
    "—": "-",
    "━": "-",
    "│": "|",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "←": "<-",
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "\N{NO-BREAK SPACE}": " ",
}
"""ASCII in place of signs. Other characters are escaped: two class names never become the same text."""


def print_anywhere() -> None:
    """Let standard output and standard error take any text, whatever their encoding.

    The encoding stays as it is. Signs become ASCII, other characters Python's escapes, such as \\u732b; so do
    the bytes of file names that are not text.
    """
    codecs.register_error("foveate", substitute)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="foveate")


def substitute(error: UnicodeError) -> tuple[str, int]:
    r"""Return ASCII for the characters that cannot be encoded, and where to go on: a codec error handler.

    >>> codecs.register_error("foveate", substitute)
    >>> "✗ 12 × 16 → 猫, é".encode("ascii", "foveate")
    b'x 12 x 16 -> \\u732b, \\xe9'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_SIGNS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in text), error.end
