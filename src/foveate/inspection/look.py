"""Look at one image: what the model says of it, and every map of its attention on the way."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import UInt8
from numpy import ndarray

from foveate.attention.maps import AttentionMap
from foveate.errors import UserError
from foveate.inspection.record import mechanisms, record
from foveate.inspection.sources import Truth
from foveate.inspection.subjects import (
    Pixel,
    Sight,
    Size,
    View,
    cell_of,
    coverage,
    sampled_rows,
    spread_pixels,
)
from foveate.models.attaching.attach import gate_of
from foveate.prediction.predictor import Predictor


def look(
    predictor: Predictor,
    name: str,
    image: UInt8[ndarray, "h w 3"],
    truth: Truth = None,
    pixels: Sequence[Pixel] = (),
) -> tuple[View, list[Sight]]:
    """Predict one image and record every map on the way. Raises `UserError` for a pixel outside of it."""
    size = image.shape[:2]
    pixels = tuple(pixels) or spread_pixels(size)
    for row, column in pixels:
        if not (0 <= row < size[0] and 0 <= column < size[1]):
            raise UserError(
                f"pixel {row},{column} lies outside {name}, which is {size[0]}x{size[1]} (height x width); "
                f"give rows from 0 to {size[0] - 1} and columns from 0 to {size[1] - 1}"
            )
    model, fed = predictor.model, predictor.size or size
    padded = model.padded(fed)

    modules = mechanisms(model)
    patches: list[Any] = [module.patch_size for module in modules.values() if hasattr(module, "query_grid")]
    of_patches = {(fed[0] // side, fed[1] // side): side for side in patches}

    def queries(height: int, width: int) -> torch.Tensor:
        covers = coverage((height, width), fed, padded)
        if side := of_patches.get((height, width)):
            covers = _patched((height, width), side, fed)
        cells = [cell_of(pixel, size, (height, width), covers) for pixel in pixels]
        return torch.cat([torch.tensor(cells), sampled_rows(height, width)])

    view = View(name, image, predictor.predict(image), truth)
    if not modules:
        return view, []
    # One pass as the image is: a prediction may be the mean of several views.
    with torch.inference_mode(), record(model, queries, features=True) as recording:
        model(predictor.prepared(image))
    sights = []
    for label, maps in recording.maps.items():
        inputs, output = recording.features[label][-1]
        gate, before, after = gate_of(model, modules[label]), inputs[0][0], output[0]
        for number, one in enumerate(maps):
            covers, of_keys = _covers(one, inputs, fed, padded)
            sights.append(Sight(view, label, number, one, covers, of_keys, pixels, before, after, gate))
    return view, sights


def _covers(
    found: AttentionMap, inputs: tuple[torch.Tensor, ...], fed: Size, padded: Size
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Which share of a map lies over the image, and of what an across-levels map looks at."""
    if found.patches is not None:
        of_image, of_level = found.patches
        return _patched(*of_image, fed), _patched(*of_level, fed)
    return coverage(found.positions or tuple(inputs[0].shape[-2:]), fed, padded), (1.0, 1.0)


def _patched(grid: Size, side: int, fed: Size) -> tuple[float, float]:
    """The share of a grid of patches, `side` long, that lies over the image: a rest beyond it is in none.

    >>> _patched((6, 6), 10, (64, 64))
    (1.0666666666666667, 1.0666666666666667)
    """
    return fed[0] / (grid[0] * side), fed[1] / (grid[1] * side)
