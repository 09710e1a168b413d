"""How many images a step this machine has memory for, told without training one."""

import torch
from torch import Tensor

from foveate.experiments.free_memory import free_memory
from foveate.models.create import create_model
from foveate.specs.model import ModelSpec

STATES = 5
"""Numbers kept for each weight: itself, its gradient, two moments of Adam, and the averaged weight."""

WORKING = 1.4
"""Memory at the peak of a step by that of the activations kept for it: gradients on their way, and an arm.
Measured with a ResNet-18 U-Net on the CPU: 1.2 to 1.25 without an arm."""

SHARE = 0.75
"""Of the memory that is free, how much a step may take."""


def step_bytes(model: ModelSpec, classes: int, size: tuple[int, int]) -> tuple[int, int]:
    """Bytes that training holds whatever the batch, and those for each image of it, in 32 bits.

    The host runs on shapes alone (the meta device), and what autograd keeps is added up: nothing is computed.

    >>> fixed, each = step_bytes(ModelSpec(), 2, (64, 64))
    >>> fixed > 5 * 4 * 14_000_000, 5e6 < each < 2e7
    (True, True)
    """
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    images = 2  # one image alone is refused by batch norm where a map has a single position
    with torch.device("meta"):
        host = create_model(model.arch, model.encoder, classes=classes, arm="none", **model.options)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = host(torch.empty(images, 3, *size)).square().mean()  # what it keeps hangs on it
    weights = [parameter.untyped_storage() for parameter in host.parameters()]
    own = {storage._cdata for storage in weights}
    activations = sum(
        tensor.untyped_storage().nbytes() for storage, tensor in kept.items() if storage not in own
    )
    del loss
    fixed = STATES * sum(storage.nbytes() for storage in weights)
    return fixed, int(WORKING * activations / images)


def free_bytes(device: str) -> int:
    """Memory that is free for training: the GPU's, or what this process may take of the machine's."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()


def largest_batch(fixed: int, each: int, free: int) -> int:
    """The largest power of two of images whose step fits; 0 where not even one does.

    >>> largest_batch(fixed=100, each=50, free=1000), largest_batch(fixed=100, each=50, free=100)
    (8, 0)
    """
    images = int((SHARE * free - fixed) // each)
    return 2 ** (images.bit_length() - 1) if images >= 1 else 0
