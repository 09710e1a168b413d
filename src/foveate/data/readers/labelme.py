"""LabelMe: a JSON beside each image, or in a folder of its own, with the shapes that were drawn.

Polygons, rectangles, circles and masks are drawn; lines and points have no area. The classes are background
and the labels in alphabetical order. An image without a JSON is not annotated yet, and is left out.
"""

import base64
import binascii
import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foveate.data.folders.drawn import Outlined, by_folders, drawn_layout, image_stem
from foveate.data.folders.listing import SEARCH_LIMIT, first_with_suffix, folders_in, list_images
from foveate.data.folders.named_files import NamedFiles, slashes
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.folders.text import read_json
from foveate.data.layout import Layout, reader
from foveate.data.names import one_form
from foveate.data.pixels.images import read_size
from foveate.data.pixels.shapes import BACKGROUND, Shape, check_polygons, placed
from foveate.data.pixels.stored import read_raw
from foveate.data.words import split_of
from foveate.errors import DataError

_MEGABYTES = 300
_LOOKED_AT = 3
_CIRCLE = 256
"""Corners of the polygon that is drawn for a circle."""


@reader("labelme", 27, "LabelMe: a.json beside a.jpg (or in a folder of its own), with polygons or masks")
class LabelMe:
    @staticmethod
    def recognise(root: Path) -> bool:
        inner = folders_in(root)[:SEARCH_LIMIT]
        parts = (folder for folder in inner if split_of(folder.name))
        folders = [root, *inner, *(path for part in parts for path in folders_in(part)[:SEARCH_LIMIT])]
        files = (path for folder in folders for path in first_with_suffix(folder, ".json")[:_LOOKED_AT])
        return any(map(is_labelme, files))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        images = list_images(root)
        finder = _Finder(root, {path.with_suffix(""): path for path in images})
        read = [_read(root, path, finder) for path in sorted(root.rglob("*.json")) if is_labelme(path)]
        outlined = [each for each, _, _ in read]
        flat = sum(count for _, _, count in read)
        unannotated = len(set(images) - {each.image for each in outlined})
        parts, listed = divide_by_lists(root, by_folders(root, outlined))
        notes = [*listed, *finder.files.notes]
        notes += [f"{flat} shapes without an area (lines, points) are left out"] * bool(flat)
        notes += [f"{unannotated} images without a JSON are left out"] * bool(unannotated)
        nothing = f"{root}: no object is outlined in its {len(outlined)} files of LabelMe; outline objects"
        written = sorted({label for _, labels, _ in read for label in labels})
        return drawn_layout(parts, written, classes, "LabelMe files", nothing, notes)


def is_labelme(path: Path) -> bool:
    """Whether a JSON file has the keys of LabelMe; it is not parsed, as it may hold the whole image."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"shapes"') >= 0 and content.find(b'"imagePath"') >= 0


class _Finder:
    """Finds the image of a JSON: where `imagePath` says, beside the JSON, or by the path's last parts."""

    def __init__(self, root: Path, beside: Mapping[Path, Path]) -> None:
        self.root, self.beside = root, beside
        self.files = NamedFiles(root, [root])

    def image(self, path: Path, named: str) -> Path:
        there = Path(os.path.normpath(path.parent / slashes(named)))
        if there.is_relative_to(self.root) and there.is_file():
            return there
        found = self.beside.get(path.with_suffix("")) or self.files.find(named, str(path))
        if found is None:
            raise DataError(f"{path}: its image '{named}' does not exist; add it, or remove the JSON")
        return found


def _read(root: Path, path: Path, finder: _Finder) -> tuple[Outlined, list[str], int]:
    """Return an image with its shapes, their labels as written, and the number of shapes without an area."""
    content = _load(path)
    image = finder.image(path, content["imagePath"])
    stated = (content.get("imageHeight"), content.get("imageWidth"))
    size = stated if all(isinstance(side, int) and side > 0 for side in stated) else read_size(image)
    labels: list[str] = []
    shapes: list[Shape] = []
    for number, row in enumerate(content["shapes"], 1):
        label = BACKGROUND if row.get("label") == "_background_" else str(row.get("label", ""))
        where = f"{path}: shape {number}, '{label}',"
        try:
            outline = _outline(row, size, where)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{where} holds a value that LabelMe does not write ({type(error).__name__}: {error}); save "
                "the file in LabelMe again"
            ) from None
        if outline:
            labels.append(label)
            shapes.append(Shape(number, one_form(label), outline))
    flat = len(content["shapes"]) - len(shapes)
    return Outlined(image_stem(root, image), image, path, size, tuple(shapes)), labels, flat


def _load(path: Path) -> dict[str, Any]:
    content = read_json(path, _MEGABYTES)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(row, dict) for row in shapes):
        raise DataError(f"{path}: lacks the list 'shapes' of LabelMe; save the file in LabelMe again")
    if not isinstance(content.get("imagePath"), str):
        raise DataError(f"{path}: lacks 'imagePath', the name of its image; save the file in LabelMe again")
    return content


def _outline(row: Mapping[str, Any], size: tuple[int, int], where: str) -> Any:
    """Return the polygons or run lengths of a shape; None for lines and points."""
    kind, points = row.get("shape_type") or "polygon", [(float(x), float(y)) for x, y in row["points"]]
    if kind == "mask":
        return _mask(str(row["mask"]), points, size, where)
    if kind == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    elif kind == "circle":
        centre, edge = points
        radius = np.hypot(edge[0] - centre[0], edge[1] - centre[1])
        angles = np.linspace(0, 2 * np.pi, _CIRCLE, endpoint=False)
        points = [(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)) for a in angles]
    elif kind not in ("polygon", "rectangle", "rotation"):
        return None
    return check_polygons([[float(value) for point in points for value in point]], where) or None


def _mask(
    text: str, points: Sequence[tuple[float, float]], size: tuple[int, int], where: str
) -> dict[str, Any] | None:
    """Return the run lengths of a mask: a PNG in base64, whose first pixel lies at the first point."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise DataError(f"{where} has a damaged mask ({error}); save the file in LabelMe again") from None
    drawn = read_raw(where, content=content) > 0
    left, top = (round(value) for value in points[0])
    return placed(drawn, top, left, size, where)
