"""AFMA's auxiliary loss, the mean of (A - G)^2, from matrices of p^2 x p^2 instead of the maps A and G.

With A = P Q^T / p^2 and the gold map G = Y Z^T / p^2, the sum of squares of A - G is
(<P^T P, Q^T Q> - 2 <P^T Y, Q^T Z> + <Y^T Y, Z^T Z>) / p^4.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foveate.attention.kernels.patches import patches


def one_hot_patches(
    mask: Int[Tensor, "b h w"], classes: int, size: int
) -> tuple[Bool[Tensor, "b c n pixels"], Bool[Tensor, "b 1 n 1"]]:
    """Return Y, the patches of the one-hot mask, and which patches have a pixel of a known class."""
    ids = torch.arange(classes, dtype=torch.int32, device=mask.device)
    mask_patches = patches(mask.unsqueeze(1).to(torch.int32), size)
    y = mask_patches == rearrange(ids, "c -> c 1 1")
    return y, (mask_patches < classes).any(-1, keepdim=True)


def known_patches(known: Bool[Tensor, "b h w"], size: int) -> Bool[Tensor, "b 1 n 1"]:
    """Return which patches have a known position."""
    return patches(known.unsqueeze(1), size).any(-1, keepdim=True)


def zero_unknown(
    p: Float[Tensor, "b c n pixels"], known: Bool[Tensor, "b 1 n 1"]
) -> Float[Tensor, "b c n pixels"]:
    """Set unknown patches to zero; if all are known, return p itself, which saves a pass over it."""
    return p if known.all() else p * known


def mean_square(
    image_products: Sequence[Float[Tensor, "b classes pixels pixels"]],
    level_products: Sequence[Float[Tensor, "b classes pixels pixels"]],
    mask: Int[Tensor, "b h w"],
    size: int,
    cell: int,
) -> Float[Tensor, ""]:
    """Return the loss, the mean over pairs of patches that both have a known pixel.

    image_products: P^T P, P^T Y, Y^T Y. level_products: Q^T Q, Q^T Z, Z^T Z. size: patch size p. cell: the
    level's stride. A mask without a known pixel gives 0, with a gradient. A loss near 0 is a difference of
    large sums: by rounding it can be slightly below 0.
    """
    gram, cross, norm = (a * b for a, b in zip(image_products, level_products, strict=True))
    classes = gram.shape[1]
    in_image, in_level = (known_patches(mask < classes, side).sum(2) for side in (size, size * cell))
    pairs = classes * (in_image * in_level).sum()
    return (gram - 2 * cross + norm).sum() / size**4 / pairs.clamp_min(1)
