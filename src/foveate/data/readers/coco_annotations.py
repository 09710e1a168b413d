"""Read COCO JSON annotations and draw them as masks with one class per pixel.

Where the shapes of objects overlap, the smaller lies on top of the larger. Crowd regions, in which objects
are not separated, are ignored. Pixels without a shape are background.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry
from foveate.data.pixels.images import read_image
from foveate.data.pixels.masks import IGNORE
from foveate.errors import DataError
from foveate.extras import require

BACKGROUND = "background"
_CORNERS = 3
_FARTHEST = 1e6


@dataclass(frozen=True)
class Shape:
    """One annotation: class, polygons or run lengths (outline), area in pixels, and whether it is a crowd."""

    number: int
    name: str
    outline: Any
    area: float
    crowd: bool


@dataclass(frozen=True)
class Annotations:
    """The contents of one JSON file.

    images: file name, height and width, by image id. shapes: by image id. shapeless: number of annotations
    without polygons or run lengths, which make no mask.
    """

    path: Path
    categories: tuple[str, ...]
    images: Mapping[int, tuple[str, int, int]]
    shapes: Mapping[int, tuple[Shape, ...]]
    shapeless: int


def read_annotations(path: Path) -> Annotations:
    """Read and check a JSON file.

    Raises `DataError` that names the line, or the category, image or annotation that is wrong.
    """
    content, where = _load(path), str(path)
    names: dict[int, str] = {}
    images: dict[int, tuple[str, int, int]] = {}
    shapes: dict[int, list[Shape]] = {}
    shapeless = 0
    try:
        for where, row in _rows(path, content["categories"], "category"):
            _require_new(row["id"], names, where)
            names[row["id"]] = str(row["name"])
        ordered = tuple(dict.fromkeys(names[number] for number in sorted(names)))
        for where, row in _rows(path, content["images"], "image"):
            _require_new(row["id"], images, where)
            images[row["id"]] = (str(row["file_name"]), int(row["height"]), int(row["width"]))
        for where, row in _rows(path, content["annotations"], "annotation"):
            if shape := _shape(row, names, images, where):
                shapes.setdefault(row["image_id"], []).append(shape)
            else:
                shapeless += 1
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{where} lacks {error}, which COCO requires; export it as COCO JSON") from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{where} holds a value of the wrong type for COCO ({what}); export it again"
        ) from None
    return Annotations(path, ordered, images, {key: tuple(each) for key, each in shapes.items()}, shapeless)


def _rows(path: Path, rows: Sequence[dict[str, Any]], what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of a list after its name for error messages: its id, or else its position."""
    for place, row in enumerate(rows, 1):
        name = f"{what} {row['id']}" if "id" in row else f"{what} number {place} of its list, without an id,"
        yield f"{path}: {name}", row


def _require_new(number: int, known: Mapping[int, Any], where: str) -> None:
    if number in known:
        raise DataError(f"{where} repeats an id; give each its own")


def _shape(
    row: Mapping[str, Any], names: Mapping[int, str], images: Mapping[int, tuple[str, int, int]], where: str
) -> Shape | None:
    if row.get("image_id") not in images:
        raise DataError(f"{where} names image {row.get('image_id')}, which the file does not list")
    if row.get("category_id") not in names:
        raise DataError(f"{where} names category {row.get('category_id')}, which the file does not list")
    _, height, width = images[row["image_id"]]
    outline = _outline(row.get("segmentation"), height, width, where)
    if outline is None:
        return None
    area, crowd = float(row.get("area") or 0), bool(row.get("iscrowd", 0))
    return Shape(row.get("id", 0), names[row["category_id"]], outline, area, crowd)


def draw(shapes: Sequence[Shape], size: tuple[int, int], ids: Mapping[str, int]) -> UInt8[np.ndarray, "h w"]:
    """Draw the shapes of an image as a mask of class ids.

    size: height and width. ids: class id by name, that of background included. Pixels of shapes without an id
    are ignored.
    """
    coding = require("pycocotools.mask", "data", "COCO annotations: drawing their shapes")
    mask = np.full(size, ids.get(BACKGROUND, IGNORE), dtype=np.uint8)
    for shape in sorted(shapes, key=lambda shape: (not shape.crowd, -shape.area, shape.number)):
        plain = isinstance(shape.outline, list) or isinstance(shape.outline["counts"], list)
        runs = coding.frPyObjects(shape.outline, *size) if plain else shape.outline
        covered = coding.decode(coding.merge(runs) if isinstance(runs, list) else runs)
        mask[covered > 0] = IGNORE if shape.crowd else ids.get(shape.name, IGNORE)
    return mask


@dataclass(frozen=True)
class ReadCoco:
    """Reads an entry's image and draws its mask. shapes, sizes: by stem. ids: class id by name."""

    shapes: Mapping[str, tuple[Shape, ...]]
    sizes: Mapping[str, tuple[int, int]]
    ids: Mapping[str, int]

    def __call__(self, entry: Entry) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        image, size = read_image(entry.image), self.sizes[entry.stem]
        if image.shape[:2] != size:
            raise DataError(
                f"{entry.image}: is {image.shape[0]} x {image.shape[1]} pixels (height x width), and "
                f"{entry.mask} says {size[0]} x {size[1]}; use the image that was annotated"
            )
        return image, draw(self.shapes.get(entry.stem, ()), size, self.ids)

    def classes_of(self, entry: Entry) -> set[int]:
        """Return the class ids of the shapes in an entry's image, and that of background."""
        names = {shape.name for shape in self.shapes.get(entry.stem, ()) if not shape.crowd}
        return {self.ids[name] for name in (BACKGROUND, *names) if name in self.ids}


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{error.lineno}: the JSON is damaged or truncated ({error.msg}, column {error.colno}); "
            "export it again"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text ({error.reason}); export the annotations as JSON") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON that can be read ({error}); export it as COCO JSON") from None
    for part in ("images", "annotations", "categories"):
        rows = content.get(part) if isinstance(content, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(f"{path}: lacks the list '{part}' of COCO annotations; export it as COCO JSON")
    return content


def _outline(segmentation: Any, height: int, width: int, where: str) -> Any:
    """Check the polygons or run lengths of an annotation and return them; None if there are none."""
    if isinstance(segmentation, dict):
        if list(segmentation.get("size", ())) != [height, width]:
            size = segmentation.get("size")
            raise DataError(f"{where}: its run lengths are for {size} and the image is {[height, width]}")
        counts = segmentation.get("counts")
        if not isinstance(counts, list | str):
            raise DataError(f"{where}: its run lengths are {type(counts).__name__}, not a list or a string")
        if (covered := _covered(counts)) != height * width:
            raise DataError(
                f"{where}: its run lengths cover {covered} of {height * width} pixels; export it again"
            )
        return segmentation
    polygons = segmentation or []
    if any(not isinstance(polygon, list) or len(polygon) % 2 for polygon in polygons):
        raise DataError(f"{where}: a polygon is a list x, y, x, y, ... of whole pairs")
    # pycocotools allocates memory for the whole distance between two corners.
    if any(not abs(value) <= _FARTHEST for polygon in polygons for value in polygon):
        raise DataError(f"{where}: a corner of a polygon lies far outside the image; export it again")
    return [polygon for polygon in polygons if len(polygon) >= 2 * _CORNERS] or None


def _covered(counts: list[int] | str) -> int:
    """Return the number of pixels that run lengths cover, given as a list or in COCO's letters.

    Returns -1 if a run is negative. Each letter holds five bits of a number, lowest bits first, and a bit for
    whether more follow. The highest bit of the last letter is the sign. From the fourth number on, the
    differences from the last number but one are stored.

    >>> _covered([2, 3, 4]), _covered("234")
    (9, 9)
    """
    if isinstance(counts, list):
        runs = counts
    else:
        runs, number, place = [], 0, 0
        for letter in counts.encode():
            bits = letter - ord("0")
            number |= (bits & 0x1F) << place
            place += 5
            if not bits & 0x20:
                number -= (1 << place) * bool(bits & 0x10)
                runs.append(number + (runs[-2] if len(runs) > 2 else 0))
                number = place = 0
    return -1 if min(runs, default=0) < 0 else sum(runs)
