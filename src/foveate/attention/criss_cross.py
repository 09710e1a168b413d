"""Criss-cross attention: each position attends to its row and column; a second turn reaches all positions.

Huang et al., "CCNet: Criss-Cross Attention for Semantic Segmentation", ICCV 2019,
https://arxiv.org/abs/1811.11721:

- equation 1: scores d_iu = Q_u . K_i for the h + w - 1 positions i in row and column of u, unscaled; A is
  their softmax
- equation 2: H'_u = sum over i of A_iu V_i + H_u
- recurrence: the same module, with the same weights, R times (section 3.3; 2 by default)

As in the authors' code the sum is multiplied by gamma, learnt from 0, which equation 2 leaves out, and query
and key have an eighth of the channels (`reduction`). Two convolutions stand around the paper's module; they
are its head rather than the attention.

A position is in its row and in its column; its own score counts once, with the row. There are h + w scores
per position, so memory grows with n (h + w) instead of n^2.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor, nn

from foveate.attention.closed import finite_where_closed
from foveate.attention.maps import PairwiseMap
from foveate.attention.options import at_least
from foveate.attention.pairwise import chosen_queries
from foveate.attention.registry import register


def cross_weights(
    q: Float[Tensor, "b h w d"], k: Float[Tensor, "b h w d"]
) -> tuple[Float[Tensor, "b h w h"], Float[Tensor, "b h w w"]]:
    """Return each position's weights over its column (0 at itself) and over its row; together they sum to 1.

    >>> column, row = cross_weights(*2 * [torch.zeros(1, 2, 3, 4)])
    >>> column[0, 0, 0].tolist(), row[0, 0, 0].tolist()
    ([0.0, 0.25], [0.25, 0.25, 0.25])
    """
    height = q.shape[1]
    columns = rearrange(q, "b h w d -> b w h d") @ rearrange(k, "b h w d -> b w d h")
    itself = torch.eye(height, dtype=torch.bool, device=q.device)
    columns = rearrange(columns.masked_fill(itself, -torch.inf), "b w h i -> b h w i")
    rows = q @ k.mT
    return torch.cat([columns, rows], -1).softmax(-1).split([height, q.shape[2]], -1)


def gather(
    columns: Float[Tensor, "b h w h"], rows: Float[Tensor, "b h w w"], v: Float[Tensor, "b h w c"]
) -> Float[Tensor, "b h w c"]:
    """Return the weighted sum of the values in each position's column and row."""
    along = rearrange(columns, "b h w i -> b w h i") @ rearrange(v, "b i w c -> b w i c")
    return rearrange(along, "b w h c -> b h w c") + rows @ v


def cross_rows(
    columns: Float[Tensor, "b h w h"], rows: Float[Tensor, "b h w w"], positions: Int64[Tensor, " q"]
) -> Float[Tensor, "b q n"]:
    """Return the weights of chosen positions over all positions: 0 outside row and column."""
    batch, height, width, _ = columns.shape
    y, x = positions // width, positions % width
    whole = columns.new_zeros(batch, len(positions), height, width)
    each = torch.arange(len(positions), device=columns.device)
    whole[:, each, :, x] = rearrange(columns[:, y, x], "b q i -> q b i")
    whole[:, each, y] += rows[:, y, x]
    return whole.flatten(2)


@register("criss_cross")
class CrissCrossAttention(nn.Module):
    """Criss-cross attention: each position attends to its row and column; two turns reach all positions.

    `reduction` divides the channels of query and key (at least one stays); `recurrence` is the number of
    turns, all with the same weights. Memory grows with h w (h + w). `weights` gives one `PairwiseMap` with
    one head a turn, for the flat positions `queries` (default: all, where they fit
    `pairwise.MATRIX_LIMIT`).

    >>> attention = CrissCrossAttention(8)
    >>> x = torch.rand(1, 8, 5, 9)
    >>> torch.equal(attention(x), x)  # gamma starts at 0
    True
    >>> first, second = attention.weights(x, queries=[0, 44])
    >>> (first.values[0, 0, 0] > 0).reshape(first.grid).sum().item()  # a row of 9 and a column of 5
    13
    """

    starts_at_identity = True

    def __init__(self, channels: int, reduction: int = 8, recurrence: int = 2) -> None:
        super().__init__()
        narrow = max(1, channels // at_least(1, "reduction", reduction))
        self.query = nn.Conv2d(channels, narrow, 1)
        self.key = nn.Conv2d(channels, narrow, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.recurrence = at_least(1, "recurrence", recurrence)

    def turn(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weights over columns and over rows of one turn, and its output."""
        q, k, v = (rearrange(f(x), "b c h w -> b h w c") for f in (self.query, self.key, self.value))
        columns, rows = cross_weights(q, k)
        attended = rearrange(gather(columns.to(v.dtype), rows.to(v.dtype), v), "b h w c -> b c h w")
        return columns, rows, (x + self.gamma * finite_where_closed(attended, self.gamma)).to(x.dtype)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        for _ in range(self.recurrence):
            x = self.turn(x)[-1]
        return x

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[PairwiseMap, ...]:
        chosen, grid = chosen_queries(queries, x), (x.shape[2], x.shape[3])
        maps = []
        for _ in range(self.recurrence):
            columns, rows, x = self.turn(x)
            values = rearrange(cross_rows(columns, rows, chosen), "b q k -> b 1 q k")
            maps.append(PairwiseMap(values, grid, chosen))
        return tuple(maps)
