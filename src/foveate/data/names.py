"""One form for the names of classes and files, and names that people would take for one another."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

_SEPARATORS = re.compile(r"[\s_\-]+")


def one_form(name: str) -> str:
    """Return a name in Unicode's form NFC, without blanks around it and without invisible marks.

    macOS writes accents as letters of their own (NFD) where other systems and most annotation tools do not.

    >>> one_form(" caf" + "e\\u0301 ") == "caf\\u00e9"
    True
    """
    visible = "".join(letter for letter in name if letter not in "\u200b\u2060\ufeff")
    return unicodedata.normalize("NFC", visible).strip()


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the names that differ in case, blanks, hyphens, underscores or their Unicode form alone.

    >>> alike(["cat", "dog", "Cat", "traffic light", "traffic_light", "C"])
    [('cat', 'Cat'), ('traffic light', 'traffic_light')]
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        key = _SEPARATORS.sub("", unicodedata.normalize("NFKC", one_form(name)).casefold())
        groups.setdefault(key, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def alike_note(classes: Iterable[str]) -> tuple[str, ...]:
    """Return a note on the classes whose names are `alike`; empty if there are none.

    >>> alike_note(["cat", "dog", "Cat"])
    ("the classes 'cat' and 'Cat' are learnt as two, though their names differ in case or blanks alone",)
    """
    return tuple(
        f"the classes {' and '.join(map(repr, group))} are learnt as "
        f"{'two' if len(group) == 2 else len(group)}, though their names differ in case or blanks alone"
        for group in alike(classes)
    )


def joined_note(spellings: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return a note on the classes that the data spells in several ways which mean one name.

    spellings: by the name of a class, how the data writes it.

    >>> joined_note({"disk": ["disk", "disk "], "cell": ["cell"]})
    ("'disk' and 'disk ' are one class",)
    """
    several = [forms for forms in map(dict.fromkeys, spellings.values()) if len(forms) > 1]
    return tuple(f"{' and '.join(map(repr, forms))} are one class" for forms in several)


def spellings_of(written: Iterable[str]) -> dict[str, list[str]]:
    """Return the names as the data writes them, by their one form.

    >>> spellings_of(["disk", "cell", "disk "])
    {'disk': ['disk', 'disk '], 'cell': ['cell']}
    """
    spellings: dict[str, list[str]] = {}
    for name in dict.fromkeys(written):
        spellings.setdefault(one_form(name), []).append(name)
    return spellings
