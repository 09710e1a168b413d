"""Two convolutions without an activation between them are one linear map, and are computed as one.

A k x k convolution and a 3 x 3 one after it, both padded with zeros to keep the size, are a (k + 2) x (k + 2)
convolution, but for the border: the second sees zeros around the image where the joined kernel sees what the
first would have made there. That part is one pixel wide and taken off again. From few to few channels
through many, as in AFMA (3 to 64 to classes), the joined kernel needs a fraction of the work and memory.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def chained(
    x: Float[Tensor, "b c rows columns"],
    weight1: Float[Tensor, "hidden c k k"],
    bias1: Float[Tensor, " hidden"],
    weight2: Float[Tensor, "out hidden 3 3"],
    bias2: Float[Tensor, " out"],
    top: bool = True,
    bottom: bool = True,
) -> Float[Tensor, "b out h w"]:
    """Both convolutions of an image, or of a band of its rows, that is padded by k // 2 + 1 on every side.

    A band has the rows of the image above and below it in the place of that padding; `top` and `bottom` tell
    whether the image ends there.

    >>> import torch
    >>> one, two = torch.nn.Conv2d(3, 64, 7, padding=3), torch.nn.Conv2d(64, 5, 3, padding=1)
    >>> image = torch.randn(1, 3, 9, 11)
    >>> y = chained(F.pad(image, (4, 4, 4, 4)), one.weight, one.bias, two.weight, two.bias)
    >>> torch.allclose(y, two(one(image)), atol=1e-5)
    True
    """

    first, k = (weight1, bias1), weight1.shape[-1]
    y = F.conv2d(x, F.conv_transpose2d(weight2, weight1), bias2 + weight2.sum((2, 3)) @ bias1)
    y[..., :1] -= _beyond(x[..., :k], *first, weight2[..., :1])
    y[..., -1:] -= _beyond(x[..., -k:], *first, weight2[..., 2:])
    if top:
        y[..., :1, :] -= _beyond(x[..., :k, 1:-1], *first, weight2[..., :1, :], (0, 1))
    if bottom:
        y[..., -1:, :] -= _beyond(x[..., -k:, 1:-1], *first, weight2[..., 2:, :], (0, 1))
    return y


def _beyond(
    strip: Tensor, weight: Tensor, bias: Tensor, taps: Tensor, padding: tuple[int, int] = (0, 0)
) -> Tensor:
    """What the second convolution would see, through some of its taps, of the first outside the image."""
    return F.conv2d(F.conv2d(strip, weight, bias), taps, padding=padding)
