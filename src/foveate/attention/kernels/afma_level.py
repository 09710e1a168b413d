"""The level's side of AFMA, a few rows of patches at a time: the patches Q and M are not kept. The level's
convolution, to as many channels as there are classes, is computed at once.

The image's side asks for the supports of Q and for Q^T M / p^2, the loss for the products Q^T Q, Q^T Z and
Z^T Z (see `afma_loss`). Backward computes each band again.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveate.attention.kernels.afma_embedding import embed, embed_backward, embedded
from foveate.attention.kernels.afma_loss import known_patches, of_known
from foveate.attention.kernels.patches import class_shares, folded, patches
from foveate.attention.kernels.products import add_products, products
from foveate.attention.kernels.supports import supports

BAND = 2**18
"""Values of all classes that a band has: 1 MB in float32, of which about eight are held at a time."""

Index = tuple[Any, ...]
Truth = tuple[Tensor, Tensor]
"""Z, and of which patches the mask knows a pixel."""


def of_level(
    feature: Float[Tensor, "b d i j"],
    weight: Float[Tensor, "classes d 1 1"],
    bias: Float[Tensor, " classes"],
    cell: int,
) -> Float[Tensor, "b classes i j"]:
    """A level's cells, of `cell` x `cell` pixels, through their convolution, over the number of pixels."""
    matrix = (weight.flatten(1) / cell**2).expand(feature.shape[0], -1, -1)
    found = torch.baddbmm(bias.unsqueeze(1) / cell**2, matrix, feature.flatten(2).to(weight))
    return found.unflatten(2, feature.shape[2:])


def of_level_feature(
    of_maps: Float[Tensor, "b classes i j"],
    feature: Float[Tensor, "b d i j"],
    weight: Float[Tensor, "classes d 1 1"],
    cell: int,
) -> Float[Tensor, "b d i j"]:
    """The gradient of the feature that `of_level` was given."""
    matrix = (weight.flatten(1).mT / cell**2).expand(feature.shape[0], -1, -1)
    return torch.bmm(matrix, of_maps.flatten(2)).view_as(feature).to(feature)


def of_level_parameters(
    of_maps: Float[Tensor, "b classes i j"],
    feature: Float[Tensor, "b d i j"],
    weight: Float[Tensor, "classes d 1 1"],
    cell: int,
) -> tuple[Float[Tensor, "classes d 1 1"], Float[Tensor, " classes"]]:
    """The gradients of weight and bias that `of_level` was given."""
    of_found = of_maps.flatten(2)
    of_weight = torch.bmm(of_found, feature.flatten(2).to(weight).mT).sum(0).view_as(weight)
    return of_weight / cell**2, of_found.sum((0, 2)) / cell**2


def level_side(
    size: int,
    cell: int,
    mask: Int[Tensor, "b h w"] | None,
    logits: Float[Tensor, "b classes h w"],
    feature: Float[Tensor, "b d i j"],
    linear: Float[Tensor, "pixels pixels"],
    *convolution: Float[Tensor, "..."],
) -> tuple[Tensor | None, ...]:
    """(supports of Q, Q^T M / p^2, Q^T Q, Q^T Z, Z^T Z); without a mask the last three are None.

    `cell` is the level's stride; the image has the size of the logits, and cells that reach beyond it are
    left out. `convolution` is the level's weight and bias. Patches of which the mask knows no pixel are left
    out of Q^T Q.
    """
    if not torch.compiler.is_compiling():
        return LevelBands.apply(size, cell, mask, logits.detach(), feature, linear, *convolution)
    # Compilers make memory plans of their own: one band is the whole level.
    rows, columns = (side // cell // size for side in logits.shape[-2:])
    cells, pixels = _band(size, cell, 0, rows, columns)
    q = embedded(of_level(feature[cells], *convolution, cell), linear, size)
    m, truth = _classes(size, cell, mask, _called(logits.detach()[pixels]), pixels, q)
    found = _products(q, m, truth)
    return (q > 0).to(q.dtype), *found, *[None] * (4 - len(found))


class LevelBands(torch.autograd.Function):
    """What `level_side` gives."""

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
        maps, called = of_level(feature, *convolution, cell), []
        places = [supports(linear.new_empty(*logits.shape[:2], 0, size**2))]
        totals = [linear.new_zeros(*logits.shape[:2], *linear.shape) for _ in range(1 if mask is None else 4)]
        for cells, pixels in _bands(size, cell, logits.shape):
            q = embed(patches(maps[cells], size), linear)
            places.append(supports(q))
            called.append(_called(logits[pixels]))
            m, truth = _classes(size, cell, mask, called[-1], pixels, q)
            for total, part in zip(totals, _products(q, m, truth), strict=True):
                total += part
            del q, m, truth  # of two bands at once, memory would hold twice as much
        others = torch.cat(places, 2)
        ctx.mark_non_differentiable(others, *totals[3:])
        ctx.given = size, cell, logits.shape
        ctx.save_for_backward(mask, feature, linear, *convolution, *called)
        return others, *totals, *[None] * (4 - len(totals))

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, _: Tensor, of_m: Tensor, of_gram: Tensor | None, of_cross: Tensor | None, __: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        with torch.autocast(of_m.device.type, enabled=False):
            size, cell, shape = ctx.given
            mask, feature, linear, weight, bias, *called = ctx.saved_tensors
            maps = of_level(feature, weight, bias, cell)
            of_maps, of_linear = torch.zeros_like(maps), torch.zeros_like(linear)
            for (cells, pixels), of_pixels in zip(_bands(size, cell, shape), called, strict=True):
                x = patches(maps[cells], size)
                q = embed(x, linear)
                m, truth = _classes(size, cell, mask, of_pixels, pixels, q)
                of_q = products(m, of_m).div_(size**2)
                if truth is not None and of_gram is not None:
                    z, known = truth
                    add_products(of_q, of_known(q, known), of_gram + of_gram.mT)
                    add_products(of_q, z, of_cross)
                of_x, part = embed_backward(of_q, q, x, linear)
                of_maps[cells] = folded(of_x, size, shape[-1] // cell // size)
                of_linear += part
                del x, q, m, truth, of_q, of_x
            del maps
            of_weight, of_bias = of_level_parameters(of_maps, feature, weight, cell)
            of_feature = of_level_feature(of_maps, feature, weight, cell) if ctx.needs_input_grad[4] else None
        return None, None, None, None, of_feature, of_linear, of_weight, of_bias


def _called(logits: Float[Tensor, "b classes h w"]) -> Int[Tensor, "b h w"]:
    """The class of each pixel, in few bytes: every band's are kept. The first of equal ones, as argmax; none
    where a logit is not a number.
    """
    classes = logits.shape[1]
    ranks = torch.arange(classes, 0, -1, dtype=torch.int16, device=logits.device)
    tops = (logits == logits.amax(1, keepdim=True)) * rearrange(ranks, "classes -> classes 1 1")
    return classes - tops.amax(1)


def _classes(
    size: int,
    cell: int,
    mask: Int[Tensor, "b h w"] | None,
    called: Int[Tensor, "b rows columns"],
    pixels: Index,
    q: Float[Tensor, "b classes n pixels"],
) -> tuple[Tensor, Truth | None]:
    """Of a band that is `pixels` of the image: M, from what the pixels are called, and the truth."""
    m = patches(class_shares(called, q.shape[1], cell, q.dtype), size)
    if mask is None:
        return m, None
    z = patches(class_shares(mask[pixels], q.shape[1], cell, q.dtype), size)
    return m, (z, known_patches(mask[pixels] < q.shape[1], size * cell))


def _products(
    q: Float[Tensor, "b classes n pixels"],
    m: Float[Tensor, "b classes n pixels"],
    truth: Truth | None,
) -> tuple[Tensor, ...]:
    """Q^T M / p^2, and where there is a truth Q^T Q, Q^T Z and Z^T Z."""
    gathered = q.mT @ m / q.shape[-1]
    if truth is None:
        return (gathered,)
    z, known = truth
    return gathered, q.mT @ (q * known), q.mT @ z, z.mT @ z


def _bands(size: int, cell: int, shape: torch.Size) -> Iterator[tuple[Index, Index]]:
    """Where each band is in the level's feature and in the image, as far as patches cover them; `shape` is
    that of the logits.
    """
    batch, classes, *sides = shape
    rows, columns = (side // cell // size for side in sides)
    most = max(1, BAND // max(1, batch * classes * columns * size**2))
    step = math.ceil(rows / math.ceil(rows / most)) if rows else 1
    for start in range(0, rows if columns else 0, step):
        yield _band(size, cell, start, min(start + step, rows), columns)


def _band(size: int, cell: int, start: int, stop: int, columns: int) -> tuple[Index, Index]:
    """Rows `start` to `stop` of the level's patches, in the level's feature and in the image."""
    cells, pixels = (
        (..., slice(start * side, stop * side), slice(0, columns * side)) for side in (size, size * cell)
    )
    return cells, pixels
