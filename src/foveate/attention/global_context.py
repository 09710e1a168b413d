"""Global context: one attention map for the whole image gives one context that is added at all positions.

Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond", ICCV Workshops 2019,
https://arxiv.org/abs/1904.11492, equation 5: z_i = x_i + W_v2 relu(LN(W_v1 sum_j a_j x_j)), where
a = softmax over positions of W_k x, the same for every i. It simplifies non-local attention, because in
trained networks all queries have nearly the same row.

We use timm's module with two corrections. The last layer starts with zero weights and zero bias, as in the
authors' code, so that the module starts at the identity; timm's bias is random. And at least 4 channels stay
inside the transform: with one channel, the layer norm removes all information.

fusion="scale" is the paper's other fusion, z_i = x_i sigmoid(W_v2 relu(LN(...))), and timm's default; the
paper and the authors' code use the sum.
"""

from collections.abc import Sequence

from einops import repeat
from jaxtyping import Float
from timm.layers.global_context import GlobalContext as Block
from torch import Tensor, nn

from foveate.attention.captured import captured
from foveate.attention.maps import ChannelMap, PairwiseMap
from foveate.attention.options import at_least, one_of
from foveate.attention.pairwise import chosen_queries
from foveate.attention.registry import register


@register("global_context")
class GlobalContext(nn.Module):
    """Global context: every position adds the same context, a weighted mean over one attention map.

    `reduction` divides the channels inside the transform (at least 4 stay); `fusion` is add or scale.
    `weights` gives a `PairwiseMap` with one head whose rows are all equal, for the flat positions `queries`
    (default: all), and with fusion="scale" also the `ChannelMap` in (0, 1) that multiplies x.

    >>> import torch
    >>> attention = GlobalContext(64)
    >>> x = torch.rand(1, 64, 5, 9)
    >>> torch.equal(attention(x), x)  # the last layer starts at 0
    True
    >>> attention.weights(x, queries=[0, 44])[0].values.shape
    torch.Size([1, 1, 2, 45])
    """

    def __init__(self, channels: int, reduction: int = 16, fusion: str = "add") -> None:
        super().__init__()
        add = one_of(("add", "scale"), "fusion", fusion) == "add"
        hidden = max(4, channels // at_least(1, "reduction", reduction))
        self.block = Block(channels, fuse_add=add, fuse_scale=not add, rd_channels=hidden)
        if add:
            nn.init.zeros_(self.block.mlp_add.fc2.bias)
        self.starts_at_identity = add

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return self.block(x).to(x.dtype)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[PairwiseMap] | tuple[PairwiseMap, ChannelMap]:
        chosen = chosen_queries(queries, x)
        _, scores = captured(self.block, self.block.conv_attn, x)
        row = scores.flatten(2).softmax(-1)
        pairs = PairwiseMap(repeat(row, "b 1 k -> b 1 q k", q=len(chosen)), (x.shape[2], x.shape[3]), chosen)
        if self.starts_at_identity:
            return (pairs,)
        _, gate = captured(self.block, self.block.gate, x)
        return pairs, ChannelMap(gate.flatten(1))
