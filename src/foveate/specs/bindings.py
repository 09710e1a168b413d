"""Class names bound to the stored values of masks: `disc=128`, `car=13,14`, `lesion=1-5`, `road=#804080`.

A binding is one word, so that flags, YAML and Python can hold it as they hold a name. In Python and YAML a
mapping does as well: {"disc": 128, "car": [13, 14]}.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveate.errors import UserError

MOST = 65_536
"""A name is bound to at most this many values."""

IGNORED = re.compile(r"ignored?", re.IGNORECASE)
"""Written in place of a class name, it makes the pixels of its values ignored."""

Color = tuple[int, int, int]

_ITEM = r"(?:\d+(?:-\d+)?|#[0-9a-fA-F]{6})"
_BINDING = re.compile(rf"(?P<name>.*\S)\s*=\s*(?P<values>{_ITEM}(?:\s*,\s*{_ITEM})*)", re.DOTALL)
_FORMS = "write name=value, such as disc=128, car=13,14, lesion=1-5 or, for a colour, road=#804080"


@dataclass(frozen=True)
class Binding:
    """A class name with the values, or the colours, that stand for it. Values are pairs (first, last)."""

    name: str
    ranges: tuple[tuple[int, int], ...] = ()
    colors: tuple[Color, ...] = ()

    @property
    def values(self) -> list[int | Color]:
        """All values in order, or the colours."""
        return [v for first, last in self.ranges for v in range(first, last + 1)] or list(self.colors)

    def __str__(self) -> str:
        """Return the binding as it is written.

        >>> print(Binding("car", ((13, 14), (20, 25))))
        car=13-14,20-25
        """
        items = [str(first) if first == last else f"{first}-{last}" for first, last in self.ranges]
        items += [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in self.colors]
        return f"{self.name}={','.join(items)}"


def is_binding(word: str) -> bool:
    """Whether a word binds a name to values.

    >>> [is_binding(word) for word in ("disc=128", "car=13,14", "road=#804080", "disc", "label=cat")]
    [True, True, True, False, False]
    """
    return _BINDING.fullmatch(word) is not None


def class_names(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes, bound or not, without those that are ignored.

    >>> class_names(["cup=0", "disc=128", "ignore=255"]), class_names(["cat", "dog"])
    (('cup', 'disc'), ('cat', 'dog'))
    """
    names = [match["name"] if (match := _BINDING.fullmatch(word)) else word for word in words]
    return tuple(name for name in names if not IGNORED.fullmatch(name.strip()))


def parse_bindings(words: Sequence[str]) -> tuple[Binding, ...]:
    """Parse bindings. Returns an empty tuple if no word has an equals sign.

    Raises `UserError` for a word that is no binding beside others that are, for a name or a value that is
    bound twice, and for values beside colours.

    >>> parse_bindings(["cup=0", "disc=128,130-140"])[1].ranges
    ((128, 128), (130, 140))
    >>> parse_bindings(["cup", "disc"])
    ()
    >>> parse_bindings(["cup=0-3", "disc=3"])
    Traceback (most recent call last):
    foveate.errors.UserError: --classes: the value 3 is bound to both cup and disc; bind each value once
    """
    if not any("=" in word for word in words):
        return ()
    bindings = tuple(map(_parse, words))
    names = [binding.name for binding in bindings]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"--classes: {twice} is bound twice; write all its values in one word: {twice}=13,14")
    if any(b.colors for b in bindings) and any(b.ranges for b in bindings):
        raise UserError(
            "--classes: some names are bound to values and some to colours; write all of one kind"
        )
    owners: dict[int | Color, str] = {}
    for binding in bindings:
        for value in binding.values:
            if (owner := owners.setdefault(value, binding.name)) != binding.name:
                shown = str(Binding("", colors=(value,)))[1:] if isinstance(value, tuple) else value
                raise UserError(
                    f"--classes: the value {shown} is bound to both {owner} and {binding.name}; bind each "
                    "value once"
                )
    return bindings


def binds_colors(words: Sequence[str] | None) -> bool:
    """Whether names are bound to colours.

    >>> binds_colors(["road=#804080"]), binds_colors(["road=7"]), binds_colors(None)
    (True, False, False)
    """
    return any(binding.colors for binding in parse_bindings(words or ()))


def bind(name: str, values: Iterable[int | Color]) -> Binding:
    """Return the binding of a name to values in any order; neighbours are joined to ranges.

    >>> print(bind("sky", [3, 1, 2, 7]), bind("road", [(128, 64, 128)]))
    sky=1-3,7 road=#804080
    """
    held = set(values)
    if colors := sorted(value for value in held if isinstance(value, tuple)):
        return Binding(name, colors=tuple(colors))
    ranges: list[tuple[int, int]] = []
    for value in sorted(value for value in held if isinstance(value, int)):
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1] = (ranges[-1][0], value)
        else:
            ranges.append((value, value))
    return Binding(name, tuple(ranges))


def written_names(classes: Mapping[Any, Any] | Sequence[str]) -> tuple[str, ...]:
    """Return names and bindings as words; a mapping binds its keys to its values.

    Raises `UserError` for a value that cannot be bound.

    >>> written_names({"cup": 0, "car": [13, 14], "lesion": range(1, 6), "road": "#804080"})
    ('cup=0', 'car=13-14', 'lesion=1-5', 'road=#804080')
    """
    if not isinstance(classes, Mapping):
        return tuple(classes)
    return tuple(_written(str(name), values) for name, values in classes.items())


def split_words(words: Iterable[str]) -> tuple[str, ...]:
    """Split names at commas, which also separate the values of a binding.

    >>> split_words(["sky,road", "car"]), split_words(["car=13,14,sky=2", "road=0-5"])
    (('sky', 'road', 'car'), ('car=13,14', 'sky=2', 'road=0-5'))
    """
    names: list[str] = []
    for word in words:
        begun = False
        for part in filter(None, map(str.strip, word.split(","))):
            if begun and re.fullmatch(_ITEM, part):
                names[-1] += f",{part}"
            else:
                names.append(part)
                begun = is_binding(part)
    return tuple(names)


def _parse(word: str) -> Binding:
    match = _BINDING.fullmatch(word.strip())
    if match is None:
        wrong = word if "=" in word else f"{word} (other names are bound)"
        raise UserError(f"--classes: {wrong} binds no value; {_FORMS}")
    items = [item.strip() for item in match["values"].split(",")]
    name, ranges, colors = match["name"].strip(), [], []
    for item in items:
        if item.startswith("#"):
            colors.append((int(item[1:3], 16), int(item[3:5], 16), int(item[5:7], 16)))
            continue
        first, last = (int(number) for number in (item.split("-") * 2)[:2])
        if not first <= last < 2**31:
            raise UserError(f"--classes: {name}={item} is no range of values; write the lower value first")
        ranges.append((first, last))
    if colors and ranges:
        raise UserError(f"--classes: {word} mixes values and colours; write all of one kind")
    if sum(last - first + 1 for first, last in ranges) > MOST:
        raise UserError(f"--classes: {word} binds more than {MOST} values; bind fewer")
    return Binding(name, tuple(ranges), tuple(colors))


def _written(name: str, values: Any) -> str:
    if isinstance(values, str):
        word = f"{name}={values}"
    else:
        several = values if isinstance(values, list | tuple | range | set | frozenset) else [values]
        if not all(
            isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in several
        ):
            raise UserError(
                f"classes: {name!r} is bound to {values!r}; give whole values from 0, or '#804080'"
            )
        word = str(bind(name, several))
    if not is_binding(word):
        raise UserError(f"classes: {word!r} binds no value; {_FORMS}")
    return word
