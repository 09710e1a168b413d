"""The map of a transformer's own attention: between positions, and from tokens that stand for no position."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from foveate.attention.maps import PairwiseMap


@dataclass(frozen=True, eq=False)
class SelfAttentionMap(PairwiseMap):
    """Attention of selected positions to all positions, and of tokens without a position (the class token).

    A row of `values` sums to 1 less the attention that the position pays to such tokens. tokens: the rows of
    these tokens, the class token first; no rows if there are none. received: the attention that each position
    receives, the mean over heads and over all positions and tokens.

    >>> import torch
    >>> rows, tokens = torch.full((1, 1, 2, 6), 1 / 7), torch.full((1, 1, 1, 6), 1 / 7)
    >>> received = torch.full((1, 2, 3), 1 / 7)
    >>> own = SelfAttentionMap(rows, (2, 3), torch.tensor([0, 4]), tokens, received)
    >>> own.digest()[1]
    'where the class token looks, the mean over heads'
    """

    kind = "self"
    meaning = (
        "attention of position queries[query] to position key, flat positions (row * width + column) of the "
        "grid; tokens: the same of tokens without a position, the class token first; received: the attention "
        "that each position receives, the mean over all"
    )

    tokens: Float[Tensor, "b heads tokens k"]
    received: Float[Tensor, "b h w"]

    def digest(self) -> tuple[Tensor, str]:
        """Return where the class token looks, or without one the attention that each position receives."""
        if not self.tokens.shape[2]:
            return self.received[0].float(), "attention that each position receives, the mean over all"
        looks = self.tokens[0, :, 0].float().mean(0).reshape(self.grid)
        return looks, "where the class token looks, the mean over heads"
