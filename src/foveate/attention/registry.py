"""Attention mechanisms by name: each file of this package registers its class and is found without a list.

Names, summaries and options of the files are read, not imported: PyTorch is loaded with the first class.

The contract every mechanism keeps:

- constructor: `channels` and then flat keyword options with defaults
- `forward(x: b c h w) -> b c h w` keeps shape, dtype and memory format
- `weights(x, queries=None) -> tuple[AttentionMap, ...]`: what forward applies, in order of application, with
  no effect on the module; `queries` chooses the rows of pairwise maps and means nothing to the other kinds
- `starts_at_identity`: whether the new module is the identity by a gate of its own; then no second zero gate
  is put around it, because two zero gates in series never learn

A mechanism with `takes_signal = True` keeps this contract. At a place of the group `skips`, where a decoder
joins a skip with a coarser map, it also gets that map: the map's channels are a second, positional-only
argument of the constructor, and the map is a second argument of `forward` and `weights`.

A refiner (`refiner = True`) is attached at `logits`. It also gets the network's input image and the encoder's
feature at stride 2^level, where `level` is one of its options. It has:

- constructor: `channels` of the logits, `image_channels`, `feature_channels`, and then options with defaults
- `forward(logits, image, feature)` and `weights(logits, image, feature, queries=None)`
- `query_grid(logits)`: rows and columns of the grid that `queries` are flat positions of
- `forward_with_auxiliary(logits, image, feature, mask)`: what forward gives, and a loss to train it with
"""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from foveate.attention.options import at_least
from foveate.errors import UserError, choose
from foveate.shelves import RegisteredClass, read_shelf

if TYPE_CHECKING:
    from torch import nn

Mechanism = TypeVar("Mechanism", bound=type)

_classes: dict[str, type] = {}


def register(name: str) -> Callable[[Mechanism], Mechanism]:
    """Return a class decorator that registers a mechanism as `name`; raise `ValueError` for a taken name."""

    def add(cls: Mechanism) -> Mechanism:
        own = _shelf().get(name)
        if name in _classes or (own and own.module != cls.__module__):
            taken = own.class_name if own else _classes[name].__qualname__
            raise ValueError(f"attention '{name}' is already registered, by {taken}")
        _classes[name] = cls
        return cls

    return add


def attention_names() -> tuple[str, ...]:
    """Return the names of all mechanisms, sorted.

    >>> "cbam" in attention_names()
    True
    """
    return tuple(sorted({*_shelf(), *_classes}))


def attention_class(name: str) -> "type[nn.Module]":
    """Return the class registered as `name`; raise a `UserError` with the nearest match if there is none."""
    if choose(name, attention_names(), "attention") not in _classes:
        import_module(_shelf()[name].module)
    return _classes[name]


def imported_classes() -> "dict[type[nn.Module], str]":
    """Return the names of the classes that are imported: no model has modules of any other.

    >>> imported_classes()[attention_class("se")]
    'se'
    """
    return {cls: name for name, cls in sorted(_classes.items())}


def attention_options(name: str) -> dict[str, object]:
    """Return the options of a mechanism with their defaults.

    >>> attention_options("smooth")
    {'threshold': 0.4}
    """
    return dict(_entry(name).options)


def _shelf() -> Mapping[str, RegisteredClass]:
    return read_shelf(__package__, register.__name__)


def _entry(name: str) -> RegisteredClass:
    """What is said of a mechanism: by its file in this package, or by a class registered from elsewhere."""
    choose(name, attention_names(), "attention")
    return _shelf().get(name) or _described(_classes[name])


def _described(cls: type) -> RegisteredClass:
    parameters = inspect.signature(cls).parameters.values()
    options = (one for one in parameters if one.kind is not one.POSITIONAL_ONLY)
    defaults = {one.name: one.default for one in options if one.default is not one.empty}
    summary = (inspect.getdoc(cls) or "").partition("\n")[0]
    return RegisteredClass(cls.__module__, cls.__qualname__, summary, defaults)


def is_refiner(name: str) -> bool:
    """Return whether a mechanism is a refiner, which can only be attached at `logits`.

    >>> is_refiner("afma"), is_refiner("cbam")
    (True, False)
    """
    return getattr(attention_class(name), "refiner", False)


def takes_signal(name: str) -> bool:
    """Return whether a mechanism also takes the coarser map of a decoder, at places that have one.

    >>> takes_signal("gate"), takes_signal("cbam")
    (True, False)
    """
    return getattr(attention_class(name), "takes_signal", False)


def create_attention(name: str, /, channels: int, *context: int, **options: object) -> "nn.Module":
    """Build the mechanism `name` for feature maps of `channels` channels.

    For a refiner, `channels` is the number of classes, and `context` is the channels of the image and of the
    encoder's feature. For a mechanism that takes a signal, `context` may be the signal's channels. Raises
    `UserError` for an unknown name or option, with the nearest match, and for values out of range.

    >>> import torch
    >>> create_attention("cbam", 64, reduction=8)(torch.rand(2, 64, 12, 16)).shape
    torch.Size([2, 64, 12, 16])
    >>> create_attention("se", channels=64)(torch.rand(2, 64, 12, 16)).shape
    torch.Size([2, 64, 12, 16])
    >>> create_attention("afma", 12, 3, 64, level=1).level
    1
    >>> create_attention("gate", 64, 128)(torch.rand(2, 64, 12, 16), torch.rand(2, 128, 6, 8)).shape
    torch.Size([2, 64, 12, 16])
    >>> create_attention("cbam", 64, reductoin=8)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    foveate.errors.UserError: unknown cbam option 'reductoin'; did you mean 'reduction'? ...
    """
    cls = attention_class(name)
    for option in options:
        choose(option, attention_options(name), f"{name} option")
    if len(context) != 2 if is_refiner(name) else len(context) > takes_signal(name):
        raise UserError(f"{name} takes the channels of {_inputs(name)}; got {(channels, *context)}")
    return cls(*(at_least(1, "channels", count) for count in (channels, *context)), **options)


def _inputs(name: str) -> str:
    if is_refiner(name):
        return "the logits, the image and the encoder's feature"
    return "one feature map" + (", or of one and a gating signal" if takes_signal(name) else "")


def describe_attention(name: str) -> str:
    """Return a line that describes the mechanism, and a second line with its options and their defaults.

    >>> print(describe_attention("se"))
    se: Squeeze-and-Excitation: channels weighted by a gate from the means of all channels.
      options: reduction=16
    """
    entry = _entry(name)
    options = ", ".join(f"{option}={default!r}" for option, default in entry.options.items())
    return f"{name}: {entry.summary}\n  options: {options or 'none'}"
