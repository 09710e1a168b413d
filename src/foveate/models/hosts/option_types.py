"""Check option values against the types of a builder's signature, before the host is built.

Options come from YAML and JSON: their values are numbers, strings, booleans, lists, mappings and null.
"""

import types
from collections.abc import Iterable, Sequence
from inspect import Parameter
from typing import Any, Literal, Union, get_args, get_origin

from foveate.errors import UserError

_SINGULAR = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    dict: "names with values",
    type(None): "none",
}
_PLURAL = {int: "whole numbers", float: "numbers", str: "words"}


def check_type(name: str, value: object, kind: Any) -> None:
    """Raise a `UserError` unless `value` has the annotated type `kind`; without annotation, any value passes.

    >>> check_type("hidden", None, int | None)
    >>> check_type("decoder_channels", [64, "many"], Sequence[int])
    Traceback (most recent call last):
    foveate.errors.UserError: decoder_channels=[64, 'many']: expected a list of whole numbers
    >>> check_type("readout", "no", bool | Literal["ignore", "add", "cat"])
    Traceback (most recent call last):
    foveate.errors.UserError: readout='no': expected true or false, or ignore, add or cat
    """
    if not _fits(value, kind):
        raise UserError(f"{name}={value!r}: expected {_words(kind)}")


def _fits(value: object, kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (Any, Parameter.empty):
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, member) for member in arguments)
    if origin is Literal:
        return any(type(value) is type(literal) and value == literal for literal in arguments)
    if origin in (Sequence, Iterable, list, tuple):
        return isinstance(value, list | tuple) and all(_fits(item, arguments[0]) for item in value)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, origin or kind)


def _words(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return ", or ".join(_words(member) for member in arguments)
    if origin is Literal:
        *others, last = map(str, arguments)
        return f"{', '.join(others)} or {last}"
    if origin in (Sequence, Iterable, list, tuple):
        return f"a list of {_PLURAL.get(arguments[0], arguments[0])}"
    return _SINGULAR.get(origin or kind, str(kind))
