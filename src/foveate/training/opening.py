"""How far the attention of a model is open: its gate, and how much it changes the features at its place.

A gate that stays near 0, or an attention that returns what it got, cannot help: such a run says nothing about
the mechanism. Both are measured over the validation images, epoch by epoch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foveate.models.attaching.attach import attached, gates

GATE, CHANGE = "gate:", "change:"
"""Prefixes of the columns in metrics.csv; the attention's label follows, such as cbam@decoder."""


class OpeningMeter:
    """Measures each attached attention between `start` and `stop`.

    >>> from foveate.models.create import create_model
    >>> model = create_model("unet", "mobilenet_v2", arm="se@decoder").eval()
    >>> meter = OpeningMeter(model)
    >>> meter.start()
    >>> _ = model(torch.rand(1, 3, 32, 32))
    >>> meter.stop()
    >>> values = meter.values()
    >>> list(values), values["gate:se@decoder"], 0 < values["change:se@decoder"] < 1
    (['gate:se@decoder', 'change:se@decoder'], 0.0, True)
    """

    def __init__(self, model: nn.Module):
        self.model = model
        self._handles: list[RemovableHandle] = []
        self._squares: dict[str, Tensor] = {}

    def start(self) -> None:
        """Forget what was measured, and watch every forward from now on."""
        self._squares = {}
        for label, module in attached(self.model).items():
            self._handles.append(module.register_forward_hook(self._watch(label)))

    def stop(self) -> None:
        """Watch no more."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def values(self) -> dict[str, float]:
        """By column: the gate (left out where there is none), and |a(x) - x| / |x| over all elements seen."""
        opened = gates(self.model)
        columns: dict[str, float] = {}
        for label, squares in self._squares.items():
            if label in opened:
                columns[GATE + label] = opened[label]
            change, norm = squares.tolist()
            columns[CHANGE + label] = (change / norm) ** 0.5 if norm else 0.0
        return columns

    def _watch(self, label: str) -> Any:
        def add(module: nn.Module, inputs: Sequence[Tensor], output: Tensor) -> None:
            x = inputs[0].detach().float()
            squares = torch.stack([(output.detach().float() - x).square().sum(), x.square().sum()]).double()
            self._squares[label] = self._squares.get(label, torch.zeros_like(squares)) + squares

        return add
