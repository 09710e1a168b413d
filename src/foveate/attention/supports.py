"""Which vectors of non-negative numbers have a product above 0: those that are positive at a common place.

So the zeros of A = P Q^T are counted without A, from products of 0/1 indicators, a few rows at a time. Two
vectors that together are positive at more places than there are must meet: with the rows of Q sorted by how
many positive places they have, each row of P is compared with the first of them only.
"""

from collections.abc import Iterator
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
    places, pixels, m = (p > 0).to(p.dtype), p.shape[-1], others.sizes.shape[-1]
    sizes, order = places.sum(-1).sort()
    few_enough = torch.searchsorted(others.sizes, pixels - sizes, right=True)
    counts = torch.full(p.shape[:3], m, dtype=torch.int64, device=p.device)
    # Of each block the row with the fewest places decides. A GPU is waited for here, and nowhere else.
    for (image, channel), blocks in _each_map(few_enough[..., ::ROWS].tolist()):
        of_map, to_compare = places[image, channel], others.places[image, channel]
        for block, few in zip(order[image, channel].split(ROWS), blocks, strict=True):
            if few > 0:
                met = (of_map[block] @ to_compare[:few].T).clamp_(max=1).sum(-1)
                counts[image, channel, block] = m - few + met.long()
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


def _each_map(nested: list[list[list[int]]]) -> Iterator[tuple[tuple[int, int], list[int]]]:
    for image, maps in enumerate(nested):
        for channel, blocks in enumerate(maps):
            yield (image, channel), blocks
