"""SimAM: values are weighted by their distance from their channel's mean, without parameters.

Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML 2021,
https://proceedings.mlr.press/v139/yang21o.html:

- equation 5: e = 4 (v + r) / ((t - m)^2 + 2 v + 2 r), the minimum energy of a linear classifier that
  separates the value t from the others of its channel; m and v are the channel's mean and variance over
  positions, r is a regularisation; the lower e, the more t stands out
- equation 6: output = sigmoid(1 / e) x, where 1 / e = (t - m)^2 / (4 (v + r)) + 1/2

Equation 5 divides the variance by the number of positions M, the authors' code by M - 1, which is undefined
on a map of one position. The option `variance` chooses; with "sample", the variance of one position is 0.
Since 1 / e is at least 1/2, no value is scaled by less than 0.62.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.maps import MaskMap
from foveate.attention.options import one_of, positive
from foveate.attention.registry import register


def inverse_energy(
    x: Float[Tensor, "b c h w"], regularization: float, sample: bool = False
) -> Float[Tensor, "b c h w"]:
    """Return 1 / e of equation 5, at least 1/2; `sample` divides the variance by M - 1 (at least 1), not M.

    >>> import torch
    >>> inverse_energy(torch.tensor([[[[0.0, 0.0, 0.0, 4.0]]]]), 1.0).tolist()
    [[[[0.5625, 0.5625, 0.5625, 1.0625]]]]
    """
    squared = (x - x.mean((2, 3), keepdim=True)).square()
    count = x.shape[2] * x.shape[3]
    variance = squared.sum((2, 3), keepdim=True) / (max(count - 1, 1) if sample else count)
    return squared / (4 * (variance + regularization)) + 0.5


@register("simam")
class SimAM(nn.Module):
    """SimAM: values weighted by how far they stand out from their channel's mean, without parameters.

    `regularization` is added to the variance; `variance` is population (the paper) or sample (the authors'
    code). `weights` gives a `MaskMap` in (0.62, 1).

    >>> import torch
    >>> simam = SimAM(32)
    >>> (mask,) = simam.weights(x := torch.rand(1, 32, 8, 8))
    >>> torch.equal(simam(x), x * mask.values)
    True
    """

    starts_at_identity = False

    def __init__(self, channels: int, regularization: float = 1e-4, variance: str = "population") -> None:
        super().__init__()
        self.regularization = positive("regularization", regularization)
        self.sample = one_of(("population", "sample"), "variance", variance) == "sample"

    def _mask(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return inverse_energy(x, self.regularization, self.sample).sigmoid()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x * self._mask(x)

    def weights(
        self, x: Float[Tensor, "b c h w"], queries: Sequence[int] | Tensor | None = None
    ) -> tuple[MaskMap]:
        return (MaskMap(self._mask(x)),)
