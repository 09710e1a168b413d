"""External attention: each position attends to a small learnt memory that all images share.

Guo et al., "Beyond Self-Attention: External Attention Using Two Linear Layers for Visual Tasks", TPAMI 2022,
https://arxiv.org/abs/2105.02358:

- equations 7 and 8: A = Norm(F M_k^T), output A M_v; F has a row a position, M_k and M_v a row a slot
- equations 9 to 11, double normalisation: softmax of F M_k^T over positions, then each position's row divided
  by its sum over slots

Both normalisations together equal the softmax over slots of (scores - logsumexp over positions), and are
computed in this form: rows sum to 1 even if all their entries are tiny. (The authors' code divides by the sum
plus 1e-9, so that the result is near 0 at positions with tiny entries only.)

The other layers are those of the authors' segmentation network: a 1x1 convolution before, a 1x1 convolution
and batch norm after, the sum with x, and a ReLU. Their code initialises M_v as a view of M_k's storage, so
that both share memory on a CPU; ours are separate, as in the paper.
"""

from collections.abc import Sequence

from jaxtyping import Float
from timm.layers.conv_bn_act import ConvNormAct
from torch import Tensor, nn

from foveate.attention.maps import MemoryMap
from foveate.attention.options import at_least
from foveate.attention.registry import register


def doubly_normalized(scores: Float[Tensor, "b slots h w"]) -> Float[Tensor, "b slots h w"]:
    """Return the softmax over positions, divided by its sum over slots; each position's shares sum to 1.

    >>> import torch
    >>> doubly_normalized(torch.tensor([[[[0.0, 3.0]], [[5.0, 5.0]]]])).sum(1).tolist()
    [[[1.0, 1.0]]]
    """
    return (scores - scores.logsumexp((2, 3), keepdim=True)).softmax(1)


@register("external")
class ExternalAttention(nn.Module):
    """External attention: positions rebuilt from a learnt memory, and added to x.

    `slots` is the number of rows of the memory. `weights` gives a `MemoryMap`: the share of each slot in the
    value that is added at each position.

    >>> import torch
    >>> external = ExternalAttention(16, slots=8)
    >>> (memory,) = external.weights(torch.rand(1, 16, 6, 9))
    >>> memory.values.shape
    torch.Size([1, 8, 6, 9])
    """

    starts_at_identity = False

    def __init__(self, channels: int, slots: int = 64) -> None:
        super().__init__()
        count = at_least(1, "slots", slots)
        self.project = nn.Conv2d(channels, channels, 1)
        self.keys = nn.Conv2d(channels, count, 1, bias=False)
        self.values = nn.Conv2d(count, channels, 1, bias=False)
        self.merge = ConvNormAct(channels, channels, 1, apply_act=False)

    def _shares(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b slots h w"]:
        return doubly_normalized(self.keys(self.project(x)))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return (x + self.merge(self.values(self._shares(x)))).relu().to(x.dtype)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MemoryMap]:
        return (MemoryMap(self._shares(x)),)
