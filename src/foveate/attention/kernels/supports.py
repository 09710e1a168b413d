"""Which vectors of non-negative numbers have a product above 0: those that are positive at a common place.

So the zeros of A = P Q^T are counted without A, from products of 0/1 indicators, a few rows at a time.
"""

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from foveate.attention.kernels.products import product

ROWS = 1024
"""Rows of P that are compared at a time."""


def supports(q: Float[Tensor, "b c m pixels"]) -> Shaped[Tensor, "b c m pixels"]:
    """1 where the vectors are positive, 0 elsewhere; bytes where the processor multiplies those faster."""
    return _indicators(q > 0, q.dtype)


def nonzeros(
    p: Float[Tensor, "b c n pixels"], others: Shaped[Tensor, "b c m pixels"]
) -> Int64[Tensor, "b c n"]:
    """Of each row of P Q^T: how many entries are not 0; `others` are the supports of Q.

    >>> q = torch.tensor([[[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]])
    >>> nonzeros(torch.tensor([[[[3.0, 1.0], [0.0, 1.0]]]]), supports(q)).tolist()
    [[[2, 1]]]
    """
    counts = torch.empty(p.shape[:3], dtype=torch.int64, device=p.device)
    for found, places, other in zip(*(x.flatten(0, 1) for x in (counts, supports(p), others)), strict=True):
        for start in range(0, len(places), ROWS):
            block = slice(start, start + ROWS)
            met = _common(places[block], other).clamp_(max=1)
            found[block] = met.sum(-1, dtype=met.dtype)
    return counts


def met_by_places(
    held: Bool[Tensor, "b c n pixels"], dtype: torch.dtype
) -> Float[Tensor, "b c pixels pixels"]:
    """Of each pair of places: how many of the n vectors are 1 at both. Y^T Y, of a Y of zeros and ones.

    >>> met_by_places(torch.tensor([[[[True, True], [False, True]]]]), torch.float32).tolist()
    [[[[1.0, 1.0], [1.0, 2.0]]]]
    """
    places = _indicators(held, dtype).mT
    found = places.new_empty(*places.shape[:3], places.shape[2], dtype=dtype)
    for met, one in zip(found.flatten(0, 1), places.flatten(0, 1), strict=True):
        met.copy_(_common(one, one))
    return found


def _indicators(true: Bool[Tensor, "b c m pixels"], dtype: torch.dtype) -> Shaped[Tensor, "b c m pixels"]:
    bytewise = (
        true.device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
    )
    return true.to(torch.int8 if bytewise else dtype)


def _common(one: Shaped[Tensor, "n pixels"], other: Shaped[Tensor, "m pixels"]) -> Shaped[Tensor, "n m"]:
    """At how many places each pair is positive."""
    return torch._int_mm(one, other.mT) if one.dtype == torch.int8 else product(one, other)


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
