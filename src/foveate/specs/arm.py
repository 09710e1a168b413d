"""Parse and write arms, such as `cbam@decoder`, `smooth@encoder5(threshold=0.4)` and `none`.

The grammar is the same on the command line, in configs, in Python and in reports:

    named   = [ NAME "=" ] arm                  in a comparison
    arm     = "none" | item { "+" item }
    item    = name "@" place [ options ]        an attention at a place
            | name [ options ]                  a head, which replaces the output layer
            | "augment" "=" name                an augmentation policy, in training
            | "none"                            beside a policy alone: none+augment=strong
    options = "(" [ key "=" value { "," key "=" value } ] ")"
    value   = number | true | false | none | word | 'string' | "string"
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from foveate.errors import UserError

AUGMENT = "augment"
"""The word before an augmentation policy."""

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
    """A head that replaces the host's output layer, with the options of its constructor."""

    name: str
    options: Options = ()

    def __str__(self) -> str:
        return f"{self.name}{_write_options(self.options)}"


@dataclass(frozen=True)
class Arm:
    """The parts of an arm, in the order in which they are attached. The bare host has no parts.

    augment: the augmentation policy in training, "" for that of the other arms. It is the last in the text.

    `str(arm)` is the canonical text: options sorted by name, no spaces. Equal arms have equal texts.
    """

    parts: tuple[AttentionAt | Head, ...] = ()
    augment: str = ""

    def __str__(self) -> str:
        network = [str(part) for part in self.parts] or ["none"]
        return "+".join([*network, *([f"augment={self.augment}"] if self.augment else [])])

    @property
    def network(self) -> "Arm":
        """The arm without its augmentation policy: what is attached to the host."""
        return replace(self, augment="")

    @property
    def attentions(self) -> tuple[AttentionAt, ...]:
        return tuple(part for part in self.parts if isinstance(part, AttentionAt))

    @property
    def heads(self) -> tuple[Head, ...]:
        return tuple(part for part in self.parts if isinstance(part, Head))


def parse_arm(text: "str | Arm | Sequence[str | Arm]") -> Arm:
    """Read an arm from its text; names of mechanisms and places are checked later, by `attach`.

    A list of arms is one arm with the parts of all, as if they were joined by `+`.

    Raises a `UserError` that points at the character where the text leaves the grammar.

    >>> arm = parse_arm("cbam@decoder + smooth@encoder5(threshold=0.4)")
    >>> arm.parts[1].place, dict(arm.parts[1].options)
    ('encoder5', {'threshold': 0.4})
    >>> str(arm)
    'cbam@decoder+smooth@encoder5(threshold=0.4)'
    >>> str(parse_arm(["cbam@decoder", "se@encoder4"]))
    'cbam@decoder+se@encoder4'
    >>> parse_arm("none").parts
    ()
    >>> parse_arm("none+augment=strong").augment
    'strong'
    >>> parse_arm("cbam@decoder(ratio=)")
    Traceback (most recent call last):
    foveate.errors.UserError: arm 'cbam@decoder(ratio=)': expected a value after 'ratio='
      cbam@decoder(ratio=)
                         ^
    """
    if isinstance(text, Arm):
        return text
    if not isinstance(text, str):
        arms = [parse_arm(one) for one in text]
        parts = [str(part) for arm in arms for part in arm.parts]
        policies = [f"augment={arm.augment}" for arm in arms if arm.augment]
        text = "+".join([*parts, *policies]) or "none"
    return _Reader(text).arm()


def parse_named_arm(text: "str | Arm") -> tuple[str, Arm]:
    """Read an arm with an optional name, `NAME=ARM`. Return the name ("" if there is none) and the arm.

    A name is also the name of a folder: up to 60 letters, digits, `_`, `.` and `-`, and it begins with a
    letter or a digit. The names "none" and "augment" are reserved. Raises `UserError` for another name, and
    for an arm that does not follow the grammar.

    >>> name, arm = parse_named_arm("B=two_branch(activation=selu)")
    >>> name, str(arm)
    ('B', 'two_branch(activation=selu)')
    >>> parse_named_arm("smooth@encoder5(threshold=0.4)")[0]
    ''
    >>> parse_named_arm("../B=none")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: arm '../B=none': '../B' is not a valid name; a name is up to 60 letters, ...
    """
    if isinstance(text, Arm):
        return "", text
    name, equals, arm_text = text.partition("=")
    name = name.strip()
    if not equals or name == AUGMENT or any(character in name for character in "@(+"):
        return "", parse_arm(text)
    if not _ARM_NAME.fullmatch(name) or name.endswith("."):
        raise UserError(
            f"arm '{text}': '{name}' is not a valid name; a name is up to 60 letters, digits, _, . and -, "
            "and begins with a letter or a digit"
        )
    arm = parse_arm(arm_text)
    if name.lower() == "none" and arm != Arm():
        raise UserError(f"arm '{text}': the name none is reserved for the bare host; choose another name")
    return name, arm


class _Reader:
    """A recursive descent parser of the grammar. `position` is the index of the next character."""

    def __init__(self, text: str):
        self.text, self.position = text, 0

    def arm(self) -> Arm:
        bare: list[int] = []
        parts: list[AttentionAt | Head] = []
        policies: list[str] = []
        while True:
            self.skip_space()
            start = self.position
            item = self.item()
            if item is None:
                bare.append(start)
            elif isinstance(item, str):
                policies.append(item)
            else:
                parts.append(item)
            if not self.take("+"):
                break
        self.skip_space()
        if self.position < len(self.text):
            self.fail(f"expected '+' or the end, found '{self.text[self.position]}'")
        if bare and (parts or len(bare) > 1):
            self.fail("'none' is the bare host and cannot be combined with other parts", at=bare[-1])
        if len(policies) > 1:
            self.fail("an arm has at most one augmentation policy; leave one out", at=0)
        return Arm(tuple(self.check(parts)), "".join(policies))

    def check(self, parts: list[AttentionAt | Head]) -> list[AttentionAt | Head]:
        keys = [(part.name, getattr(part, "place", "")) for part in parts]
        for key, part in zip(keys, parts, strict=True):
            if keys.count(key) > 1:
                self.fail(f"'{part.name}' is given twice for the same place; leave one out", at=0)
        if sum(isinstance(part, Head) for part in parts) > 1:
            self.fail("an arm has at most one head; an attention needs a place, such as cbam@decoder", at=0)
        return parts

    def item(self) -> AttentionAt | Head | str | None:
        """Return a part, the name of an augmentation policy, or None for the bare host."""
        name = self.match(_NAME, "the name of an attention or a head")
        if name.lower() == "none":
            return None
        if name == AUGMENT:
            if not self.take("="):
                self.fail("expected '=' and a policy after 'augment', such as augment=strong")
            return self.match(_NAME, "a policy after 'augment=', such as strong")
        if self.take("@"):
            place = self.match(_PLACE, f"a place after '{name}@', such as decoder or encoder5")
            return AttentionAt(name, place, self.options())
        return Head(name, self.options())

    def options(self) -> Options:
        if not self.take("("):
            return ()
        options: dict[str, Any] = {}
        while not self.take(")"):
            if options and not self.take(","):
                self.fail("expected ',' or ')'")
            start = self.position
            key = self.match(_NAME, "an option, such as threshold=0.4")
            if key in options:
                self.fail(f"option '{key}' is given twice", at=start)
            if not self.take("="):
                self.fail(f"expected '=' after the option '{key}'")
            options[key] = self.value(key)
        return tuple(sorted(options.items()))

    def value(self, key: str) -> Any:
        self.skip_space()
        if quoted := _STRING.match(self.text, self.position):
            self.position = quoted.end()
            return quoted.group()[1:-1]
        return _read_word(self.match(_BARE, f"a value after '{key}='"))

    def match(self, pattern: re.Pattern[str], expected: str) -> str:
        self.skip_space()
        match = pattern.match(self.text, self.position)
        if match is None:
            self.fail(f"expected {expected}")
        self.position = match.end()
        return match.group()

    def take(self, character: str) -> bool:
        self.skip_space()
        if self.text.startswith(character, self.position):
            self.position += 1
            return True
        return False

    def skip_space(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        pointer = " " * (self.position if at is None else at) + "^"
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
