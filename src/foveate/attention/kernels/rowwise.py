"""softmax(q k^T) v on a CPU, a chunk of rows at a time: large products, and nothing as large as the matrix.

PyTorch's fused kernel works on small tiles, whose products stay far from what the processor can do (see
`products`). With A = softmax(q k^T) and g the gradient of A v, backward computes the rows of A again: the
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
"""Values of the matrix in a chunk of rows: 2 MB in float32, of which three are held at a time."""

ROWS = 64
"""The fewest rows in a chunk, however long: products of fewer are several times slower."""


class Peaks(NamedTuple):
    """Of each row its largest score, and the weight there. Any weight is exp(score - top) * largest."""

    top: Float[Tensor, "b n"]
    largest: Float[Tensor, "b n"]


def attend_by_rows(
    q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n c"]
) -> tuple[Float[Tensor, "b n c"], Peaks]:
    """softmax(q k^T) v, unscaled, and the rows' peaks, which have no gradient.

    >>> q = k = torch.zeros(1, 2, 1)
    >>> found, peaks = attend_by_rows(q, k, torch.tensor([[[1.0], [3.0]]]))
    >>> found.flatten().tolist(), peaks.largest.tolist()
    ([2.0, 2.0], [[0.5, 0.5]])
    """
    found, *peaks = _attend(q, k, v)
    return found, Peaks(*peaks)


# Compilers see one operator forward and one backward: they would unroll the loops over chunks.
@torch.library.custom_op(
    "foveate::attend", mutates_args=(), schema="(Tensor q, Tensor k, Tensor v) -> (Tensor, Tensor, Tensor)"
)
def _attend(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    found, top, largest = _like_outputs(q, k, v)
    for image, rows in _chunks(q):
        scores = product(q[image, rows], k[image])
        top[image, rows] = scores.amax(-1)
        weights = scores.softmax(-1)
        largest[image, rows] = weights.amax(-1)
        found[image, rows] = product(weights, v[image].mT)
    return found, top, largest


@torch.library.custom_op(
    "foveate::attend_backward",
    mutates_args=(),
    schema="(Tensor of_found, Tensor q, Tensor k, Tensor v, Tensor found) -> (Tensor, Tensor, Tensor)",
)
def _attend_backward(
    of_found: Tensor, q: Tensor, k: Tensor, v: Tensor, found: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    of_q, of_k, of_v = _like_inputs(of_found, q, k, v, found)
    of_k.zero_()
    of_v.zero_()
    for image, rows in _chunks(q):
        query, given = q[image, rows], of_found[image, rows]
        weights = product(query, k[image]).softmax(-1)
        of_v[image].mT.add_(product(given.mT, weights.mT))
        of_scores = product(given, v[image])
        of_scores.sub_((given * found[image, rows]).sum(-1, keepdim=True)).mul_(weights)
        of_q[image, rows] = product(of_scores, k[image].mT)
        of_k[image].mT.add_(product(query.mT, of_scores.mT))
    return of_q, of_k, of_v


@_attend.register_fake
def _like_outputs(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return v.new_empty(v.shape), q.new_empty(q.shape[:2]), q.new_empty(q.shape[:2])


@_attend_backward.register_fake
def _like_inputs(
    of_found: Tensor, q: Tensor, k: Tensor, v: Tensor, found: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of keys and values lie channels first: products that add up there are three times faster."""
    return q.new_empty(q.shape), k.new_empty(k.mT.shape).mT, v.new_empty(v.mT.shape).mT


def _remember(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs, output[0])
    ctx.mark_non_differentiable(*output[1:])


_attend.register_autograd(
    lambda ctx, of_found, *_: _attend_backward(of_found, *ctx.saved_tensors), setup_context=_remember
)


@register_flop_formula(torch.ops.foveate.attend)
def _operations(q: torch.Size, k: torch.Size, v: torch.Size, out_shape: tuple[torch.Size, ...]) -> int:
    return 2 * q[1] * (k.numel() + v.numel())


@register_flop_formula(torch.ops.foveate.attend_backward)
def _operations_backward(
    of_found: torch.Size,
    q: torch.Size,
    k: torch.Size,
    v: torch.Size,
    found: torch.Size,
    out_shape: tuple[torch.Size, ...],
) -> int:
    return 2 * q[1] * (3 * k.numel() + 2 * v.numel())


def _chunks(q: Float[Tensor, "b n d"]) -> Iterator[tuple[int, slice]]:
    """Image and rows of each chunk."""
    images, n, _ = q.shape
    step = max(ROWS, CHUNK // n)
    for image in range(images):
        for start in range(0, n, step):
            yield image, slice(start, start + step)
