"""What a mechanism attended to: `weights(x)` returns a tuple of these maps, in order of application.

A kind of map is one class: it says what its values are, how the features change by them, where they lie, and
what a small picture of it shows. Nothing else lists the kinds.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int64
from torch import Tensor

Grid = tuple[int, int]
"""Height and width in positions."""
Patches = tuple[Grid, int]
"""A grid of patches, and how many pixels of the image a patch has along a side."""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The base of all maps.

    kind: a word for file names. axes: what the axes of `values` are, without the batch. meaning: what one
    value is. rank: of the maps of a pass, the one of the smallest rank is drawn as the small picture.
    """

    kind: ClassVar[str]
    axes: ClassVar[tuple[str, ...]]
    meaning: ClassVar[str]
    rank: ClassVar[int]

    values: Tensor

    @property
    def positions(self) -> Grid | None:
        """Height and width of the grid of positions at which the values lie; None where they lie at none."""
        return None

    @property
    def patches(self) -> tuple[Patches, Patches] | None:
        """Of a map between patches: how the queries and how the keys cover the image. None for other maps,
        which span all that the network saw.
        """
        return None

    def picture(self, index: int = 0, query: int = 0) -> Float[Tensor, "h w"] | None:
        """One value a position for image `index` of the batch; None for a map without positions.

        `query` counts the queries of a pairwise map or the slots of a memory; other maps have none.
        """
        return None

    def digest(self) -> tuple[Float[Tensor, "*size"], str] | None:
        """What a small picture shows of the first image, `h w` or one value a channel, and what it is.

        None where the map is not drawn small.
        """
        return None


@dataclass(frozen=True, eq=False)
class FactorMap(AttentionMap):
    """A map by which features are multiplied, element by element where it says one value an element.

    The factor is `values + offset`. offset: 0 for x g, 1 for x + x g; where the factor is the sum of two maps
    (see `additive_maps`), the other map's mean, so that the factor is the mean that a channel or a position has.
    trunk: the factor applies to features inside the module, so that output/input is not the factor.
    """

    offset: float | Float[Tensor, "b ..."] = 0.0
    trunk: bool = False

    @property
    def factor(self) -> Tensor:
        """What the features are multiplied by; the shape of `values`.

        >>> import torch
        >>> ChannelMap(torch.tensor([[0.25, 0.5]]), offset=1.0).factor
        tensor([[1.2500, 1.5000]])
        """
        return self.values + self.offset

    @property
    def effect(self) -> str:
        """What the factor does, in words.

        >>> import torch
        >>> ChannelMap(torch.ones(1, 2), offset=1.0).effect
        '1 + the map multiplies the features'
        """
        features = "the trunk inside the module" if self.trunk else "the features"
        if isinstance(self.offset, Tensor):
            return f"the map + the mean of the module's other map multiplies {features}"
        return f"{f'{self.offset:g} + ' if self.offset else ''}the map multiplies {features}"

    def _words(self, one: str) -> str:
        return f"factor of {one}" + (" of the trunk inside the module" if self.trunk else "")


@dataclass(frozen=True, eq=False)
class ChannelMap(FactorMap):
    """One factor a channel: `factor[b, c]` multiplies the whole feature map of channel `c`.

    >>> import torch
    >>> ChannelMap(torch.full((2, 8), 0.5)).values.shape
    torch.Size([2, 8])
    """

    kind = "channel"
    axes = ("channel",)
    meaning = "value of each channel; its features are multiplied by value + offset"
    rank = 6

    values: Float[Tensor, "b c"]

    def digest(self) -> tuple[Tensor, str]:
        """The factors of all channels."""
        factors = self.factor[0].float()
        return factors, self._words(f"each of {len(factors)} channels") + f", {value_range(factors)}"


@dataclass(frozen=True, eq=False)
class SpatialMap(FactorMap):
    """One factor a position: `factor[b, h, w]` multiplies all channels at that position.

    >>> import torch
    >>> SpatialMap(torch.full((2, 5, 9), 0.5)).values.shape
    torch.Size([2, 5, 9])
    """

    kind = "spatial"
    axes = ("row", "column")
    meaning = "value of each position of the feature map; its features are multiplied by value + offset"
    rank = 2

    values: Float[Tensor, "b h w"]

    @property
    def positions(self) -> Grid:
        return _last_two(self.values)

    def picture(self, index: int = 0, query: int = 0) -> Tensor:
        """The factors of image `index`."""
        return self.factor[index].float()

    def digest(self) -> tuple[Tensor, str]:
        """The factors of the positions."""
        factors = self.picture()
        return factors, self._words("each position") + f", {value_range(factors)}"


@dataclass(frozen=True, eq=False)
class MaskMap(FactorMap):
    """One factor an element: `factor[b, c, h, w]` multiplies the feature map element by element.

    >>> import torch
    >>> MaskMap(torch.full((2, 8, 5, 9), 0.5)).values.shape
    torch.Size([2, 8, 5, 9])
    """

    kind = "mask"
    axes = ("channel", "row", "column")
    meaning = "value of each element of the feature map; it is multiplied by value + offset"
    rank = 3

    values: Float[Tensor, "b c h w"]

    @property
    def positions(self) -> Grid:
        return _last_two(self.values)

    def picture(self, index: int = 0, query: int = 0) -> Tensor:
        """The factors of image `index`, their mean over channels."""
        return self.factor[index].float().mean(0)

    def digest(self) -> tuple[Tensor, str]:
        """The factors of the positions, their mean over channels."""
        factors = self.picture()
        return factors, f"mean {self._words('each position')}, {value_range(factors)}"


@dataclass(frozen=True, eq=False)
class PairwiseMap(AttentionMap):
    """Attention from chosen positions to all positions; every row is at least 0 and sums to 1.

    `values[b, head, q, k]` is how much position `queries[q]` takes from position `k`. Positions are flat:
    `row * width + column` of the `grid` (height, width), so `k` runs over `height * width`.

    >>> import torch
    >>> one = PairwiseMap(torch.full((1, 1, 2, 6), 1 / 6), grid=(2, 3), queries=torch.tensor([0, 4]))
    >>> one.values[0, 0, 1].reshape(one.grid).shape  # where position (1, 1) looks
    torch.Size([2, 3])
    """

    kind = "pairwise"
    axes = ("head", "query", "key")
    meaning = (
        "attention of position queries[query] to position key, flat positions (row * width + column) of the "
        "grid; the first queries are those of the pixels, the others those of the matrix"
    )
    rank = 1

    values: Float[Tensor, "b heads q k"]
    grid: Grid
    queries: Int64[Tensor, " q"]

    @property
    def positions(self) -> Grid:
        return self.grid

    def picture(self, index: int = 0, query: int = 0) -> Tensor:
        """Where query number `query` looks, the mean over heads."""
        return self.values[index, :, query].float().mean(0).reshape(self.grid)

    def digest(self) -> tuple[Tensor, str]:
        """Where the queries look, the mean over heads and queries."""
        looks = self.values[0].float().mean((0, 1)).reshape(self.grid)
        return looks, f"where {len(self.queries)} positions spread over the image look, on average"


@dataclass(frozen=True, eq=False)
class MemoryMap(AttentionMap):
    """Attention to slots of a learnt memory: `values[b, s, h, w]` is what slot `s` gives to the position.

    Values are at least 0 and sum to 1 over the slots of a position.

    >>> import torch
    >>> MemoryMap(torch.full((2, 4, 5, 9), 0.25)).values.shape
    torch.Size([2, 4, 5, 9])
    """

    kind = "memory"
    axes = ("slot", "row", "column")
    meaning = "share of each slot of the memory at each position"
    rank = 4

    values: Float[Tensor, "b slots h w"]

    @property
    def positions(self) -> Grid:
        return _last_two(self.values)

    def picture(self, index: int = 0, query: int = 0) -> Tensor:
        """The share of slot number `query`."""
        return self.values[index, query].float()

    def digest(self) -> tuple[Tensor, str]:
        """The slot whose share varies most over the image."""
        shares = self.values[0].float()
        slot = int(shares.flatten(1).std(1, correction=0).argmax())
        return shares[slot], f"share of memory slot {slot} of {len(shares)}, {value_range(shares[slot])}"


@dataclass(frozen=True, eq=False)
class ChannelPairsMap(AttentionMap):
    """Attention between channels: `values[b, q, k]` is how much channel `q` takes from channel `k`.

    Values are at least 0 and sum to 1 over `k`.

    >>> import torch
    >>> ChannelPairsMap(torch.full((2, 8, 8), 0.125)).values.shape
    torch.Size([2, 8, 8])
    """

    kind = "channel-pairs"
    axes = ("query", "key")
    meaning = "attention of channel query to channel key"
    rank = 7

    values: Float[Tensor, "b c c"]


@dataclass(frozen=True, eq=False)
class AcrossLevelsMap(AttentionMap):
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

    kind = "levels"
    axes = ("class", "query", "key")
    meaning = (
        "what patch queries[query] of the image's grid has in common with patch key of the feature grid, "
        "each row * columns + column; the first queries are those of the pixels"
    )
    rank = 5

    values: Float[Tensor, "b classes q k"]
    grid: Grid
    feature_grid: Grid
    queries: Int64[Tensor, " q"]
    patch_size: int
    cell: int

    @property
    def positions(self) -> Grid:
        return self.grid

    @property
    def patches(self) -> tuple[Patches, Patches]:
        return (self.grid, self.patch_size), (self.feature_grid, self.patch_size * self.cell)

    def digest(self) -> tuple[Tensor, str]:
        """What the patches of the level have in common with the queries, on average over classes too."""
        shared = self.values[0].float().mean((0, 1)).reshape(self.feature_grid)
        words = (
            f"what each patch of the level has in common with {len(self.queries)} patches spread over the "
            f"image, on average, {value_range(shared)}; dark where no whole patch fits"
        )
        return shared, words


def additive_maps(
    channel: Float[Tensor, "b c"], spatial: Float[Tensor, "b h w"]
) -> tuple[ChannelMap, SpatialMap]:
    """The maps of a mechanism that multiplies by the sum of both: the factor of a channel is its mean over
    positions, that of a position its mean over channels.

    >>> import torch
    >>> channels, positions = additive_maps(torch.tensor([[0.2, 0.4]]), torch.full((1, 1, 3), 0.5))
    >>> channels.factor
    tensor([[0.7000, 0.9000]])
    """
    return (
        ChannelMap(channel, offset=spatial.mean((1, 2))[:, None]),
        SpatialMap(spatial, offset=channel.mean(1)[:, None, None]),
    )


def value_range(values: Tensor) -> str:
    """The smallest and the largest value in words.

    >>> import torch
    >>> value_range(torch.tensor([0.25, 1.5]))
    '0.25 to 1.50'
    """
    return f"{float(values.min()):.2f} to {float(values.max()):.2f}"


def _last_two(values: Tensor) -> Grid:
    return values.shape[-2], values.shape[-1]
