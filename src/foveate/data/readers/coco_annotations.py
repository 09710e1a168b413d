"""Read COCO JSON annotations. Crowd regions, in which objects are not separated, are ignored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.data.folders.text import read_json
from foveate.data.names import one_form
from foveate.data.pixels.shapes import Shape, check_polygons
from foveate.errors import DataError

LISTS = ("images", "annotations", "categories")
"""The lists that a file of COCO annotations holds."""


@dataclass(frozen=True)
class Annotations:
    """The contents of one JSON file.

    categories: their names as they are written, in the order of their ids. images: file name, height and
    width, by image id. shapes: by image id. shapeless: number of annotations without polygons or run lengths,
    which make no mask.
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
        for number, (where, row) in enumerate(_rows(path, content["annotations"], "annotation")):
            if shape := _shape(number, row, names, images, where):
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
    number: int,
    row: Mapping[str, Any],
    names: Mapping[int, str],
    images: Mapping[int, tuple[str, int, int]],
    where: str,
) -> Shape | None:
    if row.get("image_id") not in images:
        raise DataError(f"{where} names image {row.get('image_id')}, which the file does not list")
    if row.get("category_id") not in names:
        panoptic = "; this is COCO's panoptic form: export outlines (instances)" * ("segments_info" in row)
        raise DataError(
            f"{where} names category {row.get('category_id')}, which the file does not list{panoptic}"
        )
    _, height, width = images[row["image_id"]]
    outline = _outline(row.get("segmentation"), height, width, where)
    if outline is None:
        return None
    name = one_form(names[row["category_id"]])
    return Shape(number, name, outline, ignored=bool(row.get("iscrowd", 0)))


def _load(path: Path) -> dict[str, Any]:
    content = read_json(path)
    for part in LISTS:
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
    return check_polygons(segmentation or [], where) or None


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
