"""Tensors in nested lists, tuples and dicts: what submodules are called with and what they return."""

from collections.abc import Iterator
from copy import copy
from typing import Any

from torch import Tensor


def reach(nested: Any, path: tuple) -> Any:
    """The item that `path` leads to in nested lists, tuples and dicts.

    >>> reach(([1, 2], {"skip": 3}), (1, "skip"))
    3
    """
    for step in path:
        nested = nested[step]
    return nested


def replace(nested: Any, path: tuple, value: Any) -> Any:
    """A copy of nested lists, tuples and dicts with the item that `path` leads to exchanged.

    >>> replace(([1, 2], None), (0, 1), 5)
    ([1, 5], None)
    """
    if not path:
        return value
    if isinstance(nested, dict):
        changed = {**nested} if type(nested) is dict else copy(nested)
        changed[path[0]] = replace(nested[path[0]], path[1:], value)
        return changed
    items = list(nested)
    items[path[0]] = replace(items[path[0]], path[1:], value)
    if isinstance(nested, list):
        return items
    return type(nested)(*items) if hasattr(nested, "_fields") else tuple(items)


def tensors_in(nested: Any, path: tuple = ()) -> Iterator[tuple[tuple, Tensor]]:
    """(path, tensor) of every floating tensor in nested lists, tuples and dicts."""
    return ((where, tensor) for where, tensor in all_tensors_in(nested, path) if tensor.is_floating_point())


def all_tensors_in(nested: Any, path: tuple = ()) -> Iterator[tuple[tuple, Tensor]]:
    """(path, tensor) of every tensor in nested lists, tuples and dicts."""
    if isinstance(nested, Tensor):
        yield path, nested
    elif isinstance(nested, dict):
        for key, item in nested.items():
            yield from all_tensors_in(item, (*path, key))
    elif isinstance(nested, list | tuple):
        for index, item in enumerate(nested):
            yield from all_tensors_in(item, (*path, index))


def first_map(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The first floating tensor of four axes among the arguments of a call, or inside them; None without one.

    >>> import torch
    >>> first_map((), {"mask": None, "pixel_values": torch.rand(1, 3, 4, 4)}).shape
    torch.Size([1, 3, 4, 4])
    """
    values = [*args, *kwargs.values()]
    for value in values:  # a plain loop, which torch.compile follows
        if isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point():
            return value
    return next((tensor for _, tensor in tensors_in(values) if tensor.ndim == 4), None)
