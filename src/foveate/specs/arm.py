"""One contender of a comparison as text: `cbam@decoder`, `smooth@encoder5(threshold=0.4)`, `none`.

The grammar, the same on the command line, in configs, in Python and in reports:

    named   = [ NAME "=" ] arm                  in a comparison
    arm     = "none" | part { "+" part }
    part    = name "@" place [ options ]        an attention at a place
            | name [ options ]                  a head, which takes the place of the output layer
    options = "(" [ key "=" value { "," key "=" value } ] ")"
    value   = number | true | false | none | word | 'string' | "string"
"""

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from foveate.errors import UserError

_NAME = re.compile(r"[A-Za-z_]\w*")
_ARM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_PLACE = re.compile(r"[\w.*?!\[\]-]+")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_BARE = re.compile(r"[^\s,()'\"=+@]+(?:\+\d+)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "none": None}

Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class AttentionAt:
    """An attention mechanism at a place, with the options of its constructor."""

    name: str
    place: str
    options: Options = ()

    def __str__(self) -> str:
        return f"{self.name}@{self.place}{_write_options(self.options)}"


@dataclass(frozen=True)
class Head:
    """A head that takes the place of the host's output layer, with the options of its constructor."""

    name: str
    options: Options = ()

    def __str__(self) -> str:
        return f"{self.name}{_write_options(self.options)}"


@dataclass(frozen=True)
class Arm:
    """The parts of a contender, in the order in which they are attached; no part is the bare host.

    `str(arm)` is canonical: options sorted by name, no spaces, so that equal arms have equal texts.
    """

    parts: tuple[AttentionAt | Head, ...] = ()

    def __str__(self) -> str:
        return "+".join(str(part) for part in self.parts) or "none"

    @property
    def attentions(self) -> tuple[AttentionAt, ...]:
        return tuple(part for part in self.parts if isinstance(part, AttentionAt))

    @property
    def heads(self) -> tuple[Head, ...]:
        return tuple(part for part in self.parts if isinstance(part, Head))


def parse_arm(text: "str | Arm") -> Arm:
    """Read an arm from its text; names of mechanisms and places are checked later, by `attach`.

    Raises a `UserError` that points at the character where the text leaves the grammar.

    >>> arm = parse_arm("cbam@decoder + smooth@encoder5(threshold=0.4)")
    >>> arm.parts[1].place, dict(arm.parts[1].options)
    ('encoder5', {'threshold': 0.4})
    >>> str(arm)
    'cbam@decoder+smooth@encoder5(threshold=0.4)'
    >>> parse_arm("none").parts
    ()
    >>> parse_arm("cbam@decoder(ratio=)")
    Traceback (most recent call last):
    foveate.errors.UserError: arm 'cbam@decoder(ratio=)': expected a value after 'ratio='
      cbam@decoder(ratio=)
                         ^
    """
    return text if isinstance(text, Arm) else _Reader(text).arm()


def parse_named_arm(text: "str | Arm") -> tuple[str, Arm]:
    """Read an arm that may have a name before it: `NAME=ARM`. The name is "" where none is given.

    A name is up to 60 letters, digits, and `_`, `.`, `-`, and begins with a letter or a digit, for folders
    are called by it; "none" is the bare host and no other.

    >>> name, arm = parse_named_arm("B=two_branch(activation=selu)")
    >>> name, str(arm)
    ('B', 'two_branch(activation=selu)')
    >>> parse_named_arm("smooth@encoder5(threshold=0.4)")[0]
    ''
    >>> parse_named_arm("../B=none")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: arm '../B=none': '../B' is no name; a name is up to 60 letters, digits, ...
    """
    if isinstance(text, Arm):
        return "", text
    name, equals, rest = text.partition("=")
    if not equals or any(character in name for character in "@("):
        return "", parse_arm(text)
    name = name.strip()
    if not _ARM_NAME.fullmatch(name) or name.endswith("."):
        raise UserError(
            f"arm '{text}': '{name}' is no name; a name is up to 60 letters, digits, _, . and -, "
            "and begins with a letter or a digit"
        )
    arm = parse_arm(rest)
    if name.lower() == "none" and arm.parts:
        raise UserError(f"arm '{text}': none is the bare host; choose another name")
    return name, arm


class _Reader:
    """Reads the grammar from left to right; `at` is the character it has come to."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def arm(self) -> Arm:
        if self.text.strip().lower() == "none":
            return Arm()
        parts = [self.part()]
        while self.take("+"):
            parts.append(self.part())
        self.skip_space()
        if self.at < len(self.text):
            self.fail(f"expected '+' or the end, found '{self.text[self.at]}'")
        return Arm(tuple(self.checked(parts)))

    def checked(self, parts: list[AttentionAt | Head]) -> list[AttentionAt | Head]:
        keys = [(part.name, getattr(part, "place", "")) for part in parts]
        for key, part in zip(keys, parts, strict=True):
            if keys.count(key) > 1:
                self.fail(f"'{part.name}' stands twice at the same place; leave one out", at=0)
        if sum(isinstance(part, Head) for part in parts) > 1:
            self.fail("an arm has one head at most; an attention needs a place, such as cbam@decoder", at=0)
        return parts

    def part(self) -> AttentionAt | Head:
        start = self.at
        name = self.match(_NAME, "the name of an attention or a head")
        if name.lower() == "none":
            self.fail("'none' is the bare host and stands alone", at=start)
        if self.take("@"):
            place = self.match(_PLACE, f"a place after '{name}@', such as decoder or encoder5")
            return AttentionAt(name, place, self.options())
        return Head(name, self.options())

    def options(self) -> Options:
        if not self.take("("):
            return ()
        found: dict[str, Any] = {}
        while not self.take(")"):
            if found and not self.take(","):
                self.fail("expected ',' or ')'")
            start = self.at
            key = self.match(_NAME, "an option, such as threshold=0.4")
            if key in found:
                self.fail(f"option '{key}' is given twice", at=start)
            if not self.take("="):
                self.fail(f"expected '=' after the option '{key}'")
            found[key] = self.value(key)
        return tuple(sorted(found.items()))

    def value(self, key: str) -> Any:
        self.skip_space()
        if quoted := _STRING.match(self.text, self.at):
            self.at = quoted.end()
            return quoted.group()[1:-1]
        return _read_word(self.match(_BARE, f"a value after '{key}='"))

    def match(self, pattern: re.Pattern[str], wanted: str) -> str:
        self.skip_space()
        found = pattern.match(self.text, self.at)
        if found is None:
            self.fail(f"expected {wanted}")
        self.at = found.end()
        return found.group()

    def take(self, character: str) -> bool:
        self.skip_space()
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        pointer = " " * (self.at if at is None else at) + "^"
        raise UserError(f"arm '{self.text}': {problem}\n  {self.text}\n  {pointer}")


def _read_word(word: str) -> Any:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    if _NUMBER.fullmatch(word):
        return int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word)
    return word


def _write_value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = _BARE.fullmatch(value) and _read_word(value) == value
        return value if plain else (f'"{value}"' if "'" in value else f"'{value}'")
    return repr(value)


def _write_options(options: Options) -> str:
    return f"({','.join(f'{key}={_write_value(value)}' for key, value in options)})" if options else ""
