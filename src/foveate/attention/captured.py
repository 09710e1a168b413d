"""Run a module to inspect it: capture a submodule's output, and keep batch-norm statistics unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Inside the block, forward passes of `module` in training do not update batch-norm statistics.

    >>> import torch
    >>> norm = nn.BatchNorm2d(1)
    >>> with statistics_kept(norm):
    ...     _ = norm(torch.rand(2, 1, 4, 4))
    >>> norm.running_mean.item(), norm.num_batches_tracked.item()
    (0.0, 0)
    """
    tracking = [part for part in module.modules() if getattr(part, "track_running_stats", False)]
    for norm in tracking:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in tracking:
            norm.track_running_stats = True


def captured(module: nn.Module, part: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run `module(x)`; return its output and the output of its submodule `part`.

    The hook is removed afterwards, even after an exception, and batch-norm statistics do not change.

    >>> import torch
    >>> half = nn.Sequential(nn.ReLU(), nn.Hardtanh())
    >>> output, inner = captured(half, half[0], torch.tensor([-2.0, 3.0]))
    >>> output.tolist(), inner.tolist()
    ([0.0, 1.0], [0.0, 3.0])
    """
    outputs: list[Tensor] = []
    hook = part.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        with statistics_kept(module):
            return module(x), outputs[-1]
    finally:
        hook.remove()
