"""What a mechanism attended to: `weights(x)` returns a tuple of these maps, in order of application."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """One factor a channel: `values[b, c]` multiplies the whole feature map of channel `c`.

    >>> import torch
    >>> ChannelMap(torch.full((2, 8), 0.5)).values.shape
    torch.Size([2, 8])
    """

    values: Float[Tensor, "b c"]


@dataclass(frozen=True, eq=False)
class SpatialMap:
    """One factor a position: `values[b, h, w]` multiplies all channels at that position.

    >>> import torch
    >>> SpatialMap(torch.full((2, 5, 9), 0.5)).values.shape
    torch.Size([2, 5, 9])
    """

    values: Float[Tensor, "b h w"]


@dataclass(frozen=True, eq=False)
class MaskMap:
    """One factor an element: `values[b, c, h, w]` multiplies the feature map element by element.

    >>> import torch
    >>> MaskMap(torch.full((2, 8, 5, 9), 0.5)).values.shape
    torch.Size([2, 8, 5, 9])
    """

    values: Float[Tensor, "b c h w"]


@dataclass(frozen=True, eq=False)
class PairwiseMap:
    """Attention from chosen positions to all positions; every row is at least 0 and sums to 1.

    `values[b, head, q, k]` is how much position `queries[q]` takes from position `k`. Positions are flat:
    `row * width + column` of the `grid` (height, width), so `k` runs over `height * width`.

    >>> import torch
    >>> one = PairwiseMap(torch.full((1, 1, 2, 6), 1 / 6), grid=(2, 3), queries=torch.tensor([0, 4]))
    >>> one.values[0, 0, 1].reshape(one.grid).shape  # where position (1, 1) looks
    torch.Size([2, 3])
    """

    values: Float[Tensor, "b heads q k"]
    grid: tuple[int, int]
    queries: Int64[Tensor, " q"]


@dataclass(frozen=True, eq=False)
class MemoryMap:
    """Attention to slots of a learnt memory: `values[b, s, h, w]` is what slot `s` gives to the position.

    Values are at least 0 and sum to 1 over the slots of a position.

    >>> import torch
    >>> MemoryMap(torch.full((2, 4, 5, 9), 0.25)).values.shape
    torch.Size([2, 4, 5, 9])
    """

    values: Float[Tensor, "b slots h w"]


AttentionMap = ChannelMap | SpatialMap | MaskMap | PairwiseMap | MemoryMap
