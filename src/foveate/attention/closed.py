"""Closed gates: a gate of exactly 0 must block inf and NaN too, although 0 * inf is NaN."""

import torch
from jaxtyping import Float
from torch import Tensor


def finite_where_closed(
    change: Float[Tensor, "*shape"], gate: Float[Tensor, "*gates"], otherwise: Tensor | float = 0.0
) -> Float[Tensor, "*shape"]:
    """Replace inf and NaN in `change` by `otherwise` where `gate` is exactly 0.

    change: the tensor that the gate multiplies. gate: broadcasts against `change`. otherwise: a number, or a
    tensor of the shape of `change`. If no gate is 0, `change` itself is returned. Exported graphs contain no
    check, because a trained gate is not 0.

    >>> finite_where_closed(torch.tensor([1.0, float("inf")]), torch.zeros(1))
    tensor([1., 0.])
    >>> finite_where_closed(torch.tensor([1.0, float("inf")]), torch.ones(1))
    tensor([1., inf])
    """
    if torch.compiler.is_exporting():
        return change
    closed = gate == 0
    if not torch.compiler.is_compiling() and not closed.any():
        return change
    return torch.where(closed & ~change.isfinite(), otherwise, change)
