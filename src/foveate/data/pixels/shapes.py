"""Draw the outlines of objects as a mask with one class per pixel.

Where the shapes of objects overlap, the one that covers fewer pixels lies on top. Pixels without a shape are
background.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from foveate.data.pixels.limits import MAX_PIXELS
from foveate.data.pixels.masks import IGNORE
from foveate.errors import DataError
from foveate.extras import require

BACKGROUND = "background"
_CORNERS = 3
_FARTHEST = 1e6
_LONGEST = 5e6


@dataclass(frozen=True)
class Shape:
    """One outlined object.

    number: its place among the objects of its file. name: of its class. outline: a list of polygons x, y, x,
    y, ... in pixels, or COCO's run lengths. ignored: its pixels are ignored (a crowd, whose objects are not
    separated). layer: shapes of higher layers lie on top, whatever their size.
    """

    number: int
    name: str
    outline: Any
    ignored: bool = False
    layer: int = 0

    def scaled(self, height: int, width: int) -> "Shape":
        """Return the shape in pixels, from polygons in shares of an image's width and height.

        >>> Shape(1, "cat", [[0.0, 0.0, 0.5, 0.0, 0.5, 1.0]]).scaled(10, 20).outline
        [[0.0, 0.0, 10.0, 0.0, 10.0, 10.0]]
        """
        sides = (width, height)
        polygons = [[value * sides[i % 2] for i, value in enumerate(polygon)] for polygon in self.outline]
        return replace(self, outline=polygons)


def draw(shapes: Sequence[Shape], size: tuple[int, int], ids: Mapping[str, int]) -> UInt8[np.ndarray, "h w"]:
    """Draw the shapes of an image as a mask of class ids.

    size: height and width. ids: class id by name, that of background included. Pixels of ignored shapes, and
    of shapes without an id, are ignored; ignored shapes lie below all others. Needs the extra `data`.
    """
    coding = require("pycocotools.mask", "data", "drawing the outlines of objects")
    mask = np.full(size, ids.get(BACKGROUND, IGNORE), dtype=np.uint8)
    runs = [_run_lengths(shape.outline, size) for shape in shapes]
    areas = coding.area(runs) if runs else []
    drawn = sorted(
        zip(shapes, areas, runs, strict=True),
        key=lambda each: (not each[0].ignored, each[0].layer, -int(each[1]), each[0].number),
    )
    for shape, _, covered in drawn:
        mask[coding.decode(covered) > 0] = IGNORE if shape.ignored else ids.get(shape.name, IGNORE)
    return mask


def _run_lengths(outline: Any, size: tuple[int, int]) -> dict[str, Any]:
    coding = require("pycocotools.mask", "data", "drawing the outlines of objects")
    plain = isinstance(outline, list) or isinstance(outline["counts"], list)
    runs = coding.frPyObjects(outline, *size) if plain else outline
    return coding.merge(runs) if isinstance(runs, list) else runs


def check_polygons(polygons: Any, where: str) -> list[Any]:
    """Return the polygons of three corners or more; raise `DataError` for those that cannot be drawn."""
    if any(not isinstance(polygon, list) or len(polygon) % 2 for polygon in polygons):
        raise DataError(f"{where}: a polygon is a list x, y, x, y, ... of whole pairs")
    # pycocotools allocates memory for the whole distance between two corners.
    if any(not abs(value) <= _FARTHEST for polygon in polygons for value in polygon):
        raise DataError(f"{where}: a corner of a polygon lies far outside the image; export it again")
    if any(_length(polygon) > _LONGEST for polygon in polygons):
        raise DataError(
            f"{where}: a polygon of {max(map(len, polygons)) // 2:,} corners goes to and fro over more than "
            f"{_LONGEST:,.0f} pixels; export it again, with fewer corners"
        )
    return [polygon for polygon in polygons if len(polygon) >= 2 * _CORNERS]


def _length(polygon: Sequence[float]) -> float:
    """Return the length of an outline in pixels, or a bound on it that is small enough."""
    bound = len(polygon) * (max(polygon, default=0) - min(polygon, default=0))
    if bound <= _LONGEST:
        return bound
    sides = (polygon[0::2], polygon[1::2])
    return sum(abs(b - a) for side in sides for a, b in pairwise([*side, side[0]]))


def placed(
    drawn: Bool[np.ndarray, "rows columns"], top: int, left: int, size: tuple[int, int], where: str
) -> dict[str, Any] | None:
    """Return the run lengths of a mask whose first pixel lies at row `top` and column `left` of an image.

    size: height and width of the image. None if the mask is empty. Raises `DataError` if the mask leads out
    of the image, or the image has more than `MAX_PIXELS` pixels.
    """
    height, width = drawn.shape
    if not (0 <= top <= size[0] - height and 0 <= left <= size[1] - width) or size[0] * size[1] > MAX_PIXELS:
        raise DataError(
            f"{where}: the mask of {height} x {width} pixels at row {top} and column {left} does not fit the "
            f"image of {size[0]} x {size[1]}; export the annotations again"
        )
    if not drawn.any():
        return None
    coding = require("pycocotools.mask", "data", "drawing the outlines of objects")
    covered = np.zeros(size, dtype=np.uint8, order="F")
    covered[top : top + height, left : left + width] = drawn
    return coding.encode(covered)
