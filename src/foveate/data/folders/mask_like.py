"""Whether files look like masks, whatever they are called."""

from pathlib import Path

import numpy as np

from foveate.data.folders.listing import SEARCH_LIMIT, first_images, folders_in
from foveate.data.pixels.images import read_image
from foveate.errors import DataError

_COLORS = 16
_SHARE = 0.9
"""A picture may be a mask if its `_COLORS` most frequent colours cover this share of its pixels."""

_LOOKED_AT = 3
"""Number of files of a folder that are decoded."""


def looks_like_masks(folder: Path) -> bool:
    """Whether the first images of a folder, or else of the folders in it, have few colours, as masks have."""
    places = [folder, *folders_in(folder)[:SEARCH_LIMIT]]
    files = next(
        ([place / name for name in sorted(names)] for place in places if (names := first_images(place))), []
    )
    return bool(files) and all(map(has_few_colors, files[:_LOOKED_AT]))


def has_few_colors(path: Path) -> bool:
    """Whether a picture has few colours, as masks have and photographs have not. True for a damaged file."""
    try:
        pixels = read_image(path).astype(np.int32)
    except DataError:
        return True
    colors = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    counts = np.sort(np.unique(colors, return_counts=True)[1])
    return bool(counts[-_COLORS:].sum() >= _SHARE * counts.sum())
