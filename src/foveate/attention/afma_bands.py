"""The image's side of AFMA, a few rows of patches at a time: neither the map nor the patches P are kept.

From the patches of a band come its refined logits and its share of the products P^T P, P^T Y and Y^T Y, of
which the loss is made (see `afma_loss`). Backward computes each band again.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .afma_loss import truth
from .chained import chained
from .patches import folded, patches
from .supports import Supports, nonzeros, nonzeros_in_one_graph, supports

BAND = 2**19
"""Values of all classes that a band has: 2 MB in float32, of which about ten are held at a time."""

Index = tuple[Any, ...]

REACH = 4
"""Rows and columns around a pixel of the image that its patch value depends on."""


def embedded(
    maps: Float[Tensor, "b c h w"], linear: Float[Tensor, "pixels pixels"], size: int
) -> Float[Tensor, "b c n pixels"]:
    """The patches of maps, each through one linear map and ReLU."""
    return (patches(maps, size) @ linear.mT).relu_()


def refined(
    logits: Float[Tensor, "b c h w"],
    p: Float[Tensor, "b c n pixels"],
    counts: Int[Tensor, "b c n"],
    gathered: Float[Tensor, "b c pixels pixels"],
    size: int,
) -> Float[Tensor, "b c h w"]:
    """logits * correction + logits, for logits that patches cover; the correction is P `gathered`, each row
    divided by its non-zeros.
    """
    correction = p @ gathered / (counts.unsqueeze(-1) + 1e-5)
    return torch.addcmul(logits, logits, folded(correction, size, logits.shape[-1] // size))


def padded(image: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b channels rows columns"]:
    """The image with `REACH` zeros on all sides, channels first, as its patches are cut fastest."""
    return F.pad(image, [REACH] * 4).contiguous()


def refine(
    size: int,
    mask: Int[Tensor, "b h w"] | None,
    q: Float[Tensor, "b c m pixels"],
    logits: Float[Tensor, "b c h w"],
    image: Float[Tensor, "b channels h w"],
    gathered: Float[Tensor, "b c pixels pixels"],
    linear: Float[Tensor, "pixels pixels"],
    *convolutions: Float[Tensor, "..."],
) -> tuple[Tensor | None, ...]:
    """What `Bands` gives, for an image that is not padded yet."""
    image = padded(image)
    if not torch.compiler.is_compiling():
        return Bands.apply(size, supports(q.detach()), mask, logits, image, gathered, linear, *convolutions)
    # Compilers make memory plans of their own: one band is the whole image.
    p, result = embedded(chained(image, *convolutions), linear, size), logits.clone()
    height, width = (side // size * size for side in logits.shape[-2:])
    covered = logits[..., :height, :width]
    result[..., :height, :width] = refined(covered, p, nonzeros_in_one_graph(p, q), gathered, size)
    if mask is None:
        return result, None, None, None
    y, known = truth(mask, logits.shape[1], size, p.dtype)
    return result, p.mT @ (p * known), p.mT @ y, y.mT @ y


class Bands(torch.autograd.Function):
    """(refined logits, P^T P, P^T Y, Y^T Y); without a mask the products are None.

    `image` is padded by `REACH` on all sides; `others` are the supports of Q, `gathered` is Q^T M / p^2, and
    `convolutions` are weight, bias, weight, bias. Patches of which the mask knows no pixel are left out of
    the products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        size: int,
        others: Supports,
        mask: Int[Tensor, "b h w"] | None,
        logits: Float[Tensor, "b c h w"],
        image: Float[Tensor, "b channels rows columns"],
        gathered: Float[Tensor, "b c pixels pixels"],
        linear: Float[Tensor, "pixels pixels"],
        *convolutions: Float[Tensor, "..."],
    ) -> tuple[Tensor | None, ...]:
        ctx.size, ctx.mask, ctx.counts = size, mask, []
        ctx.save_for_backward(logits, image, gathered, linear, *convolutions)
        result, products = logits.clone(), [torch.zeros_like(gathered) for _ in range(3)]
        for inside, around, ends in _bands(logits, size):
            p = embedded(chained(image[around], *convolutions, *ends), linear, size)
            ctx.counts.append(nonzeros(p, others))
            result[inside] = refined(logits[inside], p, ctx.counts[-1], gathered, size)
            if mask is not None:
                y, known = truth(mask[inside], logits.shape[1], size, p.dtype)
                for total, one, other in zip(products, (p, p, y), (p * known, y, y), strict=True):
                    total += one.mT @ other
        ctx.mark_non_differentiable(products[2])
        return (result, *products) if mask is not None else (result, None, None, None)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_result: Tensor, of_gram: Tensor | None, of_cross: Tensor | None, _: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        whole, size, needed = ctx.saved_tensors, ctx.size, ctx.needs_input_grad[3:]
        grads = [torch.zeros_like(x) if need else None for x, need in zip(whole, needed, strict=True)]
        if needed[0]:
            grads[0].copy_(of_result)  # right for the rest, which is in no band
        for (inside, around, ends), counts in zip(_bands(whole[0], size), ctx.counts, strict=True):
            logits, image, *shared = (x.detach() for x in whole)
            parts = [logits[inside], image[around], *shared]
            for part, need in zip(parts, needed, strict=True):
                part.requires_grad_(need)
            logits, image, gathered, linear, *convolutions = parts
            with torch.enable_grad(), torch.autocast(image.device.type, enabled=False):
                p = embedded(chained(image, *convolutions, *ends), linear, size)
                result = refined(logits, p, counts, gathered, size)
            outputs, of_outputs = [result], [of_result[inside]]
            if p.requires_grad and of_gram is not None:
                y, known = truth(ctx.mask[inside], logits.shape[1], size, p.dtype)
                outputs.append(p)
                of_outputs.append(p.detach() * known @ (of_gram + of_gram.mT) + y @ of_cross.mT)
            wanted = [part for part in parts if part.requires_grad]
            found = iter(torch.autograd.grad(outputs, wanted, of_outputs))
            for index, grad in enumerate(grads):
                if grad is None:
                    continue
                if index == 0:
                    grad[inside] = next(found)
                else:
                    (grad[around] if index == 1 else grad).add_(next(found))
        return None, None, None, *grads


def _bands(logits: Float[Tensor, "b c h w"], size: int) -> Iterator[tuple[Index, Index, tuple[bool, bool]]]:
    """Where each band is in the logits, as far as patches cover them; what of the padded image it depends on;
    and whether it touches the first and the last row.
    """
    height, width = logits.shape[-2:]
    step = max(1, BAND // (logits[:, :, 0].numel() * size)) * size
    for start in range(0, height // size * size, step):
        stop = min(start + step, height // size * size)
        inside = (..., slice(start, stop), slice(0, width // size * size))
        yield inside, (..., slice(start, stop + 2 * REACH), slice(None)), (start == 0, stop == height)
