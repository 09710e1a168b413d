"""Fonts for names in any script: each text gets an installed font that has its characters.

A character that no font has is written as Python's escape, such as \\u732b, and stays distinct.
"""

import unicodedata
from collections.abc import Set
from functools import lru_cache
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

_NO_GLYPHS = ("Last Resort", "DejaVu Sans Display", "STIXSize")
"""Fonts that have boxes, or single signs, in place of letters."""


def readable(text: str) -> str:
    r"""Return a text in which control characters, and those that no installed font has, are escaped.

    >>> readable("a\tb"), readable("crème")
    ('a\\tb', 'crème')
    """
    lacking = _fonts_for(frozenset(text))[1]
    return "".join(c.encode("unicode_escape").decode() if c in lacking else c for c in text)


def use_fonts(figure: Figure) -> None:
    """Give every text of a figure the fonts that its characters need."""
    for text in figure.findobj(Text):
        if families := _fonts_for(frozenset(text.get_text()))[0]:
            text.set_fontfamily([*text.get_fontfamily(), *families])


@lru_cache(maxsize=1024)
def _fonts_for(characters: Set[str]) -> tuple[tuple[str, ...], Set[str]]:
    """Return the families that the default font needs beside it, and the characters that none has."""
    missing = {c for c in characters - {"\n"} if not _has(findfont(FontProperties()), c)}
    controls = {c for c in missing if unicodedata.category(c).startswith("C")}
    missing -= controls
    families = []
    for font in fontManager.ttflist if missing else ():
        if font.name.startswith(_NO_GLYPHS) or font.name in families:
            continue
        if found := {c for c in missing if _has(font.fname, c)}:
            families.append(font.name)
            missing -= found
        if not missing:
            break
    return tuple(families), frozenset(missing | controls)


def _has(path: str, character: str) -> bool:
    return ord(character) in _characters(path)


@lru_cache(maxsize=4096)
def _characters(path: str) -> Set[int]:
    """Return the characters of a font file; none for a file that has gone or cannot be read."""
    try:
        return frozenset(get_font(path).get_charmap()) if Path(path).is_file() else frozenset()
    except (OSError, RuntimeError):
        return frozenset()
