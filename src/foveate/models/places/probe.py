"""One forward pass, watched: which submodule was called with what, in which order they finished."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UserError


@dataclass(frozen=True)
class Call:
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any


class Probe:
    """The record of one forward of `model` on `example`, which leaves the model as it was.

    The forward runs in evaluation mode (no statistics move, no dropout draws), and the random state is kept.
    `cut` names the encoder: its features are passed on as fresh leaves, so that `used` can tell from their
    gradients which of them the output depends on.

    Attributes:
        names: every submodule by its dotted name, the model itself as ""
        finished: names in the order in which the submodules finished
        size: height and width of what entered the encoder, or of the example
        features: (path, tensor) of every map in the encoder's output
    """

    def __init__(self, model: nn.Module, example: Tensor, cut: str | None = None):
        self.model, self._example, self._encoder = model, example, cut
        self.names = dict(model.named_modules())
        self.finished: list[str] = []
        self.features: list[tuple[tuple, Tensor]] = []
        self.size = tuple(example.shape[-2:])
        self._calls: dict[str, list[Call]] = {}
        self._leaves: dict[tuple, Tensor] = {}
        self._used: set[tuple] = set()
        self._run()

    def calls(self, name: str) -> list[Call]:
        return self._calls.get(name, [])

    def used(self, path: tuple) -> bool:
        """Whether the output depends on the encoder's feature at `path`."""
        return path in self._used

    def changed(self, modules: Iterable[str]) -> tuple[dict[str, Tensor], dict[tuple, Tensor]]:
        """Run the encoder again with 1 added to the output of each of `modules`.

        Returns those outputs by name, and the encoder's features by path.
        """
        outputs: dict[str, Tensor] = {}
        features: dict[tuple, Tensor] = {}

        def add_one(name: str):
            def hook(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
                outputs[name] = output + 1
                return outputs[name].clone()

            return hook

        def stop(module: nn.Module, args: tuple, output: Any) -> None:
            features.update(_maps(output))
            raise _EncoderDone

        handles = [self.names[name].register_forward_hook(add_one(name), prepend=True) for name in modules]
        handles.append(self.names[self._encoder].register_forward_hook(stop))
        try:
            with _evaluating(self.model), torch.random.fork_rng(devices=[]), torch.no_grad():
                self.model(self._example)
        except _EncoderDone:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return outputs, features

    def _run(self) -> None:
        example, cut = self._example, self._encoder
        handles = [
            module.register_forward_hook(self._recorder(name), with_kwargs=True)
            for name, module in self.names.items()
        ]
        if cut is not None:
            handles.append(self.names[cut].register_forward_hook(self._cut))
        try:
            with _evaluating(self.model), torch.random.fork_rng(devices=[]), torch.enable_grad():
                output = self.model(example)
                self._trace(output)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"{type(self.model).__name__} fails on an input of shape {tuple(example.shape)}: {error}"
            ) from error
        finally:
            for handle in handles:
                handle.remove()

    def _recorder(self, name: str):
        def record(module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
            self.finished.append(name)
            self._calls.setdefault(name, []).append(Call(args, kwargs, output))

        return record

    def _cut(self, module: nn.Module, args: tuple, output: Any) -> Any:
        if args and isinstance(args[0], Tensor):
            self.size = tuple(args[0].shape[-2:])
        self.features = list(_maps(output))
        self._leaves = {path: feature.detach().requires_grad_() for path, feature in self.features}
        for path, leaf in self._leaves.items():
            output = replace(output, path, leaf.clone())
        return output

    def _trace(self, output: Any) -> None:
        results = [value for _, value in _maps(output) if value.requires_grad]
        if self._leaves and results:
            total = sum(result.float().sum() for result in results)
            gradients = torch.autograd.grad(total, list(self._leaves.values()), allow_unused=True)
            self._used = {
                path for path, gradient in zip(self._leaves, gradients, strict=True) if gradient is not None
            }


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
        return {**nested, path[0]: replace(nested[path[0]], path[1:], value)}
    items = list(nested)
    items[path[0]] = replace(items[path[0]], path[1:], value)
    return items if isinstance(nested, list) else tuple(items)


def _maps(nested: Any, path: tuple = ()) -> Iterator[tuple[tuple, Tensor]]:
    if isinstance(nested, Tensor):
        if nested.is_floating_point():
            yield path, nested
    elif isinstance(nested, dict):
        for key, item in nested.items():
            yield from _maps(item, (*path, key))
    elif isinstance(nested, list | tuple):
        for index, item in enumerate(nested):
            yield from _maps(item, (*path, index))


class _EncoderDone(Exception):
    """Ends a forward once the encoder has returned."""


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
