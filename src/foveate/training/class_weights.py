"""Class weights that give rare classes more weight in the loss."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foveate.errors import choose


def class_weights(counts: Int[Tensor, "images classes"], scheme: str) -> Float[Tensor, " classes"]:
    """Return class weights of mean 1 from the pixels (or labels) of each class in each training image.

    scheme: "inverse_sqrt": 1 / sqrt(share). "enet": 1 / ln(1.02 + share) (Paszke et al., 2016). "median":
    median frequency balancing (Eigen and Fergus, 2015): median frequency / frequency, where the frequency of
    a class is its share of the pixels of the images that contain it.

    >>> class_weights(torch.tensor([[90, 10], [0, 100]]), "median")
    tensor([0.7586, 1.2414])
    """
    pixels = counts.double()
    total = pixels.sum(0).clamp_min(1)
    if scheme == "inverse_sqrt":
        weights = (total / total.sum()).rsqrt()
    elif scheme == "enet":
        weights = 1 / torch.log(1.02 + total / total.sum())
    else:
        choose(scheme, ("inverse_sqrt", "enet", "median"), "class weighting")
        pixels_where_present = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0).clamp_min(1)
        frequency = total / pixels_where_present
        weights = frequency.quantile(0.5) / frequency
    return (weights / weights.mean()).float()
