"""Turn images upright by their EXIF tag."""

import numpy as np
from PIL import Image

ORIENTATION_TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an open image, from 1 (upright) to 8."""
    # Pillow turns TIFFs itself, and would decode a whole PNG to look for an EXIF chunk behind its pixels.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    tag = image.getexif().get(ORIENTATION_TAG)
    return tag if tag in TURNS else 1


def upright(image: Image.Image) -> Image.Image:
    """Decode an image and return it as it is to be looked at.

    >>> image = Image.new("L", (2, 3))
    >>> image.getexif()[ORIENTATION_TAG] = 6
    >>> upright(image).size
    (3, 2)
    """
    turn = TURNS.get(orientation(image))
    image.load()
    return image if turn is None else image.transpose(turn)


def turn_array(values: np.ndarray, tag: int) -> np.ndarray:
    """Turn an array `h w` or `h w c` upright by an EXIF orientation, as `upright` does with an image.

    >>> turn_array(np.array([[1, 2]]), 3).tolist()
    [[2, 1]]
    """
    if tag >= 5:
        values = values.swapaxes(0, 1)
    down = tag in (3, 4, 7, 8)
    across = tag in (2, 3, 6, 7)
    return values[:: -1 if down else 1, :: -1 if across else 1]
