"""AFMA's auxiliary loss, the mean of (A - G)^2, from products of p^2 x p^2 instead of the maps A and G.

With A = P Q^T / p^2 and the gold map G = Y Z^T / p^2, the squares of A - G add up to
(<P^T P, Q^T Q> - 2 <P^T Y, Q^T Z> + <Y^T Y, Z^T Z>) / p^4.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .patches import class_shares, patches


def truth(
    mask: Int[Tensor, "b h w"], classes: int, size: int, dtype: torch.dtype
) -> tuple[Float[Tensor, "b c n pixels"], Bool[Tensor, "b 1 n 1"]]:
    """Y, the patches of the one-hot mask, and which patches have a pixel of any class."""
    ids = torch.arange(classes, device=mask.device)
    y = patches((mask.unsqueeze(1) == rearrange(ids, "c -> c 1 1")).to(dtype), size)
    return y, known_patches(mask < classes, size)


def known_patches(known: Bool[Tensor, "b h w"], size: int) -> Bool[Tensor, "b 1 n 1"]:
    """Which patches have a position that is known."""
    return patches(known.unsqueeze(1), size).any(-1, keepdim=True)


def mean_square(
    q: Float[Tensor, "b classes m pixels"],
    mask: Int[Tensor, "b h w"],
    products: Sequence[Float[Tensor, "b classes pixels pixels"]],
    size: int,
    cell: int,
) -> Float[Tensor, ""]:
    """The loss from Q, the mask, and P^T P, P^T Y, Y^T Y; over pairs of patches of which something is known.

    `size` is p and `cell` the level's stride. A mask that knows nothing is a 0 with a gradient.
    """
    classes = q.shape[1]
    shares = class_shares(mask, classes, cell, q.dtype)
    z = patches(shares, size)
    known = known_patches(shares.sum(1) > 0, size)
    pairs = classes * (known_patches(mask < classes, size).sum(2) * known.sum(2)).sum()
    gram, cross, norm = products
    squares = gram * (q.mT @ (q * known)) - 2 * cross * (q.mT @ z) + norm * (z.mT @ z)
    return squares.sum() / size**4 / pairs.clamp_min(1)
