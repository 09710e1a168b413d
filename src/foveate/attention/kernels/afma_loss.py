"""AFMA's auxiliary loss, the mean of (A - G)^2, from products of p^2 x p^2 instead of the maps A and G.

With A = P Q^T / p^2 and the gold map G = Y Z^T / p^2, the squares of A - G add up to
(<P^T P, Q^T Q> - 2 <P^T Y, Q^T Z> + <Y^T Y, Z^T Z>) / p^4.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foveate.attention.kernels.patches import patches


def truth(
    mask: Int[Tensor, "b h w"], classes: int, size: int
) -> tuple[Bool[Tensor, "b c n pixels"], Bool[Tensor, "b 1 n 1"]]:
    """Y, the patches of the one-hot mask, and which patches have a pixel of any class."""
    ids = torch.arange(classes, dtype=torch.int32, device=mask.device)
    of_patches = patches(mask.unsqueeze(1).to(torch.int32), size)
    y = of_patches == rearrange(ids, "c -> c 1 1")
    return y, (of_patches < classes).any(-1, keepdim=True)


def known_patches(known: Bool[Tensor, "b h w"], size: int) -> Bool[Tensor, "b 1 n 1"]:
    """Which patches have a position that is known."""
    return patches(known.unsqueeze(1), size).any(-1, keepdim=True)


def of_known(
    p: Float[Tensor, "b c n pixels"], known: Bool[Tensor, "b 1 n 1"]
) -> Float[Tensor, "b c n pixels"]:
    """Patches with zeros for those that are not known: p itself where all are, which saves a pass over it."""
    return p if known.all() else p * known


def mean_square(
    of_image: Sequence[Float[Tensor, "b classes pixels pixels"]],
    of_level: Sequence[Float[Tensor, "b classes pixels pixels"]],
    mask: Int[Tensor, "b h w"],
    size: int,
    cell: int,
) -> Float[Tensor, ""]:
    """The loss from P^T P, P^T Y, Y^T Y and Q^T Q, Q^T Z, Z^T Z; over pairs of patches of which something is
    known.

    `size` is p and `cell` the level's stride. A mask that knows nothing is a 0 with a gradient. A loss near 0
    is a difference of large sums: rounding may leave it a little below 0.
    """
    gram, cross, norm = (one * other for one, other in zip(of_image, of_level, strict=True))
    classes = gram.shape[1]
    in_image, in_level = (known_patches(mask < classes, side).sum(2) for side in (size, size * cell))
    pairs = classes * (in_image * in_level).sum()
    return (gram - 2 * cross + norm).sum() / size**4 / pairs.clamp_min(1)
