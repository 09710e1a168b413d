"""Merge two convolutions without an activation between them into one convolution.

A k x k convolution and then a 3 x 3 convolution, both with zero padding, equal one (k + 2) x (k + 2)
convolution except at the border: around the output of the first, the second sees zeros, but the merged kernel
sees what the first would compute there. The difference is one pixel wide and is subtracted. From few to few
channels through many, as in AFMA (3 to 64 to classes), the merged kernel takes a fraction of time and memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class MergedConvolution(NamedTuple):
    """The kernel and bias of the merged convolution, and for one image the excess at each border."""

    kernel: Float[Tensor, "out c size size"]
    bias: Float[Tensor, " out"]
    left: Float[Tensor, "b out h 1"]
    right: Float[Tensor, "b out h 1"]
    top: Float[Tensor, "b out 1 w"]
    bottom: Float[Tensor, "b out 1 w"]


def merge_convolutions(
    x: Float[Tensor, "b c rows columns"],
    weight1: Float[Tensor, "hidden c k k"],
    bias1: Float[Tensor, " hidden"],
    weight2: Float[Tensor, "out hidden 3 3"],
    bias2: Float[Tensor, " out"],
) -> MergedConvolution:
    """Merge a k x k and then a 3 x 3 convolution, for an image x padded by k // 2 + 1 on every side."""
    first, k = (weight1, bias1), weight1.shape[-1]
    return MergedConvolution(
        F.conv_transpose2d(weight2, weight1),
        bias2 + weight2.sum((2, 3)) @ bias1,
        _outside_response(x[..., :k], *first, weight2[..., :1]),
        _outside_response(x[..., -k:], *first, weight2[..., 2:]),
        _outside_response(x[..., :k, 1:-1], *first, weight2[..., :1, :], (0, 1)),
        _outside_response(x[..., -k:, 1:-1], *first, weight2[..., 2:, :], (0, 1)),
    )


def convolve_merged(
    x: Float[Tensor, "b c rows columns"], *convolutions: Float[Tensor, "..."]
) -> Float[Tensor, "b out h w"]:
    """Apply both convolutions (weight, bias, weight, bias) to an image padded as for `merge_convolutions`.

    >>> import torch
    >>> one, two = torch.nn.Conv2d(3, 64, 7, padding=3), torch.nn.Conv2d(64, 5, 3, padding=1)
    >>> image = torch.randn(1, 3, 9, 11)
    >>> y = convolve_merged(F.pad(image, (4, 4, 4, 4)), one.weight, one.bias, two.weight, two.bias)
    >>> torch.allclose(y, two(one(image)), atol=1e-5)
    True
    """
    kernel, bias, *borders = merge_convolutions(x, *convolutions)
    y = F.conv2d(x, kernel, bias)
    for edge, part in border_corrections(y, *borders):
        edge -= part
    return y


def border_corrections(
    y: Float[Tensor, "b out rows w"],
    left: Float[Tensor, "b out h 1"],
    right: Float[Tensor, "b out h 1"],
    top: Float[Tensor, "b out 1 w"],
    bottom: Float[Tensor, "b out 1 w"],
    start: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each border of the image that is in y, a view, and its excess; y has the rows from `start` on."""
    stop = start + y.shape[2]
    yield y[..., :1], left[:, :, start:stop]
    yield y[..., -1:], right[:, :, start:stop]
    if start == 0:
        yield y[:, :, :1], top
    if stop == left.shape[2]:
        yield y[:, :, -1:], bottom


def _outside_response(
    strip: Tensor, weight: Tensor, bias: Tensor, taps: Tensor, padding: tuple[int, int] = (0, 0)
) -> Tensor:
    """Return the excess: some taps of the second convolution applied to the first outside the image."""
    strip = strip.contiguous()  # saved for backward; a view would keep the whole image alive
    return F.conv2d(F.conv2d(strip, weight, bias), taps, padding=padding)
