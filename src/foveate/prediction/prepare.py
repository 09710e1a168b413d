"""From any picture to the input of a network."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from PIL import Image
from torch import Tensor

from foveate.data.bands import BandScale
from foveate.data.dataset import Pixels
from foveate.data.pixels.conversion import array_to_rgb, image_to_rgb
from foveate.data.pixels.images import read_image
from foveate.errors import UserError
from foveate.loading.resizing import resize_image
from foveate.prediction.bands import read_array, read_file

Picture = str | Path | ndarray | Image.Image | Tensor


def read_pixels(image: Picture, bands: BandScale | None = None) -> Pixels:
    """Return the RGB values of a path, a PIL image, an array or a tensor (see `Predictor.predict`).

    bands: of the network's images, if they are no RGB pictures; their values are returned then. Raises
    `UserError` for anything else, and for another number of bands.
    """
    if bands is not None:
        return read_file(image, bands) if isinstance(image, str | Path) else read_array(_array(image), bands)
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        return image_to_rgb(image, getattr(image, "filename", "") or "the PIL image")
    return array_to_rgb(_array(image), "the array")


def read_content(content: bytes, name: str, bands: BandScale | None = None) -> Pixels:
    """Return what `read_pixels` returns for a file with these bytes; name: what errors call it."""
    return read_image(name, content) if bands is None else read_file(name, bands, content)


def _array(image: object) -> ndarray:
    """Return an array, a PIL image or a tensor as an array; grey and RGB with the channels last."""
    if isinstance(image, Image.Image):
        return np.asarray(image)
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
    return image


def prepare(
    pixels: Pixels, size: tuple[int, int] | None = None, bands: BandScale | None = None
) -> Float[Tensor, "1 c rows columns"]:
    """Return the input of a network: RGB in [0, 1], resized to `size` (height, width) if that is given.

    bands: the scale of pixels that are no RGB.

    >>> prepare(np.full((4, 6, 3), 255, np.uint8), (2, 3)).shape
    torch.Size([1, 3, 2, 3])
    """
    image = torch.from_numpy(np.array(pixels)).movedim(-1, 0)
    if size is not None:
        image = resize_image(image, size)
    if bands is not None:
        return torch.from_numpy(bands(image.movedim(0, -1).numpy())).movedim(-1, 0)[None].contiguous()
    return image[None].contiguous().float() / 255
