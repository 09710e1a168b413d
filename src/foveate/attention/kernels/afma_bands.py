"""The image's side of AFMA, a few rows of patches at a time: neither the map nor the patches P are kept.

From the patches of a band come its refined logits and its share of the products P^T P, P^T Y and Y^T Y, of
which the loss is made (see `afma_loss`). Backward computes each band again.
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

from foveate.attention.kernels.afma_embedding import embed, embed_backward, embedded
from foveate.attention.kernels.afma_loss import of_known, truth
from foveate.attention.kernels.chained import chained, edges, joined
from foveate.attention.kernels.patches import folded, patches
from foveate.attention.kernels.products import add_products, products
from foveate.attention.kernels.supports import met_by_places, nonzeros, nonzeros_in_one_graph

BAND = 2**20
"""Values of all classes that a band has: 4 MB in float32, of which about eight are held at a time."""

Index = tuple[Any, ...]

REACH = 4
"""Rows and columns around a pixel of the image that its patch value depends on."""


def padded(image: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b channels rows columns"]:
    """The image with `REACH` zeros on all sides, channels first, as its patches are cut fastest."""
    return F.pad(image, [REACH] * 4).contiguous()


def refine(
    size: int,
    mask: Int[Tensor, "b h w"] | None,
    others: Shaped[Tensor, "b c m pixels"],
    logits: Float[Tensor, "b c h w"],
    image: Float[Tensor, "b channels h w"],
    gathered: Float[Tensor, "b c pixels pixels"],
    linear: Float[Tensor, "pixels pixels"],
    *convolutions: Float[Tensor, "..."],
) -> tuple[Tensor | None, ...]:
    """What `Bands` gives, for two convolutions that are not joined."""
    if not torch.compiler.is_compiling():
        joint = joined(padded(image), *convolutions)
        return Bands.apply(size, others, mask, logits, image, gathered, linear, *joint)
    # Compilers make memory plans of their own: one band is the whole image.
    p, result = embedded(chained(padded(image), *convolutions), linear, size), logits.clone()
    correction = p @ gathered / (nonzeros_in_one_graph(p, others).unsqueeze(-1) + 1e-5)
    height, width = (side // size * size for side in logits.shape[-2:])
    covered = logits[..., :height, :width]
    result[..., :height, :width] = torch.addcmul(covered, covered, folded(correction, size, width // size))
    if mask is None:
        return result, None, None, None
    of_truth, known = truth(mask, logits.shape[1], size)
    y = of_truth.to(p.dtype)
    return result, p.mT @ (p * known), p.mT @ y, y.mT @ y


class Bands(torch.autograd.Function):
    """(refined logits, P^T P, P^T Y, Y^T Y); without a mask the products are None.

    `others` are the supports of Q, `gathered` is Q^T M / p^2, and `kernel`, `bias` and `beyond` are the
    image's convolutions, `joined`. Patches of which the mask knows no pixel are left out of the products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        size: int,
        others: Shaped[Tensor, "b c m pixels"],
        mask: Int[Tensor, "b h w"] | None,
        logits: Float[Tensor, "b c h w"],
        image: Float[Tensor, "b channels h w"],
        gathered: Float[Tensor, "b c pixels pixels"],
        linear: Float[Tensor, "pixels pixels"],
        kernel: Float[Tensor, "c channels k k"],
        bias: Float[Tensor, " c"],
        *beyond: Float[Tensor, "..."],
    ) -> tuple[Tensor | None, ...]:
        ctx.size, columns, divisors = size, logits.shape[-1] // size, []
        result, totals = _without_patches(logits, size), [torch.zeros_like(gathered) for _ in range(3)]
        for start, inside in _bands(logits, size):
            p = embed(_cut(_around(image, inside), kernel, bias, beyond, start, size), linear)
            divisors.append(nonzeros(p, others).unsqueeze(-1) + 1e-5)
            correction, given = _correction(p, gathered, divisors[-1], size, columns), logits[inside]
            torch.addcmul(given, given, correction, out=result[inside])
            del correction
            if mask is not None:
                y, known = truth(mask[inside], logits.shape[1], size)
                totals[0] += p.mT @ of_known(p, known)
                totals[1] += p.mT @ y.to(p.dtype)
                totals[2] += met_by_places(y, p.dtype)
                del y
            del p  # of two bands at once, memory would hold twice as much
        ctx.mark_non_differentiable(totals[2])
        ctx.beyond = len(beyond)
        ctx.save_for_backward(mask, logits, image, gathered, linear, kernel, bias, *beyond, *divisors)
        return (result, *totals) if mask is not None else (result, None, None, None)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_result: Tensor, of_gram: Tensor | None, of_cross: Tensor | None, _: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        with torch.autocast(of_result.device.type, enabled=False):
            mask, logits, image, gathered, linear, kernel, bias, *rest = ctx.saved_tensors
            beyond, divisors = rest[: ctx.beyond], rest[ctx.beyond :]
            size, columns = ctx.size, logits.shape[-1] // ctx.size
            of_logits = _without_patches(of_result, size)
            of_image = torch.zeros_like(image) if ctx.needs_input_grad[4] else None
            of_gathered, of_linear, of_kernel, of_bias, *of_beyond = (
                torch.zeros_like(x) for x in (gathered, linear, kernel, bias, *beyond)
            )
            for (start, inside), divisor in zip(_bands(logits, size), divisors, strict=True):
                around = _around(image, inside)
                x = _cut(around, kernel, bias, beyond, start, size)
                p, given = embed(x, linear), of_result[inside]
                correction = _correction(p, gathered, divisor, size, columns)
                torch.addcmul(given, given, correction, out=of_logits[inside])
                del correction
                of_correction = patches(given * logits[inside], size).div_(divisor)
                of_gathered += p.mT @ of_correction
                of_p = products(of_correction, gathered)
                del of_correction
                if of_gram is not None:
                    y, known = truth(mask[inside], logits.shape[1], size)
                    add_products(of_p, of_known(p, known), of_gram + of_gram.mT)
                    add_products(of_p, y.to(p.dtype), of_cross)
                    del y
                of_x, part = embed_backward(of_p, p, x, linear)
                del x, p, of_p
                of_linear += part
                of_maps = folded(of_x, size, columns)
                of_maps = F.pad(of_maps, (0, logits.shape[-1] - of_maps.shape[-1]))
                of_bias += of_maps.sum((0, 2, 3))
                of_kernel += conv2d_weight(around, kernel.shape, of_maps)
                for edge, part in edges(of_maps, *of_beyond, start=start):
                    part -= edge
                if of_image is not None:
                    _add_around(of_image, inside, conv2d_input(around.shape, kernel, of_maps))
        return None, None, None, of_logits, of_image, of_gathered, of_linear, of_kernel, of_bias, *of_beyond


def _correction(
    p: Float[Tensor, "b c n pixels"],
    gathered: Float[Tensor, "b c pixels pixels"],
    divisor: Float[Tensor, "b c n 1"],
    size: int,
    columns: int,
) -> Float[Tensor, "b c rows w"]:
    """P `gathered`, each row over its number of non-zeros, put together to a map."""
    return folded(products(p, gathered.mT).div_(divisor), size, columns)


def _without_patches(x: Float[Tensor, "b c h w"], size: int) -> Float[Tensor, "b c h w"]:
    """What of x is in no patch, in its place; all else is not yet written."""
    height, width = (side // size * size for side in x.shape[-2:])
    found = torch.empty_like(x)
    for rest in ((..., slice(height, None), slice(None)), (..., slice(height), slice(width, None))):
        found[rest] = x[rest]
    return found


def _cut(
    image: Float[Tensor, "b channels rows columns"],
    kernel: Float[Tensor, "c channels k k"],
    bias: Float[Tensor, " c"],
    beyond: Sequence[Float[Tensor, "..."]],
    start: int,
    size: int,
) -> Float[Tensor, "b c n pixels"]:
    """The patches of a band, whose first row is `start`, from the part of the image it depends on."""
    maps = F.conv2d(image, kernel, bias)
    for edge, part in edges(maps, *beyond, start=start):
        edge -= part
    return patches(maps, size)


def _around(
    image: Float[Tensor, "b channels h w"], inside: Index
) -> Float[Tensor, "b channels rows columns"]:
    """What a band depends on: its rows of the image and `REACH` more on all sides, zeros beyond the image."""
    rows, above, below = _reached(image, inside)
    return F.pad(image[:, :, rows], (REACH, REACH, above, below)).contiguous()


def _add_around(
    total: Float[Tensor, "b channels h w"], inside: Index, part: Float[Tensor, "b channels rows columns"]
) -> None:
    """Add to the image what `_around` has of it."""
    rows, above, below = _reached(total, inside)
    total[:, :, rows] += part[:, :, above : part.shape[2] - below, REACH:-REACH]


def _reached(image: Float[Tensor, "b channels h w"], inside: Index) -> tuple[slice, int, int]:
    """The rows of the image that a band depends on, and how many it would want above and below them."""
    first, last = inside[1].start - REACH, inside[1].stop + REACH
    return slice(max(first, 0), last), max(-first, 0), max(last - image.shape[2], 0)


def _bands(logits: Float[Tensor, "b c h w"], size: int) -> Iterator[tuple[int, Index]]:
    """The first row of each band, and where it is in the logits, as far as patches cover them."""
    height, width = (side // size * size for side in logits.shape[-2:])
    most = max(1, BAND // max(1, logits[:, :, 0].numel() * size))  # rows of patches
    step = math.ceil(height / size / math.ceil(height / size / most)) * size if height else 1
    for start in range(0, height if width else 0, step):
        yield start, (..., slice(start, min(start + step, height)), slice(0, width))
