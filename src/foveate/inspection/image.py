"""Inspect one image: the prediction, and every attention map of the forward pass."""

from collections.abc import Sequence
from typing import Any

import torch

from foveate.attention.maps import AttentionMap
from foveate.data.dataset import Pixels
from foveate.errors import UserError
from foveate.inspection.record import attention_of, record
from foveate.inspection.sources import Truth
from foveate.inspection.subjects import (
    Pixel,
    RecordedMap,
    Size,
    View,
    cell_of,
    coverage,
    default_pixels,
    sampled_rows,
)
from foveate.models.attaching.attach import gate_of
from foveate.prediction.predictor import Predictor


def inspect_image(
    predictor: Predictor,
    name: str,
    image: Pixels,
    truth: Truth = None,
    pixels: Sequence[Pixel] = (),
) -> tuple[View, list[RecordedMap]]:
    """Predict one image and record every attention map of the forward pass.

    `pixels` are (row, column) positions from which pairwise attention is recorded; by default the centres of
    the image and of its quadrants. Raises `UserError` for a pixel outside the image.
    """
    size = image.shape[:2]
    pixels = tuple(pixels) or default_pixels(size)
    for row, column in pixels:
        if not (0 <= row < size[0] and 0 <= column < size[1]):
            raise UserError(
                f"pixel {row},{column} lies outside {name}, which is {size[0]}x{size[1]} (height x width); "
                f"give rows from 0 to {size[0] - 1} and columns from 0 to {size[1] - 1}"
            )
    model, input_size = predictor.model, predictor.size or size
    padded = model.padded(input_size)

    modules = attention_of(model)
    patch_sizes: list[Any] = [
        module.patch_size for module in modules.values() if hasattr(module, "query_grid")
    ]
    side_of_grid = {(input_size[0] // side, input_size[1] // side): side for side in patch_sizes}

    def queries(height: int, width: int) -> torch.Tensor:
        covers = coverage((height, width), input_size, padded)
        if side := side_of_grid.get((height, width)):
            covers = _patch_coverage((height, width), side, input_size)
        cells = [cell_of(pixel, size, (height, width), covers) for pixel in pixels]
        return torch.cat([torch.tensor(cells), sampled_rows(height, width)])

    view = View(name, predictor.shown(image), predictor.predict_pixels(image), truth)
    if not modules:
        return view, []
    # Maps come from one pass over the unchanged image; the prediction may be the mean of several test views.
    with torch.inference_mode(), record(model, queries, features=True) as recording:
        model(predictor.prepared(image))
    recorded_maps = []
    for label, maps in recording.maps.items():
        # A transformer's own attention keeps its features as tokens, which no figure draws.
        inputs: tuple[torch.Tensor, ...] = ()
        before = after = None
        if label in recording.features:
            inputs, output = recording.features[label][-1]
            before, after = inputs[0][0], output[0]
        gate = gate_of(model, modules[label])
        for number, attention in enumerate(maps):
            covers, key_covers = _map_coverage(attention, inputs, input_size, padded)
            recorded_maps.append(
                RecordedMap(view, label, number, attention, covers, key_covers, pixels, before, after, gate)
            )
    return view, recorded_maps


def _map_coverage(
    attention: AttentionMap, inputs: tuple[torch.Tensor, ...], input_size: Size, padded: Size
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the `covers` and the `key_covers` of a `RecordedMap`."""
    if attention.patches is not None:
        of_queries, of_keys = attention.patches
        return _patch_coverage(*of_queries, input_size), _patch_coverage(*of_keys, input_size)
    grid = attention.positions or tuple(inputs[0].shape[-2:])
    return coverage(grid, input_size, padded), (1.0, 1.0)


def _patch_coverage(grid: Size, side: int, input_size: Size) -> tuple[float, float]:
    """Return the image's height and width divided by those of a grid of patches of `side` pixels.

    Above 1, whole patches do not reach the end of the image.

    >>> _patch_coverage((6, 6), 10, (64, 64))
    (1.0666666666666667, 1.0666666666666667)
    """
    return input_size[0] / (grid[0] * side), input_size[1] / (grid[1] * side)
