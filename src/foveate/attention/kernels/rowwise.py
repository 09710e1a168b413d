"""softmax(q k^T) v on a CPU, one chunk of rows at a time: large products without the whole matrix.

PyTorch's fused kernel works on small tiles, whose products are far below the processor's peak (see
`products`). With A = softmax(q k^T) and g the gradient of A v, backward recomputes the rows of A: the
gradient of the scores is A * (g v^T - rowsum(g * A v)).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from foveate.attention.kernels.products import product

CHUNK = 2**19
"""Number of matrix entries in a chunk of rows: 2 MB in float32. Three such tensors exist at a time."""

ROWS = 64
"""Minimum number of rows in a chunk: products of fewer rows are several times slower."""


class Peaks(NamedTuple):
    """The largest score of each row, and the weight there. Any weight is exp(score - top) * largest."""

    top: Float[Tensor, "b n"]
    largest: Float[Tensor, "b n"]


def attend_by_rows(
    q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n c"]
) -> tuple[Float[Tensor, "b n c"], Peaks]:
    """Return softmax(q k^T) v, unscaled, and the rows' peaks, which have no gradient.

    >>> q = k = torch.zeros(1, 2, 1)
    >>> attended, peaks = attend_by_rows(q, k, torch.tensor([[[1.0], [3.0]]]))
    >>> attended.flatten().tolist(), peaks.largest.tolist()
    ([2.0, 2.0], [[0.5, 0.5]])
    """
    attended, *peaks = _attend(q, k, v)
    return attended, Peaks(*peaks)


# One operator forward and one backward for compilers, which would unroll the loops over chunks.
@torch.library.custom_op(
    "foveate::attend", mutates_args=(), schema="(Tensor q, Tensor k, Tensor v) -> (Tensor, Tensor, Tensor)"
)
def _attend(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    attended, top, largest = _like_outputs(q, k, v)
    for image, rows in _chunks(q):
        scores = product(q[image, rows], k[image])
        top[image, rows] = scores.amax(-1)
        weights = scores.softmax(-1)
        largest[image, rows] = weights.amax(-1)
        attended[image, rows] = product(weights, v[image].mT)
    return attended, top, largest


@torch.library.custom_op(
    "foveate::attend_backward",
    mutates_args=(),
    schema="(Tensor grad, Tensor q, Tensor k, Tensor v, Tensor attended) -> (Tensor, Tensor, Tensor)",
)
def _attend_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, attended: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    grad_q, grad_k, grad_v = _like_inputs(grad, q, k, v, attended)
    grad_k.zero_()
    grad_v.zero_()
    for image, rows in _chunks(q):
        query, grad_rows = q[image, rows], grad[image, rows]
        weights = product(query, k[image]).softmax(-1)
        grad_v[image].mT.add_(product(grad_rows.mT, weights.mT))
        grad_scores = product(grad_rows, v[image])
        grad_scores.sub_((grad_rows * attended[image, rows]).sum(-1, keepdim=True)).mul_(weights)
        grad_q[image, rows] = product(grad_scores, k[image].mT)
        grad_k[image].mT.add_(product(query.mT, grad_scores.mT))
    return grad_q, grad_k, grad_v


@_attend.register_fake
def _like_outputs(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return v.new_empty(v.shape), q.new_empty(q.shape[:2]), q.new_empty(q.shape[:2])


@_attend_backward.register_fake
def _like_inputs(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, attended: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Make gradients of keys and values channels first: adding products to them is three times faster."""
    return q.new_empty(q.shape), k.new_empty(k.mT.shape).mT, v.new_empty(v.mT.shape).mT


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs, output[0])
    ctx.mark_non_differentiable(*output[1:])


_attend.register_autograd(
    lambda ctx, grad, *_: _attend_backward(grad, *ctx.saved_tensors),
    setup_context=_save,
)


@register_flop_formula(torch.ops.foveate.attend)
def _operations(q: torch.Size, k: torch.Size, v: torch.Size, out_shape: tuple[torch.Size, ...]) -> int:
    return 2 * q[1] * (k.numel() + v.numel())


@register_flop_formula(torch.ops.foveate.attend_backward)
def _operations_backward(
    grad: torch.Size,
    q: torch.Size,
    k: torch.Size,
    v: torch.Size,
    attended: torch.Size,
    out_shape: tuple[torch.Size, ...],
) -> int:
    return 2 * q[1] * (3 * k.numel() + 2 * v.numel())


def _chunks(q: Float[Tensor, "b n d"]) -> Iterator[tuple[int, slice]]:
    """Yield the image and the rows of each chunk."""
    images, n, _ = q.shape
    step = max(ROWS, CHUNK // n)
    for image in range(images):
        for start in range(0, n, step):
            yield image, slice(start, start + step)
