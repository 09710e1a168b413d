"""Which vectors of non-negative numbers have a product above 0: those that are positive at a common place.

So the zeros of A = P Q^T are counted without A, from products of 0/1 indicators, a few rows at a time. Two
vectors that together are positive at more places than there are must meet: with the rows of Q sorted by how
many positive places they have, each row of P is compared with the first of them only.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

ROWS = 256
"""Rows of P that are compared at a time."""


class Supports(NamedTuple):
    """Where vectors are positive: 1.0 or 0.0, sorted by how often, and that count."""

    places: Float[Tensor, "b c m pixels"]
    sizes: Float[Tensor, "b c m"]


def supports(q: Float[Tensor, "b c m pixels"]) -> Supports:
    """The supports of all rows of Q, smallest first."""
    places = (q > 0).to(q.dtype)
    sizes, order = places.sum(-1).sort()
    return Supports(places.gather(2, order.unsqueeze(-1).expand_as(places)), sizes)


def nonzeros(p: Float[Tensor, "b c n pixels"], others: Supports) -> Int64[Tensor, "b c n"]:
    """Of each row of P Q^T: how many entries are not 0.

    >>> q = torch.tensor([[[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]])
    >>> nonzeros(torch.tensor([[[[3.0, 1.0], [0.0, 1.0]]]]), supports(q)).tolist()
    [[[2, 1]]]
    """
    counts = torch.full(p.shape[:3], others.sizes.shape[-1], dtype=torch.int64, device=p.device)
    for image, maps in enumerate(p):
        for channel, rows in enumerate(maps):
            one = Supports(others.places[image, channel], others.sizes[image, channel])
            counts[image, channel] -= _disjoint(rows, one)
    return counts


def nonzeros_in_one_graph(
    p: Float[Tensor, "b c n pixels"], q: Float[Tensor, "b c m pixels"]
) -> Int64[Tensor, "b c n"]:
    """`nonzeros` for compilers, which see one operator, and for exports, which see one product."""
    if torch.compiler.is_exporting():
        return ((p > 0).to(p.dtype) @ (q > 0).to(q.dtype).mT > 0).sum(-1)
    return _opaque(p.detach(), q.detach())


_opaque = torch.library.custom_op(
    "foveate::nonzeros",
    lambda p, q: nonzeros(p, supports(q)),
    mutates_args=(),
    schema="(Tensor p, Tensor q) -> Tensor",
)
_opaque.register_fake(lambda p, q: p.new_empty(p.shape[:3], dtype=torch.int64))


def _disjoint(p: Float[Tensor, "n pixels"], others: Supports) -> Int64[Tensor, " n"]:
    """How many of the others each row of P does not meet."""
    places = (p > 0).to(p.dtype)
    sizes, order = places.sum(-1).sort()
    few_enough = torch.searchsorted(others.sizes, p.shape[-1] - sizes, right=True).tolist()
    missed = torch.zeros(len(p), dtype=torch.int64, device=p.device)
    for start in range(0, len(p), ROWS):
        block, count = order[start : start + ROWS], few_enough[start]
        if count > 0:
            met = places[block] @ others.places[:count].T
            some = met.amin(-1) == 0
            missed[block[some]] = (met[some] == 0).sum(-1)
    return missed
