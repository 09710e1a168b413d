"""The map of Smooth Attention: pairwise rows as they are used, and as they were before they were smoothed."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from foveate.attention.maps import PairwiseMap


@dataclass(frozen=True, eq=False)
class SmoothedMap(PairwiseMap):
    """Attention from selected positions to all positions, and the same before smoothing.

    raw: the rows of softmax(q k); `values` differ from them where a row was smoothed. smoothed: whether it
    was.

    >>> import torch
    >>> raw, rows = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]]]]), torch.tensor([[[[0.6, 0.4], [0.5, 0.5]]]])
    >>> one = SmoothedMap(rows, (1, 2), torch.tensor([0, 1]), raw, torch.tensor([[True, False]]))
    >>> (one.values - one.raw).abs().amax((0, 1, 3))
    tensor([0.4000, 0.0000])
    """

    like = PairwiseMap
    beside = ("raw",)

    raw: Float[Tensor, "b heads q k"]
    smoothed: Bool[Tensor, "b q"]
