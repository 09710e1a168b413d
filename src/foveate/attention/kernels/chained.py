"""Two convolutions without an activation between them are one linear map, and are computed as one.

A k x k convolution and a 3 x 3 one after it, both padded with zeros to keep the size, are a (k + 2) x (k + 2)
convolution, but for the border: the second sees zeros around the image where the joined kernel sees what the
first would have made there. That part is one pixel wide and taken off again. From few to few channels
through many, as in AFMA (3 to 64 to classes), the joined kernel needs a fraction of the work and memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class Joined(NamedTuple):
    """Two convolutions as one, and what of an image the second would see of the first beyond its edges."""

    kernel: Float[Tensor, "out c size size"]
    bias: Float[Tensor, " out"]
    left: Float[Tensor, "b out h 1"]
    right: Float[Tensor, "b out h 1"]
    top: Float[Tensor, "b out 1 w"]
    bottom: Float[Tensor, "b out 1 w"]


def joined(
    x: Float[Tensor, "b c rows columns"],
    weight1: Float[Tensor, "hidden c k k"],
    bias1: Float[Tensor, " hidden"],
    weight2: Float[Tensor, "out hidden 3 3"],
    bias2: Float[Tensor, " out"],
) -> Joined:
    """A k x k convolution and a 3 x 3 one after it, for an image padded by k // 2 + 1 on every side."""
    first, k = (weight1, bias1), weight1.shape[-1]
    return Joined(
        F.conv_transpose2d(weight2, weight1),
        bias2 + weight2.sum((2, 3)) @ bias1,
        _beyond(x[..., :k], *first, weight2[..., :1]),
        _beyond(x[..., -k:], *first, weight2[..., 2:]),
        _beyond(x[..., :k, 1:-1], *first, weight2[..., :1, :], (0, 1)),
        _beyond(x[..., -k:, 1:-1], *first, weight2[..., 2:, :], (0, 1)),
    )


def chained(
    x: Float[Tensor, "b c rows columns"], *convolutions: Float[Tensor, "..."]
) -> Float[Tensor, "b out h w"]:
    """Both convolutions (weight, bias, weight, bias) of an image that is padded as `joined` wants it.

    >>> import torch
    >>> one, two = torch.nn.Conv2d(3, 64, 7, padding=3), torch.nn.Conv2d(64, 5, 3, padding=1)
    >>> image = torch.randn(1, 3, 9, 11)
    >>> y = chained(F.pad(image, (4, 4, 4, 4)), one.weight, one.bias, two.weight, two.bias)
    >>> torch.allclose(y, two(one(image)), atol=1e-5)
    True
    """
    kernel, bias, *beyond = joined(x, *convolutions)
    y = F.conv2d(x, kernel, bias)
    for edge, part in edges(y, *beyond):
        edge -= part
    return y


def edges(
    y: Float[Tensor, "b out rows w"],
    left: Float[Tensor, "b out h 1"],
    right: Float[Tensor, "b out h 1"],
    top: Float[Tensor, "b out 1 w"],
    bottom: Float[Tensor, "b out 1 w"],
    start: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each edge of the image that is in y, its rows from `start` on, and what belongs to it of the others."""
    stop = start + y.shape[2]
    yield y[..., :1], left[:, :, start:stop]
    yield y[..., -1:], right[:, :, start:stop]
    if start == 0:
        yield y[:, :, :1], top
    if stop == left.shape[2]:
        yield y[:, :, -1:], bottom


def _beyond(
    strip: Tensor, weight: Tensor, bias: Tensor, taps: Tensor, padding: tuple[int, int] = (0, 0)
) -> Tensor:
    """What the second convolution would see, through some of its taps, of the first outside the image."""
    strip = strip.contiguous()  # backward keeps it, and a view would keep the whole image
    return F.conv2d(F.conv2d(strip, weight, bias), taps, padding=padding)
