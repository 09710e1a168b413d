"""The image's side of AFMA in bands, a few rows of patches at a time; neither the map A nor P is kept.

A band gives its refined logits and its part of the products P^T P, P^T Y and Y^T Y, which the loss needs (see
`afma_loss`). Backward recomputes each band.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from foveate.attention.kernels.afma_embedding import embed, embed_backward, embed_patches
from foveate.attention.kernels.afma_loss import one_hot_patches, zero_unknown
from foveate.attention.kernels.chained import border_corrections, convolve_merged, merge_convolutions
from foveate.attention.kernels.patches import fold_patches, patches
from foveate.attention.kernels.products import add_products, products
from foveate.attention.kernels.supports import count_nonzeros, count_nonzeros_traceable, gram_of_indicators

BAND = 2**20
"""Number of values in a band, over all classes: 4 MB in float32. About eight such tensors exist at a time."""

Index = tuple[Any, ...]

REACH = 4
"""Reach of the merged convolution in pixels: its kernel is 9 x 9."""


def pad_image(image: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b channels rows columns"]:
    """Pad the image with `REACH` zeros on all sides; channels first, which is fastest to cut patches from."""
    return F.pad(image, [REACH] * 4).contiguous()


def refine(
    size: int,
    mask: Int[Tensor, "b h w"] | None,
    q_supports: Shaped[Tensor, "b c m pixels"],
    logits: Float[Tensor, "b c h w"],
    image: Float[Tensor, "b channels h w"],
    qm: Float[Tensor, "b c pixels pixels"],
    linear: Float[Tensor, "pixels pixels"],
    *convolutions: Float[Tensor, "..."],
) -> tuple[Tensor | None, ...]:
    """Return (refined logits, P^T P, P^T Y, Y^T Y); without a mask the products are None.

    size: patch size p. q_supports: `supports` of Q. qm: Q^T M / p^2. convolutions: weight and bias of both
    convolutions of the image. Patches without a known pixel in the mask are left out of the products.
    """
    if not torch.compiler.is_compiling():
        merged = merge_convolutions(pad_image(image), *convolutions)
        return Bands.apply(size, q_supports, mask, logits, image, qm, linear, *merged)
    # Compilers plan memory themselves: the whole image is one band.
    p, result = embed_patches(convolve_merged(pad_image(image), *convolutions), linear, size), logits.clone()
    correction = p @ qm / (count_nonzeros_traceable(p, q_supports).unsqueeze(-1) + 1e-5)
    height, width = (side // size * size for side in logits.shape[-2:])
    covered = logits[..., :height, :width]
    result[..., :height, :width] = torch.addcmul(
        covered, covered, fold_patches(correction, size, width // size)
    )
    if mask is None:
        return result, None, None, None
    one_hot, known = one_hot_patches(mask, logits.shape[1], size)
    y = one_hot.to(p.dtype)
    return result, p.mT @ (p * known), p.mT @ y, y.mT @ y


class Bands(torch.autograd.Function):
    """`refine` in bands; `kernel`, `bias` and `borders` are the fields of a `MergedConvolution`."""

    @staticmethod
    def forward(
        ctx: Any,
        size: int,
        q_supports: Shaped[Tensor, "b c m pixels"],
        mask: Int[Tensor, "b h w"] | None,
        logits: Float[Tensor, "b c h w"],
        image: Float[Tensor, "b channels h w"],
        qm: Float[Tensor, "b c pixels pixels"],
        linear: Float[Tensor, "pixels pixels"],
        kernel: Float[Tensor, "c channels k k"],
        bias: Float[Tensor, " c"],
        *borders: Float[Tensor, "..."],
    ) -> tuple[Tensor | None, ...]:
        ctx.size, columns, divisors = size, logits.shape[-1] // size, []
        result, totals = _without_patches(logits, size), [torch.zeros_like(qm) for _ in range(3)]
        for start, inside in _bands(logits, size):
            p = embed(_cut(_around(image, inside), kernel, bias, borders, start, size), linear)
            divisors.append(count_nonzeros(p, q_supports).unsqueeze(-1) + 1e-5)
            correction, band = _correction(p, qm, divisors[-1], size, columns), logits[inside]
            torch.addcmul(band, band, correction, out=result[inside])
            del correction
            if mask is not None:
                y, known = one_hot_patches(mask[inside], logits.shape[1], size)
                totals[0] += p.mT @ zero_unknown(p, known)
                totals[1] += p.mT @ y.to(p.dtype)
                totals[2] += gram_of_indicators(y, p.dtype)
                del y
            del p  # else memory would hold this band and the next
        ctx.mark_non_differentiable(totals[2])
        ctx.borders = len(borders)
        ctx.save_for_backward(mask, logits, image, qm, linear, kernel, bias, *borders, *divisors)
        return (result, *totals) if mask is not None else (result, None, None, None)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_result: Tensor, grad_gram: Tensor | None, grad_cross: Tensor | None, _: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad_result.device.type, enabled=False):
            mask, logits, image, qm, linear, kernel, bias, *saved = ctx.saved_tensors
            borders, divisors = saved[: ctx.borders], saved[ctx.borders :]
            size, columns = ctx.size, logits.shape[-1] // ctx.size
            grad_logits = _without_patches(grad_result, size)
            grad_image = torch.zeros_like(image) if ctx.needs_input_grad[4] else None
            grad_qm, grad_linear, grad_kernel, grad_bias, *grad_borders = (
                torch.zeros_like(x) for x in (qm, linear, kernel, bias, *borders)
            )
            for (start, inside), divisor in zip(_bands(logits, size), divisors, strict=True):
                around = _around(image, inside)
                x = _cut(around, kernel, bias, borders, start, size)
                p, grad_band = embed(x, linear), grad_result[inside]
                correction = _correction(p, qm, divisor, size, columns)
                torch.addcmul(grad_band, grad_band, correction, out=grad_logits[inside])
                del correction
                grad_correction = patches(grad_band * logits[inside], size).div_(divisor)
                grad_qm += p.mT @ grad_correction
                grad_p = products(grad_correction, qm)
                del grad_correction
                if grad_gram is not None:
                    y, known = one_hot_patches(mask[inside], logits.shape[1], size)
                    add_products(grad_p, zero_unknown(p, known), grad_gram + grad_gram.mT)
                    add_products(grad_p, y.to(p.dtype), grad_cross)
                    del y
                grad_x, part = embed_backward(grad_p, p, x, linear)
                del x, p, grad_p
                grad_linear += part
                grad_maps = fold_patches(grad_x, size, columns)
                grad_maps = F.pad(grad_maps, (0, logits.shape[-1] - grad_maps.shape[-1]))
                grad_bias += grad_maps.sum((0, 2, 3))
                grad_kernel += conv2d_weight(around, kernel.shape, grad_maps)
                for edge, part in border_corrections(grad_maps, *grad_borders, start=start):
                    part -= edge
                if grad_image is not None:
                    _add_around(grad_image, inside, conv2d_input(around.shape, kernel, grad_maps))
        return (
            None,
            None,
            None,
            grad_logits,
            grad_image,
            grad_qm,
            grad_linear,
            grad_kernel,
            grad_bias,
            *grad_borders,
        )


def _correction(
    p: Float[Tensor, "b c n pixels"],
    qm: Float[Tensor, "b c pixels pixels"],
    divisor: Float[Tensor, "b c n 1"],
    size: int,
    columns: int,
) -> Float[Tensor, "b c rows w"]:
    """Return the correction as a map: P Q^T M / p^2, each row divided by its number of non-zeros."""
    return fold_patches(products(p, qm.mT).div_(divisor), size, columns)


def _without_patches(x: Float[Tensor, "b c h w"], size: int) -> Float[Tensor, "b c h w"]:
    """Copy the positions of x that are in no patch; the others are left uninitialised."""
    height, width = (side // size * size for side in x.shape[-2:])
    result = torch.empty_like(x)
    for outside in ((..., slice(height, None), slice(None)), (..., slice(height), slice(width, None))):
        result[outside] = x[outside]
    return result


def _cut(
    image: Float[Tensor, "b channels rows columns"],
    kernel: Float[Tensor, "c channels k k"],
    bias: Float[Tensor, " c"],
    borders: Sequence[Float[Tensor, "..."]],
    start: int,
    size: int,
) -> Float[Tensor, "b c n pixels"]:
    """Return the patches of the band that starts at row `start`, from the part of the image around it."""
    maps = F.conv2d(image, kernel, bias)
    for edge, part in border_corrections(maps, *borders, start=start):
        edge -= part
    return patches(maps, size)


def _around(
    image: Float[Tensor, "b channels h w"], inside: Index
) -> Float[Tensor, "b channels rows columns"]:
    """Return the rows of a band and `REACH` pixels more on all sides, with zeros outside the image."""
    rows, above, below = _reached(image, inside)
    return F.pad(image[:, :, rows], (REACH, REACH, above, below)).contiguous()


def _add_around(
    total: Float[Tensor, "b channels h w"], inside: Index, part: Float[Tensor, "b channels rows columns"]
) -> None:
    """Add a gradient of `_around(total, inside)` to the gradient of the image."""
    rows, above, below = _reached(total, inside)
    total[:, :, rows] += part[:, :, above : part.shape[2] - below, REACH:-REACH]


def _reached(image: Float[Tensor, "b channels h w"], inside: Index) -> tuple[slice, int, int]:
    """Return the image rows that a band depends on, and the numbers of missing rows above and below them."""
    first, last = inside[1].start - REACH, inside[1].stop + REACH
    return slice(max(first, 0), last), max(-first, 0), max(last - image.shape[2], 0)


def _bands(logits: Float[Tensor, "b c h w"], size: int) -> Iterator[tuple[int, Index]]:
    """Yield the first row of each band and its index into the logits, without positions outside patches."""
    height, width = (side // size * size for side in logits.shape[-2:])
    most = max(1, BAND // max(1, logits[:, :, 0].numel() * size))  # rows of patches
    step = math.ceil(height / size / math.ceil(height / size / most)) * size if height else 1
    for start in range(0, height if width else 0, step):
        yield start, (..., slice(start, min(start + step, height)), slice(0, width))
