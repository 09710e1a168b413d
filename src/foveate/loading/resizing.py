"""Resize images and masks; training, scoring and prediction all use these two functions."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F


def resize_image(
    image: UInt8[Tensor, "c h w"] | Float32[Tensor, "c h w"], size: tuple[int, int]
) -> UInt8[Tensor, "c out_h out_w"] | Float32[Tensor, "c out_h out_w"]:
    """Resize an image bilinearly, with antialiasing; for RGB, equals Pillow's result to one grey level.

    >>> resize_image(torch.full((3, 8, 8), 7, dtype=torch.uint8), (2, 4)).unique()
    tensor([7], dtype=torch.uint8)
    """
    if image.shape[-2:] == size:
        return image
    # Decoded files are channels last, and PyTorch's kernel is faster in this layout.
    packed = image[None].contiguous(memory_format=torch.channels_last)
    return F.resize(packed, list(size), interpolation=InterpolationMode.BILINEAR, antialias=True)[0]


def resize_mask(mask: UInt8[Tensor, "h w"], size: tuple[int, int]) -> UInt8[Tensor, "out_h out_w"]:
    """Resize a mask by nearest pixel centre, aligned with `resize_image`.

    torchvision's resize uses NEAREST for a Mask, which is half a pixel off the image; its NEAREST_EXACT for a
    plain tensor is slower than this.

    >>> resize_mask(torch.tensor([[1, 2, 3, 4]], dtype=torch.uint8), (2, 2))
    tensor([[2, 4],
            [2, 4]], dtype=torch.uint8)
    """
    if mask.shape == size:
        return mask
    rows, columns = (
        (2 * np.arange(out) + 1) * side // (2 * out) for side, out in zip(mask.shape, size, strict=True)
    )
    return torch.from_numpy(mask.numpy().take(rows, axis=0).take(columns, axis=1))
