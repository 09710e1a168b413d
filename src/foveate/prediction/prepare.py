"""From any picture to the input of a network."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from foveate.data.pixels.conversion import array_to_rgb, image_to_rgb
from foveate.data.pixels.images import read_image
from foveate.errors import UserError
from foveate.loading.resizing import resize_image

Picture = str | Path | ndarray | Image.Image | Tensor


def read_pixels(image: Picture) -> UInt8[ndarray, "h w 3"]:
    """Return the RGB values of a path, a PIL image, an array or a tensor (see `Predictor.predict`).

    Raises `UserError` for anything else.
    """
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        return image_to_rgb(image, getattr(image, "filename", "") or "the PIL image")
    if isinstance(image, Tensor):
        values = image.detach().cpu()
        image = (values.float() if values.is_floating_point() else values).numpy()
        if image.ndim == 3 and image.shape[0] in (1, 3, 4):
            image = np.moveaxis(image, 0, -1)
    if not isinstance(image, ndarray):
        raise UserError(
            f"{type(image).__name__} is not an image; give a path, a PIL image, an array or a tensor; "
            "predict several images one by one"
        )
    return array_to_rgb(image, "the array")


def prepare(
    pixels: UInt8[ndarray, "h w 3"], size: tuple[int, int] | None = None
) -> Float[Tensor, "1 c rows columns"]:
    """Return the input of a network: RGB in [0, 1], resized to `size` (height, width) if that is given.

    >>> prepare(np.full((4, 6, 3), 255, np.uint8), (2, 3)).shape
    torch.Size([1, 3, 2, 3])
    """
    image = torch.from_numpy(np.array(pixels)).movedim(-1, 0)
    if size is not None:
        image = resize_image(image, size)
    return image[None].contiguous().float() / 255
