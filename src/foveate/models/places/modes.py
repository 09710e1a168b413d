"""How a model is set while a forward of it is watched; afterwards it is as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def zero_layers_passing(model: nn.Module) -> Iterator[None]:
    """Let layers whose weights are all 0 (heads before training) add the mean sine of their input.

    Otherwise no gradient would tell what the output will depend on. The gradient of the mean itself is 0
    behind a layer normalisation.
    """

    def add_input(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
        return output + args[0].sin().mean()

    layers = (module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d))
    handles = [layer.register_forward_hook(add_input) for layer in layers if _is_zero(layer.weight)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_zero(weight: Tensor) -> bool:
    """Return whether all values are 0; of most weights, the first tells that they are not."""
    return not weight[(slice(1),) * weight.ndim].any() and not weight.any()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
