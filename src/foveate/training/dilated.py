"""Compute dilated convolutions in float32 where their bf16 gradients are wrong on CPUs.

PyTorch 2.15 computes them with oneDNN. Its weight gradients are wrong (values of up to 1e35, or a crash) for
channels-last images, stride 1, and channels per group that are not a multiple of 16. This affects depthwise
convolutions in DeepLabV3+ and dilated MobileNets, and all dilated convolutions of MSSA. In float32 the
gradients are right. Remove this file when `tests/training/test_dilated.py` passes without it.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn


def keep_dilated_in_float32(model: nn.Module) -> None:
    """Make the affected convolutions of a model compute in float32 under CPU autocast, in place.

    Parameters are unchanged.


    >>> model = nn.Sequential(nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8))
    >>> keep_dilated_in_float32(model)
    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     y = model(torch.rand(1, 8, 12, 12))
    >>> y.dtype, type(model[0]).__name__, isinstance(model[0], nn.Conv2d)
    (torch.bfloat16, 'Float32Conv2d', True)
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and _is_affected(module):
            module.__class__ = _in_float32(type(module))


class Float32:
    """Mixin: compute a convolution in float32 under CPU autocast; the output has the autocast type."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b out i j"]:
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(torch.get_autocast_dtype("cpu"))


@cache
def _in_float32(kind: type[nn.Conv2d]) -> type[nn.Conv2d]:
    return type(f"Float32{kind.__name__}", (Float32, kind), {})


def _is_affected(conv: nn.Conv2d) -> bool:
    channels_per_group = (conv.in_channels // conv.groups, conv.out_channels // conv.groups)
    aligned = all(channels % 16 == 0 for channels in channels_per_group)
    return max(conv.dilation) > 1 and not aligned and not isinstance(conv, Float32)
