"""Matrix products in float32 at what the processor can do, for kernels that write their own backward pass.

PyTorch leaves float32 products on a CPU to MKL, which keeps to AVX2 on AMD processors; oneDNN, which it also
carries, uses AVX-512 there and is more than twice as fast (446 against 206 GFLOP/s on two cores of an EPYC
9005). Of public functions only convolutions reach it, for some shapes; the operator that compiled code calls
takes all. The way round can go when `a @ b.mT` is as fast.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

MANY = 512
"""Rows of each pair from which oneDNN, called pair by pair, is faster than one batched product of MKL."""


def product(a: Float[Tensor, "*rows k"], b: Float[Tensor, "columns k"]) -> Float[Tensor, "*rows columns"]:
    """a b^T, without a gradient. Either may be strided: a transposed matrix costs nothing more.

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
    """`product` of each pair of two batches.

    >>> products(torch.ones(3, 2, 1), torch.ones(3, 4, 1)).shape
    torch.Size([3, 2, 4])
    """
    if not _by_onednn(a) or a.shape[-2] < MANY:
        return a @ b.mT
    found = a.new_empty(*a.shape[:-1], b.shape[-2])
    for one, left, right in _each_pair(found, a, b):
        one.copy_(product(left, right))
    return found


def add_products(
    total: Float[Tensor, "*batch rows columns"],
    a: Float[Tensor, "*batch rows k"],
    b: Float[Tensor, "*batch columns k"],
) -> None:
    """Add the `products` to a contiguous total, without a place for all of them.

    >>> total = torch.ones(1, 1, 1)
    >>> add_products(total, torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    >>> total.item()
    3.0
    """
    if not _by_onednn(a) or a.shape[-2] < MANY:
        total += a @ b.mT
        return
    for one, left, right in _each_pair(total, a, b):
        one += product(left, right)


def _each_pair(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The matrices of each pair; into the first of them is written."""
    written, *read = batches
    pairs = written.view(-1, *written.shape[-2:])  # never a copy
    return zip(pairs, *(x.flatten(0, -3) for x in read), strict=True)


def _by_onednn(a: Tensor) -> bool:
    return a.dtype == torch.float32 and a.device.type == "cpu" and torch.backends.mkldnn.is_available()
