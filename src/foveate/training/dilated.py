"""Dilated convolutions that would learn garbage in bf16 on a CPU are computed in float32 there.

PyTorch 2.15 leaves them to oneDNN, whose gradient of the weights is wrong, with values of up to 1e35 or a
crash, where images lie channels last, the step is 1, and the channels of a group are no multiple of 16:
depthwise ones in DeepLabV3+ and dilated MobileNets, and all of MSSA's. In float32 they are right.
This can go when `tests/training/test_dilated.py` passes without it.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn


def keep_dilated_in_float32(model: nn.Module) -> None:
    """Make every such convolution of a model ignore bf16 on a CPU, in place; its parameters stay as they are.

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
    """A convolution that ignores bf16 on a CPU, but for the type of what it gives."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b out i j"]:
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(torch.get_autocast_dtype("cpu"))


@cache
def _in_float32(kind: type[nn.Conv2d]) -> type[nn.Conv2d]:
    return type(f"Float32{kind.__name__}", (Float32, kind), {})


def _is_affected(conv: nn.Conv2d) -> bool:
    of_group = (conv.in_channels // conv.groups, conv.out_channels // conv.groups)
    fits = all(channels % 16 == 0 for channels in of_group)
    return max(conv.dilation) > 1 and not fits and not isinstance(conv, Float32)
