"""The level's side of AFMA in bands, a few rows of patches at a time; neither Q nor M is kept.

The image's side needs the supports of Q and Q^T M / p^2; the loss needs the products Q^T Q, Q^T Z and Z^T Z
(see `afma_loss`). The level's convolution, to one channel per class, is computed for the whole level at once.
Backward recomputes each band.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveate.attention.kernels.afma_embedding import embed, embed_backward, embed_patches
from foveate.attention.kernels.afma_loss import known_patches, zero_unknown
from foveate.attention.kernels.patches import class_shares, fold_patches, patches
from foveate.attention.kernels.products import add_products, products
from foveate.attention.kernels.supports import supports

BAND = 2**18
"""Number of values in a band, over all classes: 1 MB in float32. About eight such tensors exist at a time."""

Index = tuple[Any, ...]
Truth = tuple[Tensor, Tensor]
"""Z, and which patches have a known pixel in the mask."""


def level_maps(
    feature: Float[Tensor, "b d i j"],
    weight: Float[Tensor, "classes d 1 1"],
    bias: Float[Tensor, " classes"],
    cell: int,
) -> Float[Tensor, "b classes i j"]:
    """Apply the level's 1x1 convolution and divide by `cell` squared, the number of pixels in a cell."""
    matrix = (weight.flatten(1) / cell**2).expand(feature.shape[0], -1, -1)
    maps = torch.baddbmm(bias.unsqueeze(1) / cell**2, matrix, feature.flatten(2).to(weight))
    return maps.unflatten(2, feature.shape[2:])


def grad_level_feature(
    grad_maps: Float[Tensor, "b classes i j"],
    feature: Float[Tensor, "b d i j"],
    weight: Float[Tensor, "classes d 1 1"],
    cell: int,
) -> Float[Tensor, "b d i j"]:
    """Return the gradient of `level_maps` for its feature."""
    matrix = (weight.flatten(1).mT / cell**2).expand(feature.shape[0], -1, -1)
    return torch.bmm(matrix, grad_maps.flatten(2)).view_as(feature).to(feature)


def grad_level_parameters(
    grad_maps: Float[Tensor, "b classes i j"],
    feature: Float[Tensor, "b d i j"],
    weight: Float[Tensor, "classes d 1 1"],
    cell: int,
) -> tuple[Float[Tensor, "classes d 1 1"], Float[Tensor, " classes"]]:
    """Return the gradients of `level_maps` for its weight and bias."""
    grad_flat = grad_maps.flatten(2)
    grad_weight = torch.bmm(grad_flat, feature.flatten(2).to(weight).mT).sum(0).view_as(weight)
    return grad_weight / cell**2, grad_flat.sum((0, 2)) / cell**2


def level_side(
    size: int,
    cell: int,
    mask: Int[Tensor, "b h w"] | None,
    logits: Float[Tensor, "b classes h w"],
    feature: Float[Tensor, "b d i j"],
    linear: Float[Tensor, "pixels pixels"],
    *convolution: Float[Tensor, "..."],
) -> tuple[Tensor | None, ...]:
    """Return (supports of Q, Q^T M / p^2, Q^T Q, Q^T Z, Z^T Z); without a mask the last three are None.

    size: patch size p. cell: the level's stride. feature: the cells inside the image, which has the size of
    the logits. convolution: weight and bias of the level's convolution. Patches without a known pixel in the
    mask are left out of Q^T Q.
    """
    if not torch.compiler.is_compiling():
        return LevelBands.apply(size, cell, mask, logits.detach(), feature, linear, *convolution)
    # Compilers plan memory themselves: the whole level is one band.
    rows, columns = (side // cell // size for side in logits.shape[-2:])
    cells, pixels = _band(size, cell, 0, rows, columns)
    q = embed_patches(level_maps(feature[cells], *convolution, cell), linear, size)
    m, truth = _classes(size, cell, mask, _predicted_classes(logits.detach()[pixels]), pixels, q)
    parts = _products(q, m, truth)
    return (q > 0).to(q.dtype), *parts, *[None] * (4 - len(parts))


class LevelBands(torch.autograd.Function):
    """`level_side` in bands."""

    @staticmethod
    def forward(
        ctx: Any,
        size: int,
        cell: int,
        mask: Int[Tensor, "b h w"] | None,
        logits: Float[Tensor, "b classes h w"],
        feature: Float[Tensor, "b d i j"],
        linear: Float[Tensor, "pixels pixels"],
        *convolution: Float[Tensor, "..."],
    ) -> tuple[Tensor | None, ...]:
        maps, predicted = level_maps(feature, *convolution, cell), []
        places = [supports(linear.new_empty(*logits.shape[:2], 0, size**2))]
        totals = [linear.new_zeros(*logits.shape[:2], *linear.shape) for _ in range(1 if mask is None else 4)]
        for cells, pixels in _bands(size, cell, logits.shape):
            q = embed(patches(maps[cells], size), linear)
            places.append(supports(q))
            predicted.append(_predicted_classes(logits[pixels]))
            m, truth = _classes(size, cell, mask, predicted[-1], pixels, q)
            for total, part in zip(totals, _products(q, m, truth), strict=True):
                total += part
            del q, m, truth  # else memory would hold this band and the next
        q_supports = torch.cat(places, 2)
        ctx.mark_non_differentiable(q_supports, *totals[3:])
        ctx.sizes = size, cell, logits.shape
        ctx.save_for_backward(mask, feature, linear, *convolution, *predicted)
        return q_supports, *totals, *[None] * (4 - len(totals))

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        _: Tensor,
        grad_qm: Tensor,
        grad_gram: Tensor | None,
        grad_cross: Tensor | None,
        __: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad_qm.device.type, enabled=False):
            size, cell, shape = ctx.sizes
            mask, feature, linear, weight, bias, *predicted = ctx.saved_tensors
            maps = level_maps(feature, weight, bias, cell)
            grad_maps, grad_linear = torch.zeros_like(maps), torch.zeros_like(linear)
            for (cells, pixels), classes in zip(_bands(size, cell, shape), predicted, strict=True):
                x = patches(maps[cells], size)
                q = embed(x, linear)
                m, truth = _classes(size, cell, mask, classes, pixels, q)
                grad_q = products(m, grad_qm).div_(size**2)
                if truth is not None and grad_gram is not None:
                    z, known = truth
                    add_products(grad_q, zero_unknown(q, known), grad_gram + grad_gram.mT)
                    add_products(grad_q, z, grad_cross)
                grad_x, part = embed_backward(grad_q, q, x, linear)
                grad_maps[cells] = fold_patches(grad_x, size, shape[-1] // cell // size)
                grad_linear += part
                del x, q, m, truth, grad_q, grad_x
            del maps
            grad_weight, grad_bias = grad_level_parameters(grad_maps, feature, weight, cell)
            grad_feature = (
                grad_level_feature(grad_maps, feature, weight, cell) if ctx.needs_input_grad[4] else None
            )
        return None, None, None, None, grad_feature, grad_linear, grad_weight, grad_bias


def _predicted_classes(logits: Float[Tensor, "b classes h w"]) -> Int[Tensor, "b h w"]:
    """Return the class of each pixel as int16, since those of all bands are kept for backward.

    In exports it is int32, because ONNX has no maximum of int16. Of equal logits the first wins, as in
    argmax. Where a logit is NaN, the result is the number of classes, which stands for no class.
    """
    classes = logits.shape[1]
    dtype = torch.int32 if torch.compiler.is_exporting() else torch.int16
    ranks = torch.arange(classes, 0, -1, dtype=dtype, device=logits.device)
    tops = (logits == logits.amax(1, keepdim=True)) * rearrange(ranks, "classes -> classes 1 1")
    return classes - tops.amax(1)


def _classes(
    size: int,
    cell: int,
    mask: Int[Tensor, "b h w"] | None,
    predicted: Int[Tensor, "b rows columns"],
    pixels: Index,
    q: Float[Tensor, "b classes n pixels"],
) -> tuple[Tensor, Truth | None]:
    """Return M, from the predicted classes, and the truth of the band at `pixels` of the image."""
    m = patches(class_shares(predicted, q.shape[1], cell, q.dtype), size)
    if mask is None:
        return m, None
    z = patches(class_shares(mask[pixels], q.shape[1], cell, q.dtype), size)
    return m, (z, known_patches(mask[pixels] < q.shape[1], size * cell))


def _products(
    q: Float[Tensor, "b classes n pixels"],
    m: Float[Tensor, "b classes n pixels"],
    truth: Truth | None,
) -> tuple[Tensor, ...]:
    """Return Q^T M / p^2 and, with a truth, Q^T Q, Q^T Z and Z^T Z."""
    qm = q.mT @ m / q.shape[-1]
    if truth is None:
        return (qm,)
    z, known = truth
    return qm, q.mT @ (q * known), q.mT @ z, z.mT @ z


def _bands(size: int, cell: int, shape: torch.Size) -> Iterator[tuple[Index, Index]]:
    """Yield the index of each band into the level's feature and into the image, without positions outside
    patches; `shape` is the shape of the logits.
    """
    batch, classes, *sides = shape
    rows, columns = (side // cell // size for side in sides)
    most = max(1, BAND // max(1, batch * classes * columns * size**2))
    step = math.ceil(rows / math.ceil(rows / most)) if rows else 1
    for start in range(0, rows if columns else 0, step):
        yield _band(size, cell, start, min(start + step, rows), columns)


def _band(size: int, cell: int, start: int, stop: int, columns: int) -> tuple[Index, Index]:
    """Return the indices of rows `start` to `stop` of patches into the level's feature and into the image."""
    cells, pixels = (
        (..., slice(start * side, stop * side), slice(0, columns * side)) for side in (size, size * cell)
    )
    return cells, pixels
