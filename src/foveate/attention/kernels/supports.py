"""Count the non-zeros of A = P Q^T without A, for P and Q without negative entries.

The product of two such vectors is above 0 exactly if both are positive at a common place. So the non-zeros
are counted from products of 0/1 indicators, a few rows at a time.
"""

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from foveate.attention.kernels.products import product

ROWS = 1024
"""Number of rows of P that are compared at a time."""


def supports(q: Float[Tensor, "b c m pixels"]) -> Shaped[Tensor, "b c m pixels"]:
    """Return 1 where q is positive and 0 elsewhere; as int8 if the processor multiplies bytes faster."""
    return _indicators(q > 0, q.dtype)


def count_nonzeros(
    p: Float[Tensor, "b c n pixels"], q_supports: Shaped[Tensor, "b c m pixels"]
) -> Int64[Tensor, "b c n"]:
    """Return the number of non-zeros in each row of P Q^T; `q_supports` are the supports of Q.

    >>> q = torch.tensor([[[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]])
    >>> count_nonzeros(torch.tensor([[[[3.0, 1.0], [0.0, 1.0]]]]), supports(q)).tolist()
    [[[2, 1]]]
    """
    counts = torch.empty(p.shape[:3], dtype=torch.int64, device=p.device)
    triples = zip(*(x.flatten(0, 1) for x in (counts, supports(p), q_supports)), strict=True)
    for count, p_support, q_support in triples:
        for start in range(0, len(p_support), ROWS):
            block = slice(start, start + ROWS)
            nonzero = _overlaps(p_support[block], q_support).clamp_(max=1)
            count[block] = nonzero.sum(-1, dtype=nonzero.dtype)
    return counts


def gram_of_indicators(
    y: Bool[Tensor, "b c n pixels"], dtype: torch.dtype
) -> Float[Tensor, "b c pixels pixels"]:
    """Return Y^T Y of a boolean Y: for each pair of places, how many of the n vectors are 1 at both.

    >>> gram_of_indicators(torch.tensor([[[[True, True], [False, True]]]]), torch.float32).tolist()
    [[[[1.0, 1.0], [1.0, 2.0]]]]
    """
    columns = _indicators(y, dtype).mT
    gram = columns.new_empty(*columns.shape[:3], columns.shape[2], dtype=dtype)
    for matrix, vectors in zip(gram.flatten(0, 1), columns.flatten(0, 1), strict=True):
        matrix.copy_(_overlaps(vectors, vectors))
    return gram


def _indicators(true: Bool[Tensor, "b c m pixels"], dtype: torch.dtype) -> Shaped[Tensor, "b c m pixels"]:
    bytewise = (
        true.device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
    )
    return true.to(torch.int8 if bytewise else dtype)


def _overlaps(a: Shaped[Tensor, "n pixels"], b: Shaped[Tensor, "m pixels"]) -> Shaped[Tensor, "n m"]:
    """Return at how many places both vectors of each pair are 1."""
    return torch._int_mm(a, b.mT) if a.dtype == torch.int8 else product(a, b)


def count_nonzeros_traceable(
    p: Float[Tensor, "b c n pixels"], q: Float[Tensor, "b c m pixels"]
) -> Int64[Tensor, "b c n"]:
    """`count_nonzeros` for compilers, as one opaque operator, and for exports, as one product."""
    if torch.compiler.is_exporting():
        return ((p > 0).to(p.dtype) @ (q > 0).to(q.dtype).mT > 0).sum(-1)
    return _opaque(p.detach(), q.detach())


_opaque = torch.library.custom_op(
    "foveate::nonzeros",
    lambda p, q: count_nonzeros(p, supports(q)),
    mutates_args=(),
    schema="(Tensor p, Tensor q) -> Tensor",
)
_opaque.register_fake(lambda p, q: p.new_empty(p.shape[:3], dtype=torch.int64))
