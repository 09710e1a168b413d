"""The gate that a module of another library computes inside its own forward."""

from torch import Tensor, nn


def captured(module: nn.Module, part: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run `module(x)`; return its output and what its submodule `part` gave on the way.

    The hook is gone afterwards, also when the forward pass raises, and batch-norm statistics do not move.

    >>> import torch
    >>> half = nn.Sequential(nn.ReLU(), nn.Hardtanh())
    >>> output, inner = captured(half, half[0], torch.tensor([-2.0, 3.0]))
    >>> output.tolist(), inner.tolist()
    ([0.0, 1.0], [0.0, 3.0])
    """
    outputs: list[Tensor] = []
    tracking = [m for m in module.modules() if getattr(m, "track_running_stats", False)]
    hook = part.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    for norm in tracking:
        norm.track_running_stats = False
    try:
        return module(x), outputs[-1]
    finally:
        hook.remove()
        for norm in tracking:
            norm.track_running_stats = True
