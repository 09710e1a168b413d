"""Attention mechanisms by name: each file of this package registers its class and is found without a list.

The contract every mechanism keeps:

- constructor: `channels` and then flat keyword options with defaults
- `forward(x: b c h w) -> b c h w` keeps shape, dtype and memory format
- `weights(x, queries=None) -> tuple[AttentionMap, ...]`: what forward applies, in order of application, with
  no effect on the module; `queries` chooses the rows of pairwise maps and means nothing to the other kinds
- `starts_at_identity`: whether a gate of its own makes the new module the identity, so that a second zero
  gate in series (two zero gates never learn) is not put around it
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from torch import nn

from foveate.errors import choose

from .options import at_least

Mechanism = TypeVar("Mechanism", bound=type[nn.Module])

_classes: dict[str, type[nn.Module]] = {}


def register(name: str) -> Callable[[Mechanism], Mechanism]:
    """Class decorator that makes a mechanism known as `name`; a name that is taken raises `ValueError`."""

    def add(cls: Mechanism) -> Mechanism:
        if name in _classes:
            raise ValueError(f"attention '{name}' is already registered, by {_classes[name].__qualname__}")
        _classes[name] = cls
        return cls

    return add


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(importlib.import_module(__package__).__path__):
        importlib.import_module(f"{__package__}.{module.name}")


def attention_names() -> tuple[str, ...]:
    """The names of all mechanisms, sorted.

    >>> "cbam" in attention_names()
    True
    """
    _import_all()
    return tuple(sorted(_classes))


def attention_class(name: str) -> type[nn.Module]:
    """The class registered as `name`; an unknown name raises a `UserError` with the nearest one."""
    return _classes[choose(name, attention_names(), "attention")]


def attention_options(name: str) -> dict[str, object]:
    """The options of a mechanism with their defaults.

    >>> attention_options("smooth")
    {'threshold': 0.4}
    """
    parameters = list(inspect.signature(attention_class(name)).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def create_attention(name: str, channels: int, **options: object) -> nn.Module:
    """Build the mechanism `name` for feature maps of `channels` channels.

    Raises `UserError` for an unknown name or option (with the nearest one) and for values out of range.

    >>> import torch
    >>> create_attention("cbam", 64, reduction=8)(torch.rand(2, 64, 12, 16)).shape
    torch.Size([2, 64, 12, 16])
    >>> create_attention("cbam", 64, reductoin=8)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: unknown cbam option 'reductoin'; did you mean 'reduction'? ...
    """
    cls = attention_class(name)
    for option in options:
        choose(option, attention_options(name), f"{name} option")
    return cls(at_least(1, "channels", channels), **options)


def describe_attention(name: str) -> str:
    """One line on the mechanism and, on a second line, its options with their defaults.

    >>> print(describe_attention("se"))
    se: Squeeze-and-Excitation: channels weighted by what the whole image shows.
      options: reduction=16
    """
    summary = (inspect.getdoc(attention_class(name)) or "").split("\n", 1)[0]
    options = ", ".join(f"{option}={default!r}" for option, default in attention_options(name).items())
    return f"{name}: {summary}\n  options: {options or 'none'}"
