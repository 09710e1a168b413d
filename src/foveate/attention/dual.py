"""Dual attention: each position attends to the positions that match it, each channel to other channels.

Fu et al., "Dual Attention Network for Scene Segmentation", CVPR 2019, https://arxiv.org/abs/1809.02983:

- position attention, equations 1 and 2: E = gamma_p softmax(B C^T) D + A, where B, C, D are 1x1 convolutions
  of A, scores unscaled
- channel attention, equations 3 and 4: E = gamma_c softmax(A A^T) A + A, over channels, without parameters
  but gamma_c

Our sum of both, y = x + gamma_p (...) + gamma_c (...) with gammas learnt from 0, contains x once, so that it
starts at the identity. The convolutions before, between and after the attention in the paper's network belong
to its head and are left out.

Paper and authors' code differ twice. B and C have an eighth of the channels in the code and all channels in
the paper's figure: `reduction`, by default 8. And the code subtracts the channel scores from their maximum
before the softmax. This is not the usual shift, which changes nothing, but softmax(-A A^T): a channel gathers
from the least similar channels. form="code", the default, follows the code; form="paper" is equation 3.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.closed import finite_where_closed
from foveate.attention.maps import ChannelPairsMap, PairwiseMap
from foveate.attention.options import at_least, one_of
from foveate.attention.pairwise import attend, chosen_queries, positions_first, rows
from foveate.attention.registry import register


@register("dual")
class DualAttention(nn.Module):
    """Dual attention: positions attend to matching positions, channels to channels.

    `reduction` divides the channels of query and key (at least one stays); `form`, "code" or "paper", is the
    sign of the channels' scores, see above. Memory grows with h * w, time with its square. `weights` gives a
    `PairwiseMap` with one head, for the flat positions `queries` (default: all, where they fit
    `pairwise.MATRIX_LIMIT`), and a `ChannelPairsMap`.

    >>> attention = DualAttention(8)
    >>> x = torch.rand(1, 8, 5, 9)
    >>> torch.equal(attention(x), x)  # both gammas start at 0
    True
    >>> positions, channels = attention.weights(x, queries=[0, 44])
    >>> positions.values.shape, channels.values.shape
    (torch.Size([1, 1, 2, 45]), torch.Size([1, 8, 8]))
    """

    starts_at_identity = True

    def __init__(self, channels: int, reduction: int = 8, form: str = "code") -> None:
        super().__init__()
        narrow = max(1, channels // at_least(1, "reduction", reduction))
        self.query = nn.Conv2d(channels, narrow, 1)
        self.key = nn.Conv2d(channels, narrow, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.position_gamma = nn.Parameter(torch.zeros(1))
        self.channel_gamma = nn.Parameter(torch.zeros(1))
        self.sign = {"code": -1, "paper": 1}[one_of(("code", "paper"), "form", form)]

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        q, k, v = (positions_first(f(x)) for f in (self.query, self.key, self.value))
        positions = rearrange(attend(q, k, v), "b (h w) c -> b c h w", h=x.shape[2])
        channels = (self.channel_weights(x).to(x.dtype) @ x.flatten(2)).view_as(x)
        positions = finite_where_closed(positions, self.position_gamma)
        channels = finite_where_closed(channels, self.channel_gamma)
        return (x + self.position_gamma * positions + self.channel_gamma * channels).to(x.dtype)

    def channel_weights(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
        """Return the channels' weights, in float32 or better: half precision cannot resolve the scores."""
        flat = x.flatten(2).to(torch.promote_types(x.dtype, torch.float32))
        with torch.autocast(x.device.type, enabled=False):
            return (self.sign * flat @ flat.mT).softmax(-1)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[PairwiseMap, ChannelPairsMap]:
        chosen = chosen_queries(queries, x)
        q, k = (positions_first(f(x)) for f in (self.query, self.key))
        values = rearrange(rows(q, k, chosen), "b q k -> b 1 q k")
        positions = PairwiseMap(values, (x.shape[2], x.shape[3]), chosen)
        return positions, ChannelPairsMap(self.channel_weights(x))
