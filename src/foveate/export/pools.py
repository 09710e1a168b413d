"""Adaptive pools and resizing for graphs that take images of any size.

PyTorch unrolls an adaptive pool into the windows of the size that it was traced with; such a graph fails, or
computes something else, at other sizes. These forms compute the same windows from the size of the input:
window i of `bins` over n positions runs from floor(i n / bins) to ceil((i + 1) n / bins).

Decoders resize a map to the size of a skip. Where this size is twice the map's for every size of the image,
the graph resizes by the constant 2: the size is not computed, and runtimes know the factor.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from foveate.errors import UserError


def windows(length: int, bins: int) -> Bool[Tensor, "bins n"]:
    """Return which of `length` positions each of `bins` windows of an adaptive pool covers.

    >>> windows(5, 2).int().tolist()
    [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]]
    """
    number, position = torch.arange(bins)[:, None], torch.arange(length)
    start, stop = number * length // bins, ((number + 1) * length + bins - 1) // bins
    return (position >= start) & (position < stop)


def adaptive_average(x: Float[Tensor, "*b h w"], size: Sequence[int]) -> Float[Tensor, "*b rows columns"]:
    """Compute `F.adaptive_avg_pool2d(x, size)` as two matrix products.

    >>> x = torch.rand(1, 2, 7, 5)
    >>> expected = torch.nn.functional.adaptive_avg_pool2d(x, (3, 2))
    >>> torch.allclose(adaptive_average(x, (3, 2)), expected)
    True
    """
    if tuple(size) == (1, 1):
        return x.mean((-2, -1), keepdim=True)
    rows, columns = (_shares(n, bins).to(x) for n, bins in zip(x.shape[-2:], size, strict=True))
    return rows @ (x @ columns.mT)


def adaptive_max(x: Float[Tensor, "*b h w"], size: Sequence[int]) -> Float[Tensor, "*b rows columns"]:
    """Compute `F.adaptive_max_pool2d(x, size)`, first along rows and then along columns.

    >>> x = torch.rand(1, 2, 7, 5)
    >>> torch.equal(adaptive_max(x, (3, 2)), torch.nn.functional.adaptive_max_pool2d(x, (3, 2)))
    True
    """
    rows, columns = (windows(n, bins).to(x.device) for n, bins in zip(x.shape[-2:], size, strict=True))
    lowest = torch.finfo(x.dtype).min
    along = [x.masked_fill(~inside, lowest).amax(-1) for inside in columns.unbind()]
    high = torch.stack(along, -1)
    tall = [high.masked_fill(~inside[:, None], lowest).amax(-2) for inside in rows.unbind()]
    return torch.stack(tall, -2)


class AnySize(TorchFunctionMode):
    """Inside this context, adaptive pools of two dimensions and resizing have the forms above."""

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.adaptive_avg_pool2d or func is torch._C._nn.adaptive_avg_pool2d:
            return self._average(*args, **(kwargs or {}))
        if func is F.adaptive_max_pool2d:
            return self._max(*args, **(kwargs or {}))
        if func is F.interpolate:
            return _resize(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _average(self, input: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
        return adaptive_average(input, _sides(input, output_size))

    def _max(
        self, input: Tensor, output_size: int | Sequence[int | None], return_indices: bool = False
    ) -> Tensor:
        if return_indices:
            raise UserError("positions of an adaptive maximum cannot be exported for images of any size")
        return adaptive_max(input, _sides(input, output_size))


def _resize(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    **others: Any,
) -> Tensor:
    if mode == "nearest" and isinstance(size, Sequence) and input.ndim == 4:
        lengths = zip(size, input.shape[2:], strict=True)
        if all(statically_known_true(new == 2 * old) for new, old in lengths):
            size, scale_factor = None, 2.0
    return F.interpolate(input, size, scale_factor, mode, **others)


def _sides(x: Tensor, size: int | Sequence[int | None]) -> tuple[int, ...]:
    sides = (size, size) if isinstance(size, int) else size
    return tuple(n if side is None else side for side, n in zip(sides, x.shape[-2:], strict=True))


def _shares(length: int, bins: int) -> Float[Tensor, "bins n"]:
    inside = windows(length, bins).float()
    return inside / inside.sum(1, keepdim=True)
