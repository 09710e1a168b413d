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


@dataclass(frozen=True, eq=False)
class ChannelPairsMap:
    """Attention between channels: `values[b, q, k]` is how much channel `q` takes from channel `k`.

    Values are at least 0 and sum to 1 over `k`.

    >>> import torch
    >>> ChannelPairsMap(torch.full((2, 8, 8), 0.125)).values.shape
    torch.Size([2, 8, 8])
    """

    values: Float[Tensor, "b c c"]


@dataclass(frozen=True, eq=False)
class AcrossLevelsMap:
    """What patches of the image have in common with patches of an encoder level, for each class; at least 0.

    `values[b, class, q, k]` relates image patch `queries[q]` to patch `k` of the level. Patches are flat:
    `row * columns + column` of the `grid` (rows, columns) of the image's patches, and of the `feature_grid`.
    `patch_size` is the side of a patch in pixels of the image, and in cells of the level; `cell` that of such
    a cell in pixels.

    >>> import torch
    >>> values = torch.rand(1, 5, 2, 12)
    >>> one = AcrossLevelsMap(values, (6, 9), (3, 4), torch.tensor([0, 53]), patch_size=10, cell=2)
    >>> one.values[0, 2, 1].reshape(one.feature_grid).shape  # where the last patch finds class 2
    torch.Size([3, 4])
    """

    values: Float[Tensor, "b classes q k"]
    grid: tuple[int, int]
    feature_grid: tuple[int, int]
    queries: Int64[Tensor, " q"]
    patch_size: int
    cell: int


AttentionMap = ChannelMap | SpatialMap | MaskMap | PairwiseMap | AcrossLevelsMap | MemoryMap | ChannelPairsMap
