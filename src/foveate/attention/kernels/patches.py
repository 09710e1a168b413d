"""Square patches of maps, in reading order; what is left at the right and at the bottom is in none."""

import torch
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor


def patches(x: Shaped[Tensor, "b c h w"], size: int) -> Shaped[Tensor, "b c n pixels"]:
    """The patches of `size` x `size`, each channel by itself: unfold with a stride of its kernel size.

    >>> patches(torch.arange(15.0).view(1, 1, 3, 5), 2).int().tolist()
    [[[[0, 1, 5, 6], [2, 3, 7, 8]]]]
    """
    height, width = (side // size * size for side in x.shape[-2:])
    return rearrange(x[..., :height, :width], "b c (i p) (j q) -> b c (i j) (p q)", p=size, q=size)


def folded(x: Float[Tensor, "b c n pixels"], size: int, columns: int) -> Float[Tensor, "b c h w"]:
    """The map of `columns` patches a row that the patches were cut from, without what was in none of them.

    >>> x = torch.arange(16.0).view(1, 1, 4, 4)
    >>> torch.equal(folded(patches(x, 2), 2, columns=2), x)
    True
    """
    return rearrange(x, "b c (i j) (p q) -> b c (i p) (j q)", j=columns, p=size, q=size)


def class_shares(
    ids: Int[Tensor, "b h w"], classes: int, size: int, dtype: torch.dtype
) -> Float[Tensor, "b classes i j"]:
    """The share of each class in every square of `size` x `size`: the one-hot ids, average-pooled.

    Ids that are no class, such as 255, count as none.

    >>> class_shares(torch.tensor([[[0, 1], [0, 255]]]), 2, 2, torch.float32).flatten().tolist()
    [0.5, 0.25]
    """
    height, width = (side // size * size for side in ids.shape[-2:])
    squares = rearrange(ids[:, :height, :width], "b (i p) (j q) -> b i j (p q)", p=size, q=size)
    known = squares.clamp(max=classes).long()  # what is no class is counted in a place of its own
    shares = torch.zeros(*known.shape[:3], classes + 1, dtype=dtype, device=ids.device)
    shares.scatter_add_(3, known, shares.new_full((), 1 / size**2).expand_as(known))
    return rearrange(shares[..., :classes], "b i j classes -> b classes i j")
