"""What every dataset turns into: an image with its mask or its label."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor

from foveate.data.masks import IGNORE as IGNORE


@dataclass(frozen=True)
class Sample:
    """One image and what is known about it.

    image: RGB in [0, 1]. mask: class of each pixel, 0 to classes - 1, or `IGNORE`. label: class of the whole
    image. Exactly one of mask and label is given. stem: the image's path inside its dataset, without its
    suffix.

    >>> import torch
    >>> Sample(torch.zeros(3, 2, 2), torch.zeros(2, 2, dtype=torch.int64), None, "a").stem
    'a'
    """

    image: Float[Tensor, "3 h w"]
    mask: Int64[Tensor, "h w"] | None
    label: int | None
    stem: str
