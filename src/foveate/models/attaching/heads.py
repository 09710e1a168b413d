"""Heads that take the place of a host's output layer: `cbam@decoder+two_branch(activation=selu)` is an arm.

two_branch is remedy (b) of Jeong, Hwang, Seo and Hong (2023), attention-based fine-tuning for reducing
misclassification: a 1x1 convolution per class, each followed by an activation f' that can be negative, so
that probabilities move to the extremes. The source gives no kernel for the host's own output layer; here the
new layer replaces it wherever it stood, and what the host did after it (upsampling) stays.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.registry import attention_names
from foveate.errors import UserError, choose

_HEADS: dict[str, Callable[..., nn.Module]] = {}
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "none": nn.Identity,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
}


def head(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Register a head: a class built from `(in_channels, classes, **options)` that returns logits."""

    def register(cls: type[nn.Module]) -> type[nn.Module]:
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
    return tuple(sorted(_HEADS))


def create_head(name: str, in_channels: int, classes: int, /, **options: Any) -> nn.Module:
    """Build a head by name; unknown names and options raise a `UserError` that names the nearest."""
    check_head(name, options)
    return _HEADS[name](in_channels, classes, **options)


def check_head(name: str, options: Iterable[str]) -> None:
    """Raise a `UserError` that names the nearest, for a head or an option of it that there is not."""
    if name in attention_names():
        raise UserError(f"'{name}' is an attention and needs a place, such as {name}@decoder")
    build = _HEADS[choose(name, _HEADS, "head")]
    allowed = list(inspect.signature(build).parameters)[2:]
    for key in options:
        choose(key, allowed, f"option of {name}")


@head("two_branch")
class TwoBranch(nn.Module):
    """A 1x1 convolution per class, each followed by `activation`: none, tanh, relu, leaky_relu, selu or gelu.

    The arm `two_branch(activation=none)` says none as None.

    The branches share their input, so they are held as one convolution with an output channel per class: the
    same function, initial distribution and number of parameters.

    >>> import torch
    >>> TwoBranch(16, 2, activation="selu")(torch.randn(1, 16, 8, 8)).shape
    torch.Size([1, 2, 8, 8])
    """

    def __init__(self, in_channels: int, classes: int, activation: object = "none"):
        super().__init__()
        self.branches = nn.Conv2d(in_channels, classes, kernel_size=1)
        named = "none" if activation is None else str(activation)
        self.activation = _ACTIVATIONS[choose(named, _ACTIVATIONS, "activation")]()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h w"]:
        return self.activation(self.branches(x))
