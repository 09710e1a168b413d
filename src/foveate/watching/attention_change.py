"""How much each attention of a network changes the features that it sees."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foveate.inspection.record import mechanisms

Changes = dict[str, list[Float[Tensor, " b"]]]


@contextmanager
def record_changes(model: nn.Module) -> Iterator[Changes]:
    """Record the relative change |output - input| / |input| of each attention, image by image.

    By label, such as "cbam@decoder": one tensor a forward pass inside the block. A module whose output has
    another shape than its input, and a model without attention, are not recorded. Records the passes of the
    thread that calls it; other threads may use the model at the same time.

    >>> from foveate.models.attaching.attach import attach
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    >>> model = attach(model, "se@0(reduction=2)", example=torch.rand(1, 3, 4, 4))
    >>> with record_changes(model) as changes:
    ...     _ = model(torch.rand(2, 3, 4, 4))
    >>> changes["se@0"][0].shape
    torch.Size([2])
    """
    modules = mechanisms(model)
    changes: Changes = {name: [] for name in modules}
    with ExitStack() as hooks:
        for name, module in modules.items():
            handle = module.register_forward_hook(_hook(changes[name]))
            hooks.callback(handle.remove)
        yield changes


def _hook(passes: list[Tensor]) -> Any:
    recording = threading.get_ident()

    @torch.no_grad()
    def hook(module: nn.Module, args: tuple, output: Any) -> None:
        if threading.get_ident() != recording:
            return
        before = args[0]
        if isinstance(output, Tensor) and isinstance(before, Tensor) and output.shape == before.shape:
            change = (output - before).flatten(1).norm(dim=1)
            passes.append((change / before.flatten(1).norm(dim=1).clamp_min(1e-12)).detach().float().cpu())

    return hook
