"""The largest batch of a default host that fits into memory; imports PyTorch only if there may be a GPU."""

import sys
from dataclasses import dataclass
from pathlib import Path

from foveate.experiments.free_memory import free_memory
from foveate.specs.model import ModelSpec

STATES = 5
"""Numbers stored for each weight: the weight, its gradient, two moments of Adam, and the averaged weight."""

WORKING = 1.4
"""Peak memory of a step, relative to the activations saved for the backward pass.

The excess is for gradients of activations and for an arm. Measured with a ResNet-18 U-Net on the CPU: 1.2 to
1.25 without an arm."""

SHARE = 0.75
"""The share of the free memory that a step may take."""

GPU_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""On Linux, one of these exists if there is a GPU that PyTorch could use: CUDA, Jetson, WSL, ROCm."""


@dataclass(frozen=True)
class HostMemory:
    """Memory that a host needs to train in 32 bits. A test compares it with the tensors that autograd saves.

    weights, weights_per_class: number of weights. per_image: bytes saved for an image, whatever its size.
    per_pixel, per_pixel_and_class: bytes saved for each pixel. Both sides of an image are multiples of 32.
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
    """Return the bytes that training a default host in 32 bits needs: fixed ones, and those per image.

    model: one of the hosts in `MEMORY`. size: height and width, multiples of 32.

    >>> fixed, per_image = step_bytes(ModelSpec("unet", "resnet18"), 2, (64, 64))
    >>> fixed > 5 * 4 * 14_000_000, 5e6 < per_image < 2e7
    (True, True)
    """
    host = MEMORY[model.arch, model.encoder, model.options.get("stem", "full")]
    fixed = STATES * 4 * (host.weights + host.weights_per_class * classes)
    pixel = host.per_pixel + host.per_pixel_and_class * classes
    return fixed, int(WORKING * (host.per_image + pixel * size[0] * size[1]))


def free_bytes() -> tuple[str, int]:
    """Return the device of training ("cuda", "mps" or "cpu") and the free bytes of its memory.

    On "cuda" it is the memory of the GPU, otherwise the main memory that this process may take.
    """
    if sys.platform == "linux" and not any(Path(file).exists() for file in GPU_FILES):
        return "cpu", free_memory()
    import torch

    from foveate.training.environment import device_kind

    device = device_kind()
    return device, torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()


def largest_batch(fixed: int, per_image: int, free: int) -> int:
    """Return the largest batch that fits into memory, a power of two; 0 if not even one image fits.

    fixed, per_image: bytes, from `step_bytes`. free: bytes, of which a step may take `SHARE`.

    >>> largest_batch(fixed=100, per_image=50, free=1000), largest_batch(fixed=100, per_image=50, free=100)
    (8, 0)
    """
    images = int((SHARE * free - fixed) // per_image)
    return 2 ** (images.bit_length() - 1) if images >= 1 else 0
