"""Smooth Attention: self-attention whose rows are averaged with their neighbours' where neighbours disagree.

"Smooth Attention: Improving Image Semantic Segmentation", 2024,
https://doi.org/10.20944/preprints202409.1283. With A = softmax(Q K^T), unscaled, the row of position i
becomes the mean of the rows of its 8 neighbours (itself left out, edges replicated) if max_k |A_ik - A_jk| >
t for one of them; then y = gamma A' V + x with gamma learnt from 0. The decision has no gradient. The results
equal those of the authors' code to rounding.

The n x n matrix is never formed: averaging rows of A and then multiplying by V equals averaging rows of
O = A V. O is computed from rows of A that are discarded; where a row is smoothed, the mean of O over the
neighbours replaces it; the decision needs only the largest entries of each row (see `disagreement`). Memory
grows with n instead of n^2.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from foveate.attention.closed import finite_where_closed
from foveate.attention.kernels.disagreement import disagreeing, neighbours
from foveate.attention.options import positive
from foveate.attention.pairwise import attend_with_peaks, chosen_queries, positions_first, rows
from foveate.attention.registry import register
from foveate.attention.smoothed_map import SmoothedMap


def neighbour_mean(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return the mean of the 8 neighbours of each position, without the position, edges replicated.

    >>> neighbour_mean(torch.tensor([[[[8.0, 0.0]]]]))  # left of 8 is 8 again: 5 of the 8 neighbours
    tensor([[[[5., 3.]]]])
    """
    total = x
    for dim in (-2, -1):
        size = x.shape[dim]
        padded = torch.cat([total.narrow(dim, 0, 1), total, total.narrow(dim, size - 1, 1)], dim)
        total = padded.narrow(dim, 0, size) + total + padded.narrow(dim, 2, size)
    return (total - x) / 8


def smooth_rows(
    q: Float[Tensor, "b n c"],
    k: Float[Tensor, "b n c"],
    smoothed: Bool[Tensor, "b n"],
    height: int,
    positions: Int64[Tensor, " q"],
) -> Float[Tensor, "b q n"]:
    """Return the rows of A' at `positions`."""
    around = neighbours(positions, height, q.shape[1] // height)
    mean = sum(rows(q, k, neighbour) for neighbour in around.unbind(1)) / 8
    return torch.where(smoothed[:, positions, None], mean, rows(q, k, positions))


@register("smooth")
class SmoothAttention(nn.Module):
    """Smooth Attention: self-attention, averaged over neighbours where their attention differs strongly.

    `threshold` is t, above 0: a position is smoothed if its attention to some position differs by more than t
    from a neighbour's. For t >= 1 nothing is smoothed. Memory grows with h * w, time with its square.
    `weights` gives a `SmoothedMap` with one head, of the smoothed rows of the flat positions `queries`
    (default: all, if they fit `pairwise.MATRIX_LIMIT`), and of the rows before.

    >>> attention = SmoothAttention(8, threshold=0.1)
    >>> x = torch.rand(1, 8, 5, 9)
    >>> torch.equal(attention(x), x)  # gamma starts at 0
    True
    >>> attention.weights(x, queries=[0, 44])[0].values.shape
    torch.Size([1, 1, 2, 45])
    >>> attention.smoothed(x).shape
    torch.Size([1, 5, 9])
    """

    starts_at_identity = True

    def __init__(self, channels: int, threshold: float = 0.4) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.threshold = positive("threshold", threshold)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        height = x.shape[2]
        q, k, v = (positions_first(f(x)) for f in (self.query, self.key, self.value))
        attended, peaks = attend_with_peaks(q, k, v)
        attended = rearrange(attended, "b (h w) c -> b c h w", h=height)
        if self.threshold < 1:
            smoothed = disagreeing(q, k, height, self.threshold, peaks)
            smoothed = rearrange(smoothed, "b (h w) -> b 1 h w", h=height)
            attended = torch.where(smoothed, neighbour_mean(attended), attended)
        return (x + self.gamma * finite_where_closed(attended, self.gamma)).to(x.dtype)

    def smoothed(self, x: Float[Tensor, "b c h w"]) -> Bool[Tensor, "b h w"]:
        """Return which positions' rows are smoothed."""
        q, k = (positions_first(f(x)) for f in (self.query, self.key))
        return rearrange(disagreeing(q, k, x.shape[2], self.threshold), "b (h w) -> b h w", h=x.shape[2])

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[SmoothedMap]:
        chosen, (height, width) = chosen_queries(queries, x), x.shape[2:]
        q, k = (positions_first(f(x)) for f in (self.query, self.key))
        smoothed = disagreeing(q, k, height, self.threshold)
        one_head = "b q k -> b 1 q k"
        after = rearrange(smooth_rows(q, k, smoothed, height, chosen), one_head)
        before = rearrange(rows(q, k, chosen), one_head)
        return (SmoothedMap(after, (height, width), chosen, before, smoothed[:, chosen]),)
