"""An `nn.Sequential` that carries attention keeps its length, its items and its order of calls.

Attention is a child of the model, and a Sequential counts and calls all its children. While it carries
attention it is therefore of a subclass that leaves out the child `attached`; the class keeps its name.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from torch import nn

CHILD = "attached"


def hide_child(model: nn.Module) -> None:
    """Let a Sequential leave out its child `attached`; other models stay as they are."""
    if isinstance(model, nn.Sequential):
        model.__class__ = _hiding(type(model))


def show_child(model: nn.Module) -> None:
    """Give a Sequential its own class back."""
    if isinstance(model, _Hiding):
        model.__class__ = _plain(model)


class _Hiding:
    """What a Sequential shows of its children."""

    _modules: dict[str, nn.Module]

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __iter__(self) -> Iterator[nn.Module]:
        return iter([module for name, module in self._modules.items() if name != CHILD])

    def __getitem__(self, index: int | slice) -> Any:
        items = [(name, module) for name, module in self._modules.items() if name != CHILD]
        if isinstance(index, slice):
            return _plain(self)(OrderedDict(items[index]))
        return items[index][1]

    def __reduce_ex__(self, protocol: int) -> tuple[Callable, tuple, dict[str, Any]]:
        # The class is made while the program runs, so that pickle could not find it by its name.
        return _rebuilt, (_plain(self),), self.__dict__


@cache
def _hiding(kind: type[nn.Sequential]) -> type[nn.Sequential]:
    return type(kind.__name__, (_Hiding, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})


def _plain(model: _Hiding) -> type[nn.Sequential]:
    return type(model).__bases__[1]


def _rebuilt(kind: type[nn.Sequential]) -> nn.Sequential:
    hiding = _hiding(kind)
    return hiding.__new__(hiding)
