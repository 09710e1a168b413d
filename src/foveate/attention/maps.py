"""Attention maps: `weights(x)` of a mechanism returns a tuple of them, in order of application.

Each kind of map is one class. It describes its values, how they change the features, which positions they
belong to, and its small picture. There is no other list of the kinds.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int64
from torch import Tensor

Grid = tuple[int, int]
"""Height and width of a grid of positions."""
Patches = tuple[Grid, int]
"""A grid of patches, and the side of a patch in pixels of the image."""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The base class of all maps.

    kind: a word for file names. axes: names of the axes of `values` without the batch. meaning: what one
    value means. rank: of all maps of a forward pass, a map with the smallest rank is drawn as the small
    picture. like: another kind of map whose figures suit this one, too. beside: fields that are as large as
    `values`, and are saved beside them.
    """

    kind: ClassVar[str]
    axes: ClassVar[tuple[str, ...]]
    meaning: ClassVar[str]
    rank: ClassVar[int]
    like: ClassVar["type[AttentionMap] | None"] = None
    beside: ClassVar[tuple[str, ...]] = ()

    values: Tensor

    @property
    def positions(self) -> Grid | None:
        """Height and width of the grid of positions of the values; None for a map without positions."""
        return None

    @property
    def patches(self) -> tuple[Patches, Patches] | None:
        """The patches of the queries and of the keys, for a map between patches.

        None for other maps, which span the whole input of the network.
        """
        return None

    def picture(self, index: int = 0, query: int = 0) -> Float[Tensor, "h w"] | None:
        """Return one value for each position of image `index`; None for a map without positions.

        index: of the image in the batch. query: index of the query of a pairwise map or of the slot of a
        memory; ignored by other maps.
        """
        return None

    def digest(self) -> tuple[Float[Tensor, "*size"], str] | None:
        """Return the values of the small picture of the first image, and their description.

        The values have the shape `h w`, or one value for each channel. None if the map has no small picture.
        """
        return None


@dataclass(frozen=True, eq=False)
class FactorMap(AttentionMap):
    """A map that multiplies features by `values + offset`.

    offset: 0 for x g, 1 for x + x g. For a factor that is the sum of two maps (see `additive_maps`), it is
    the mean of the other map: the factor is then the mean factor of a channel or position. trunk: whether the
    factor applies to features inside the module; output / input is then not the factor.
    """

    offset: float | Float[Tensor, "b ..."] = 0.0
    trunk: bool = False

    @property
    def factor(self) -> Tensor:
        """The factor of the features, in the shape of `values`.

        >>> import torch
        >>> ChannelMap(torch.tensor([[0.25, 0.5]]), offset=1.0).factor
        tensor([[1.2500, 1.5000]])
        """
        return self.values + self.offset

    @property
    def effect(self) -> str:
        """The effect of the factor in words.

        >>> import torch
        >>> ChannelMap(torch.ones(1, 2), offset=1.0).effect
        '1 + the map multiplies the features'
        """
        features = "the trunk inside the module" if self.trunk else "the features"
        if isinstance(self.offset, Tensor):
            return f"the map + the mean of the module's other map multiplies {features}"
        return f"{f'{self.offset:g} + ' if self.offset else ''}the map multiplies {features}"

    def _describe(self, element: str) -> str:
        return f"factor of {element}" + (" of the trunk inside the module" if self.trunk else "")


@dataclass(frozen=True, eq=False)
class ChannelMap(FactorMap):
    """One factor for each channel: `factor[b, c]` multiplies the whole feature map of channel `c`.

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
        """Return the factors of all channels."""
        factors = self.factor[0].float()
        return factors, self._describe(f"each of {len(factors)} channels") + f", {value_range(factors)}"


@dataclass(frozen=True, eq=False)
class SpatialMap(FactorMap):
    """One factor for each position: `factor[b, h, w]` multiplies all channels at that position.

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
        """Return the factors of image `index`."""
        return self.factor[index].float()

    def digest(self) -> tuple[Tensor, str]:
        """Return the factors of the positions."""
        factors = self.picture()
        return factors, self._describe("each position") + f", {value_range(factors)}"


@dataclass(frozen=True, eq=False)
class MaskMap(FactorMap):
    """One factor for each element: `factor[b, c, h, w]` multiplies the feature map element by element.

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
        """Return the mean over channels of the factors of image `index`."""
        return self.factor[index].float().mean(0)

    def digest(self) -> tuple[Tensor, str]:
        """Return the mean over channels of the factors of the positions."""
        factors = self.picture()
        return factors, f"mean {self._describe('each position')}, {value_range(factors)}"


@dataclass(frozen=True, eq=False)
class PairwiseMap(AttentionMap):
    """Attention from selected positions to all positions. Values are at least 0 and sum to 1 over the keys.

    `values[b, head, q, k]` is the attention of position `queries[q]` to position `k`. Positions are flat:
    `row * width + column` of the `grid` (height, width), so that `k` runs over `height * width`.

    >>> import torch
    >>> pairwise = PairwiseMap(torch.full((1, 1, 2, 6), 1 / 6), grid=(2, 3), queries=torch.tensor([0, 4]))
    >>> pairwise.values[0, 0, 1].reshape(pairwise.grid).shape  # the attention of position (1, 1)
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
        """Return the attention of the query with index `query`, the mean over heads."""
        return self.values[index, :, query].float().mean(0).reshape(self.grid)

    def digest(self) -> tuple[Tensor, str]:
        """Return the mean attention over heads and queries."""
        attention = self.values[0].float().mean((0, 1)).reshape(self.grid)
        return attention, f"where {len(self.queries)} positions spread over the image look, on average"


@dataclass(frozen=True, eq=False)
class MemoryMap(AttentionMap):
    """Attention to slots of a learnt memory: `values[b, s, h, w]` is the share of slot `s` at the position.

    Values are at least 0 and sum to 1 over the slots.

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
        """Return the share of the slot with index `query`."""
        return self.values[index, query].float()

    def digest(self) -> tuple[Tensor, str]:
        """Return the share of the slot that varies most over the image."""
        shares = self.values[0].float()
        slot = int(shares.flatten(1).std(1, correction=0).argmax())
        return shares[slot], f"share of memory slot {slot} of {len(shares)}, {value_range(shares[slot])}"


@dataclass(frozen=True, eq=False)
class ChannelPairsMap(AttentionMap):
    """Attention between channels: `values[b, q, k]` is the attention of channel `q` to channel `k`.

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
    """Similarity of image patches and patches of an encoder level, for each class. Values are at least 0.

    `values[b, class, q, k]` relates image patch `queries[q]` to patch `k` of the level. Patches are flat:
    `row * columns + column`, of the `grid` (rows, columns) of the image's patches and of the `feature_grid`
    of the level's patches. patch_size: side of an image patch in pixels, and of a level's patch in cells.
    cell: side of a cell of the level in pixels.

    >>> import torch
    >>> values = torch.rand(1, 5, 2, 12)
    >>> across = AcrossLevelsMap(values, (6, 9), (3, 4), torch.tensor([0, 53]), patch_size=10, cell=2)
    >>> across.values[0, 2, 1].reshape(across.feature_grid).shape  # the last image patch, class 2
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
        """Return the similarity of the level's patches, the mean over classes and queries."""
        shared = self.values[0].float().mean((0, 1)).reshape(self.feature_grid)
        words = (
            f"what each patch of the level has in common with {len(self.queries)} patches spread over the "
            f"image, on average, {value_range(shared)}; dark where no whole patch fits"
        )
        return shared, words


def additive_maps(
    channel: Float[Tensor, "b c"], spatial: Float[Tensor, "b h w"]
) -> tuple[ChannelMap, SpatialMap]:
    """Return the maps of a mechanism whose factor is the sum `channel + spatial`.

    The factor of a channel is the mean over positions, and the factor of a position the mean over channels.

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
    """Return the smallest and the largest value as text.

    >>> import torch
    >>> value_range(torch.tensor([0.25, 1.5]))
    '0.25 to 1.50'
    """
    return f"{float(values.min()):.2f} to {float(values.max()):.2f}"


def _last_two(values: Tensor) -> Grid:
    return values.shape[-2], values.shape[-1]
