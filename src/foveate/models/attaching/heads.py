"""Heads that take the place of a host's output layer: `cbam@decoder+two_branch(activation=selu)` is an arm.

Each file of this package that has one registers its class; names and options are read, not imported.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from foveate.attention.registry import attention_names
from foveate.errors import UserError, choose
from foveate.shelves import RegisteredClass, read_shelf

if TYPE_CHECKING:
    from torch import nn

HeadClass = TypeVar("HeadClass", bound=type)

_HEADS: dict[str, type] = {}


def head(name: str) -> Callable[[HeadClass], HeadClass]:
    """Register a head: a class built from `(in_channels, classes, **options)` that returns logits."""

    def register(cls: HeadClass) -> HeadClass:
        if name in _HEADS:
            raise RuntimeError(f"two heads are called '{name}'")
        _HEADS[name] = cls
        return cls

    return register


def head_names() -> tuple[str, ...]:
    """The heads there are.

    >>> head_names()
    ('two_branch',)
    """
    return tuple(sorted(_shelf()))


def describe_head(name: str) -> str:
    """Return a line that describes the head, and a second line with its options and their defaults.

    >>> print(describe_head("two_branch").splitlines()[1])
      options: activation='none'; a head in place of the output layer, written without a place
    """
    entry = _shelf()[name]
    options = ", ".join(f"{option}={default!r}" for option, default in entry.options.items())
    where = "a head in place of the output layer, written without a place"
    return f"{name}: {entry.summary}\n  options: {options or 'none'}; {where}"


def create_head(name: str, in_channels: int, classes: int, /, **options: Any) -> "nn.Module":
    """Build a head by name; unknown names and options raise a `UserError` that names the nearest."""
    check_head(name, options)
    import_module(_shelf()[name].module)
    return _HEADS[name](in_channels, classes, **options)


def check_head(name: str, options: Iterable[str]) -> None:
    """Raise a `UserError` that names the nearest, for a head or an option of it that there is not."""
    if name in attention_names():
        raise UserError(f"'{name}' is an attention and needs a place, such as {name}@decoder")
    known = _shelf()[choose(name, _shelf(), "head")].options
    for key in options:
        choose(key, known, f"option of {name}")


def _shelf() -> Mapping[str, RegisteredClass]:
    return read_shelf(__package__, head.__name__)
