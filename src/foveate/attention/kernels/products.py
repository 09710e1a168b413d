"""Fast float32 matrix products on a CPU, for kernels with their own backward pass.

PyTorch computes float32 products on a CPU with MKL, which uses only AVX2 on AMD processors. oneDNN, which
PyTorch also contains, uses AVX-512 there and is more than twice as fast (446 against 206 GFLOP/s on two cores
of an EPYC 9005). Public functions call oneDNN for convolutions of some shapes only; the operator behind
compiled code takes all shapes. This workaround can go when `a @ b.mT` is as fast.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

MIN_ONEDNN_ROWS = 512
"""From this number of rows on, oneDNN called per pair is faster than one batched product of MKL."""


def product(a: Float[Tensor, "*rows k"], b: Float[Tensor, "columns k"]) -> Float[Tensor, "*rows columns"]:
    """Return a b^T, without a gradient. Both may be strided: transposed matrices are as fast.

    >>> product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[11.,  2.]])
    """
    if (
        a.dtype == torch.float32
        and a.device.type == "cpu"
        and a.numel() > 0
        and torch.backends.mkldnn.is_available()
    ):
        return torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")
    return a @ b.mT


def products(
    a: Float[Tensor, "*batch rows k"], b: Float[Tensor, "*batch columns k"]
) -> Float[Tensor, "*batch rows columns"]:
    """Return the `product` of each pair of two batches.

    >>> products(torch.ones(3, 2, 1), torch.ones(3, 4, 1)).shape
    torch.Size([3, 2, 4])
    """
    if not _by_onednn(a) or a.shape[-2] < MIN_ONEDNN_ROWS:
        return a @ b.mT
    result = a.new_empty(*a.shape[:-1], b.shape[-2])
    for matrix, left, right in _each_pair(result, a, b):
        matrix.copy_(product(left, right))
    return result


def add_products(
    total: Float[Tensor, "*batch rows columns"],
    a: Float[Tensor, "*batch rows k"],
    b: Float[Tensor, "*batch columns k"],
) -> None:
    """Add the `products` to a contiguous total in place, without memory for all of them.

    >>> total = torch.ones(1, 1, 1)
    >>> add_products(total, torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    >>> total.item()
    3.0
    """
    if not _by_onednn(a) or a.shape[-2] < MIN_ONEDNN_ROWS:
        total += a @ b.mT
        return
    for matrix, left, right in _each_pair(total, a, b):
        matrix += product(left, right)


def _each_pair(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Iterate over the matrices of several batches together; those of the first batch are writable views."""
    target, *inputs = batches
    matrices = target.view(-1, *target.shape[-2:])  # never a copy
    return zip(matrices, *(x.flatten(0, -3) for x in inputs), strict=True)


def _by_onednn(a: Tensor) -> bool:
    return a.dtype == torch.float32 and a.device.type == "cpu" and torch.backends.mkldnn.is_available()
