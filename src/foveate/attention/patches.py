"""Square patches of maps, in reading order; what is left at the right and at the bottom is in none."""

import torch
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F


def patches(x: Shaped[Tensor, "b c h w"], size: int) -> Shaped[Tensor, "b c n pixels"]:
    """The patches of `size` x `size`, each channel by itself: unfold with a stride of its kernel size.

    >>> patches(torch.arange(15.0).view(1, 1, 3, 5), 2).int().tolist()
    [[[[0, 1, 5, 6], [2, 3, 7, 8]]]]
    """
    height, width = (side // size * size for side in x.shape[-2:])
    return rearrange(x[..., :height, :width], "b c (i p) (j q) -> b c (i j) (p q)", p=size, q=size)


def folded(x: Float[Tensor, "b c n pixels"], size: int, height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Patches put back where they were in a map of `height` x `width`; 0 where there is no patch.

    >>> folded(torch.ones(1, 1, 2, 4), 2, 3, 5).int().tolist()
    [[[[1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]]]]
    """
    rows = height // size
    y = rearrange(x, "b c (i j) (p q) -> b c (i p) (j q)", i=rows, j=width // size, p=size, q=size)
    return F.pad(y, (0, width % size, 0, height % size))


def class_shares(
    ids: Int[Tensor, "b h w"], classes: int, size: int, dtype: torch.dtype
) -> Float[Tensor, "b classes i j"]:
    """The share of each class in every square of `size` x `size`: the one-hot ids, average-pooled.

    Ids that are no class, such as 255, count as none.

    >>> class_shares(torch.tensor([[[0, 1], [0, 255]]]), 2, 2, torch.float32).flatten().tolist()
    [0.5, 0.25]
    """
    height, width = (side // size * size for side in ids.shape[-2:])
    squares = rearrange(ids[:, :height, :width], "b (i p) (j q) -> b i p j q", p=size, q=size)
    # One class after another: all at once are as large as the logits.
    return torch.stack([(squares == c).to(dtype).mean((2, 4)) for c in range(classes)], 1)
