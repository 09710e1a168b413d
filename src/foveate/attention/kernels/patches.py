"""Cut maps into square patches in reading order; a remainder at the right or bottom is in no patch."""

import torch
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor


def patches(x: Shaped[Tensor, "b c h w"], size: int) -> Shaped[Tensor, "b c n pixels"]:
    """Cut each channel into patches of `size` x `size`: unfold with a stride equal to the kernel size.

    >>> patches(torch.arange(15.0).view(1, 1, 3, 5), 2).int().tolist()
    [[[[0, 1, 5, 6], [2, 3, 7, 8]]]]
    """
    height, width = (side // size * size for side in x.shape[-2:])
    return rearrange(x[..., :height, :width], "b c (i p) (j q) -> b c (i j) (p q)", p=size, q=size)


def fold_patches(x: Float[Tensor, "b c n pixels"], size: int, columns: int) -> Float[Tensor, "b c h w"]:
    """Join patches to a map with `columns` patches per row: the inverse of `patches`, without the remainder.

    >>> x = torch.arange(16.0).view(1, 1, 4, 4)
    >>> torch.equal(fold_patches(patches(x, 2), 2, columns=2), x)
    True
    """
    return rearrange(x, "b c (i j) (p q) -> b c (i p) (j q)", j=columns, p=size, q=size)


def class_shares(
    ids: Int[Tensor, "b h w"], classes: int, size: int, dtype: torch.dtype
) -> Float[Tensor, "b classes i j"]:
    """Return the share of each class in every square of `size` x `size`: the one-hot ids, average-pooled.

    An id that is no class, such as 255, adds to no share.

    >>> class_shares(torch.tensor([[[0, 1], [0, 255]]]), 2, 2, torch.float32).flatten().tolist()
    [0.5, 0.25]
    """
    height, width = (side // size * size for side in ids.shape[-2:])
    squares = rearrange(ids[:, :height, :width], "b (i p) (j q) -> b i j (p q)", p=size, q=size)
    known = squares.clamp(max=classes).long()  # ids that are no class are counted in one extra column
    shares = torch.zeros(*known.shape[:3], classes + 1, dtype=dtype, device=ids.device)
    shares.scatter_add_(3, known, shares.new_full((), 1 / size**2).expand_as(known))
    return rearrange(shares[..., :classes], "b i j classes -> b classes i j")
