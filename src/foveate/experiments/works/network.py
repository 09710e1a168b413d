"""The size of networks that are built and not trained: parameters, and the depth of the trunk."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foveate.errors import UserError
from foveate.evaluation.cost import flops, parameters
from foveate.experiments.works.shown import Shown
from foveate.models.create import create_model

BESIDE_THE_TRUNK = (".mask.", ".shortcut")
"""What the names of layers hold that lie beside the trunk of a residual attention network."""


def show_network(text: str, network: Mapping[str, Any]) -> Shown:
    """Return the parameters in millions, the depth, or the multiply-accumulates in 10^9 of a network.

    network: arguments of `create_model`, and for multiply-accumulates the `size` of the image.

    >>> int(show_network("depth", {"arch": "attention92_cifar", "classes": 10}).value)
    92
    """
    model = _without_weights(json.dumps({key: value for key, value in network.items() if key != "size"}))
    if text == "parameters":
        return Shown(parameters(model) / 1e6)
    if text == "depth":
        return Shown(float(trunk_depth(model)))
    if text == "macs" and "size" in network:
        image = torch.empty(1, 3, *network["size"], device="meta")
        return Shown(flops(model, image) / 2e9)
    raise UserError(
        f"shows is '{text}', but a network that is not trained has parameters, depth and (at a size) macs"
    )


def trunk_depth(model: nn.Module) -> int:
    """Return the number of convolutions and linear layers that an image passes one after the other.

    Counted as in the papers on residual networks: without shortcuts and, of attention modules, the trunk.
    """
    return sum(
        isinstance(module, nn.Conv2d | nn.Linear) and not any(part in name for part in BESIDE_THE_TRUNK)
        for name, module in model.named_modules()
    )


@cache
def _without_weights(network: str) -> nn.Module:
    """Return a network that has sizes only. network: arguments of `create_model`, as JSON."""
    with torch.device("meta"), _Undrawn():
        return create_model(**{"encoder_weights": None, **json.loads(network)})


class _Undrawn(TorchFunctionMode):
    """Leaves out the drawing of random weights, which takes milliseconds a layer on the meta device."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        drawn = func in (Tensor.normal_, Tensor.uniform_)
        return args[0] if drawn else func(*args, **(kwargs or {}))
