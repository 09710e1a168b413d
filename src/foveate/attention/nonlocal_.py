"""Plain self-attention over positions: each position adds the values of the positions that match it.

Zhang et al., "Self-Attention Generative Adversarial Networks", ICML 2019, https://arxiv.org/abs/1805.08318,
equations 1 to 3, after Wang et al., "Non-local Neural Networks", CVPR 2018, https://arxiv.org/abs/1711.07971:
A = softmax(Q K^T) over keys, without scaling, and y = gamma A V + x with gamma learnt from 0. Query, key and
value keep all channels, which the papers reduce, and the papers' 1x1 convolution after A V is left out. So
this is Smooth Attention without smoothing, and a comparison of both shows the effect of smoothing.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.closed import finite_where_closed
from foveate.attention.maps import PairwiseMap
from foveate.attention.pairwise import attend, chosen_queries, positions_first, rows
from foveate.attention.registry import register


@register("nonlocal")
class NonLocal(nn.Module):
    """Plain self-attention: each position attends to all positions that match it.

    Memory grows with h * w, time with its square. `weights` gives a `PairwiseMap` with one head, for the flat
    positions `queries` (default: all, where they fit `pairwise.MATRIX_LIMIT`).

    >>> attention = NonLocal(8)
    >>> x = torch.rand(1, 8, 5, 9)
    >>> torch.equal(attention(x), x)  # gamma starts at 0
    True
    >>> attention.weights(x, queries=[0, 44])[0].values.shape
    torch.Size([1, 1, 2, 45])
    """

    starts_at_identity = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        q, k, v = (positions_first(f(x)) for f in (self.query, self.key, self.value))
        attended = rearrange(attend(q, k, v), "b (h w) c -> b c h w", h=x.shape[2])
        return (x + self.gamma * finite_where_closed(attended, self.gamma)).to(x.dtype)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[PairwiseMap]:
        chosen = chosen_queries(queries, x)
        q, k = (positions_first(f(x)) for f in (self.query, self.key))
        values = rearrange(rows(q, k, chosen), "b q k -> b 1 q k")
        return (PairwiseMap(values, (x.shape[2], x.shape[3]), chosen),)
