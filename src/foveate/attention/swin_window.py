"""Window attention: self-attention in heads inside windows of the map, with learnt biases for displacements.

Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021,
https://arxiv.org/abs/2103.14030:

- equation 3, its attention half: y = x + W(LN(x)), LN over channels, W attention in windows or, with
  `shifted`, in windows displaced by half their side; the perceptron half is left out
- equation 4: softmax(Q K^T / sqrt(d) + B) V a head, with B from a table of (2 m - 1)^2 displacements a head

The map may have any size: a window that extends beyond the map is padded, and the padding is masked. The
authors' code and timm's pad with zeros and attend to them, which are not zero after the biases of key and
value. Our shifted windows begin outside the map; the authors roll the map and mask pairs that the roll brings
together, which gives the same windows and the same attention. Ours also shifts the windows of a map no larger
than a window; the authors' code does not.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from foveate.attention.maps import PairwiseMap
from foveate.attention.options import at_least
from foveate.attention.pairwise import chosen_queries
from foveate.attention.registry import register
from foveate.errors import UserError


def slots(height: int, width: int, side: int, before: int = 0) -> tuple[Int64[Tensor, " n"], int]:
    """Return the index of each position of the map in the sequence of windows, and the number of windows.

    The first window begins `before` rows and columns outside the map.

    >>> slots(2, 3, side=2)  # 0 1 | 4
    (tensor([0, 1, 4, 2, 3, 6]), 2)
    """
    # A graph exported for any size cannot have an axis of length 1: use two windows per line at least.
    least = 2 if torch.compiler.is_exporting() else 1
    down, across = (torch.sym_max(least, (n + before + side - 1) // side) for n in (height, width))
    row, column = (torch.arange(n) + before for n in (height, width))
    window = row[:, None] // side * across + column // side
    place = row[:, None] % side * side + column % side
    return (window * side**2 + place).flatten(), down * across


def displacements(side: int) -> Int64[Tensor, "q k"]:
    """Return, for each pair of positions in a window, the index of its displacement among (2 side - 1)^2.

    >>> displacements(2).tolist()
    [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    """
    row, column = torch.arange(side).repeat_interleave(side), torch.arange(side).repeat(side)
    down, right = row[:, None] - row + side - 1, column[:, None] - column + side - 1
    return down * (2 * side - 1) + right


def window_weights(
    q: Float[Tensor, "b windows heads q d"],
    k: Float[Tensor, "b windows heads k d"],
    bias: Float[Tensor, "heads q k"],
    inside: Bool[Tensor, "windows k"],
) -> Float[Tensor, "b windows heads q k"]:
    """Return the softmax of equation 4 over the positions inside the map."""
    scores = q * q.shape[-1] ** -0.5 @ k.mT + bias
    return scores.masked_fill(~inside[:, None, None], torch.finfo(scores.dtype).min).softmax(-1)


def default_heads(channels: int) -> int:
    """Return one head per 32 channels, as in the paper, or the next lower number that divides the channels.

    >>> default_heads(96), default_heads(80), default_heads(17)
    (3, 2, 1)
    """
    return next(heads for heads in range(max(1, channels // 32), 0, -1) if channels % heads == 0)


@register("swin_window")
class WindowAttention(nn.Module):
    """Window attention: positions attend to the positions of the same window, in several heads.

    `window_size` is the side of the windows. `shifted` displaces them by half of it: two attentions at
    successive places, one shifted, attend across window borders. `heads` must divide the channels; None means
    one per 32 channels, or the next lower number that divides them. Memory grows with h w window_size^2.
    `weights` gives a `PairwiseMap` with these heads, for the flat positions `queries` (default: all, where
    they fit `pairwise.MATRIX_LIMIT`).

    >>> attention = WindowAttention(64, window_size=4)
    >>> (pairs,) = attention.weights(torch.rand(1, 64, 5, 9), queries=[0, 44])
    >>> pairs.values.shape, (pairs.values[0, 0] > 0).sum(-1).tolist()  # windows of 4x4 and 1x1
    (torch.Size([1, 2, 2, 45]), [16, 1])
    """

    starts_at_identity = False

    def __init__(
        self, channels: int, window_size: int = 7, shifted: bool = False, heads: int | None = None
    ) -> None:
        super().__init__()
        self.side = at_least(1, "window_size", window_size)
        self.before = (self.side - self.side // 2) % self.side if shifted else 0
        self.heads = default_heads(channels) if heads is None else at_least(1, "heads", heads)
        if channels % self.heads:
            raise UserError(f"heads={heads}: expected a number that divides the {channels} channels")
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.table = nn.Parameter(torch.empty((2 * self.side - 1) ** 2, self.heads))
        nn.init.trunc_normal_(self.table, std=0.02)
        self.projection = nn.Linear(channels, channels)
        self.register_buffer("displacements", displacements(self.side), persistent=False)

    def _attend(
        self, x: Float[Tensor, "b c h w"]
    ) -> tuple[Float[Tensor, "b windows heads q k"], Float[Tensor, "b windows heads k d"], Tensor]:
        """Return the weights and values of every window, and the `slots` of the map's positions."""
        places, count = slots(x.shape[2], x.shape[3], self.side, self.before)
        places, length = places.to(x.device), count * self.side**2
        normed = self.norm(rearrange(x, "b c h w -> b (h w) c"))
        tokens = normed.new_zeros(x.shape[0], length, x.shape[1]).index_copy(1, places, normed)
        inside = torch.zeros(length, dtype=torch.bool, device=x.device).index_fill(0, places, True)
        pattern = "b (windows n) (three heads d) -> three b windows heads n d"
        q, k, v = rearrange(self.qkv(tokens), pattern, windows=count, three=3, heads=self.heads)
        bias = rearrange(self.table[self.displacements], "q k heads -> heads q k")
        return window_weights(q, k, bias, inside.view(count, -1)), v, places

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        weights, v, places = self._attend(x)
        attended = rearrange(weights.to(v.dtype) @ v, "b windows heads n d -> b (windows n) (heads d)")
        attended = rearrange(self.projection(attended[:, places]), "b (h w) c -> b c h w", h=x.shape[2])
        return x + attended.to(x.dtype)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[PairwiseMap]:
        chosen, (height, width) = chosen_queries(queries, x, self.heads), x.shape[2:]
        weights, _, places = self._attend(x)
        count, area = height * width, self.side**2
        keys = torch.full((weights.shape[1] * area,), count, device=x.device)  # padding: beyond the last
        keys[places] = torch.arange(count, device=x.device)
        window, place = places[chosen] // area, places[chosen] % area
        inner = rearrange(weights[:, window, :, place], "q b heads k -> b heads q k")
        values = inner.new_zeros(*inner.shape[:3], count + 1)
        values = values.scatter(-1, keys.view(-1, area)[window].expand_as(inner), inner)[..., :count]
        return (PairwiseMap(values, (height, width), chosen),)
