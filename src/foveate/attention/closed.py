"""Closed gates: what a gate of exactly 0 multiplies must not reach the output, not even as 0 * inf = NaN."""

import torch
from jaxtyping import Float
from torch import Tensor


def finite_where_closed(
    change: Float[Tensor, "*shape"], gate: Float[Tensor, "*gates"], otherwise: Tensor | float = 0.0
) -> Float[Tensor, "*shape"]:
    """`change`, with `otherwise` in place of inf and NaN where `gate` is exactly 0.

    change: what is multiplied by the gate. gate: of a shape that broadcasts against `change`. otherwise: a
    number, or a tensor of the shape of `change`. Where no gate is 0, `change` is returned as it is. Exported
    graphs hold no check: a gate that was trained is not 0.

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
