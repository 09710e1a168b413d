"""How many images a step of a usual host there is memory for. PyTorch is asked where there may be a GPU."""

import sys
from dataclasses import dataclass
from pathlib import Path

from foveate.experiments.free_memory import free_memory
from foveate.specs.model import ModelSpec

STATES = 5
"""Numbers kept for each weight: itself, its gradient, two moments of Adam, and the averaged weight."""

WORKING = 1.4
"""Memory at the peak of a step by that of the activations kept for it: gradients on their way, and an arm.
Measured with a ResNet-18 U-Net on the CPU: 1.2 to 1.25 without an arm."""

SHARE = 0.75
"""Of the memory that is free, how much a step may take."""

GPU_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""Linux has one of these where there is a GPU that PyTorch could use: CUDA, Jetson, WSL, ROCm."""


@dataclass(frozen=True)
class HostMemory:
    """What a host holds in training in 32 bits, as counted by autograd; a test counts again.

    weights, weights_per_class: numbers. per_image: bytes kept for an image of any size. per_pixel,
    per_pixel_and_class: bytes kept for each pixel of it. Sides of images are multiples of 32.
    """

    weights: int
    weights_per_class: int
    per_image: int
    per_pixel: int
    per_pixel_and_class: int


MEMORY = {
    ("unet", "resnet18", "full"): HostMemory(14_328_064, 145, 46_336, 1278, 4),
    ("classifier", "resnet18", "full"): HostMemory(11_176_512, 513, 40_448, 442, 0),
    ("classifier", "resnet18", "small"): HostMemory(11_168_832, 513, 40_448, 4588, 0),
}
"""The hosts of `default_comparison`, by arch, encoder and stem."""


def step_bytes(model: ModelSpec, classes: int, size: tuple[int, int]) -> tuple[int, int]:
    """Bytes that training a usual host holds whatever the batch, and those for each image of it, in 32 bits.

    >>> fixed, each = step_bytes(ModelSpec("unet", "resnet18"), 2, (64, 64))
    >>> fixed > 5 * 4 * 14_000_000, 5e6 < each < 2e7
    (True, True)
    """
    host = MEMORY[model.arch, model.encoder, model.options.get("stem", "full")]
    fixed = STATES * 4 * (host.weights + host.weights_per_class * classes)
    pixel = host.per_pixel + host.per_pixel_and_class * classes
    return fixed, int(WORKING * (host.per_image + pixel * size[0] * size[1]))


def free_bytes() -> tuple[str, int]:
    """The device that training takes ("cuda", "mps" or "cpu") and the bytes that are free for it: the GPU's,
    or what this process may take of the machine's.
    """
    if sys.platform == "linux" and not any(Path(file).exists() for file in GPU_FILES):
        return "cpu", free_memory()
    import torch

    from foveate.training.environment import device_kind

    device = device_kind()
    return device, torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()


def largest_batch(fixed: int, each: int, free: int) -> int:
    """The largest power of two of images whose step fits; 0 where not even one does.

    >>> largest_batch(fixed=100, each=50, free=1000), largest_batch(fixed=100, each=50, free=100)
    (8, 0)
    """
    images = int((SHARE * free - fixed) // each)
    return 2 ** (images.bit_length() - 1) if images >= 1 else 0
