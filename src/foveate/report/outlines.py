"""Draw the outlines of a mask on its image, to show whether the mask fits the image."""

import numpy as np
from PIL import Image

from foveate.data.dataset import Entry, Read
from foveate.doctor.bands import picture, stretched
from foveate.doctor.decoding import stored_mask
from foveate.report import pictures

SIDE = 240
"""Longer side of the picture in pixels."""

_COLOR = (255, 140, 0)


def draw(entry: Entry, colored: bool = False, read: Read | None = None) -> str:
    """Return the image with outlines as a PNG data URI; a mask of another size is stretched over the image.

    colored: whether masks are stored in colour. read: decodes the entry if it is not made of plain files.
    Raises `DataError` if the image or the mask cannot be read.
    """
    if read is not None:
        pixels, mask = read(entry)
        pixels = stretched(pixels)
    else:
        pixels = picture(entry)
        mask = None if entry.mask is None else stored_mask(entry.mask, colored).values
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    drawn = np.array(image)
    if isinstance(mask, np.ndarray):
        drawn[_edges(mask, drawn.shape[:2])] = _COLOR
    return pictures.photo(drawn)


def _edges(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels, at `size`, at which the class changes. Thin lines survive the downscaling."""
    changes = np.zeros(mask.shape, dtype=bool)
    changes[1:] |= mask[1:] != mask[:-1]
    changes[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    rows, columns = changes.nonzero()
    edges = np.zeros(size, dtype=bool)
    edges[rows * size[0] // mask.shape[0], columns * size[1] // mask.shape[1]] = True
    return edges
