"""YOLO segmentation: a text file of polygons for each image, and the names of the classes.

Folders: `images/ labels/`, with or without folders of splits inside, or `train/images/ train/labels/`; or the
text files lie beside the images. A line is a class and the corners of a polygon, in shares of the image's
width and height. The names stand in data.yaml, classes.txt or obj.names.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from foveate.data.folders.drawn import Outlined, by_folders, drawn_layout, image_stem
from foveate.data.folders.listing import (
    SEARCH_LIMIT,
    first_with_suffix,
    folders_in,
    holds_images,
    list_images,
)
from foveate.data.folders.pair_folders import find_folder
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.folders.text import read_text
from foveate.data.layout import Layout, reader
from foveate.data.names import one_form
from foveate.data.pixels.shapes import Shape, check_polygons
from foveate.errors import DataError

_LINE = re.compile(r"\d+(\.0*)?(\s+[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?){4,}")
_NAME_FILES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml", "classes.txt", "obj.names")
_BOX = 4
_OUTSIDE = 1.0
"""How far outside the image a corner may lie, in shares of the image."""

_MEGABYTES = 50


@reader(
    "yolo",
    25,
    "YOLO segmentation: images/ and labels/*.txt of polygons (or in train/ valid/ test/), data.yaml",
)
class Yolo:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(map(_holds_labels, _label_folders(root)))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        names = _names(root)
        outlined, boxes, bare = [], [], set()
        for image in _images(root):
            path = _label_file(image)
            shapes, left_out = _shapes(path, names) if path else ((), [])
            boxes += left_out
            bare |= set() if path else {image}
            outlined.append(Outlined(image_stem(root, image), image, path or image, None, shapes))
        if len(bare) == len(outlined):
            raise DataError(
                f"{root}: no image has the name of one of the texts in labels/; put the images into images/"
            )
        folders = by_folders(root, outlined)
        labelled = {part: held for part, held in folders.items() if any(e.image not in bare for e in held)}
        parts, listed = divide_by_lists(root, labelled)
        drawn = {shape.name for each in outlined for shape in each.shapes}
        written = names.values() or sorted(drawn, key=lambda name: int(name.removeprefix("class ")))
        notes = [*listed, *_notes(boxes, bare, {p: len(h) for p, h in folders.items() if p not in labelled})]
        return drawn_layout(parts, written, classes, "YOLO labels", _nothing(root, boxes), notes)


def _images(root: Path) -> list[Path]:
    """Return the images below folders called images, if there are folders of labels; otherwise all."""
    images = list_images(root)
    inside = [path for path in images if "images" in map(str.lower, path.relative_to(root).parts[:-1])]
    return inside or images


def _label_folders(root: Path) -> list[Path]:
    labels = find_folder(root, ["labels"])
    folders = [labels, *folders_in(labels)[:SEARCH_LIMIT]] if labels else []
    inner = folders_in(root)[:SEARCH_LIMIT]
    folders += [path for folder in inner if (path := find_folder(folder, ["labels"]))]
    if not folders and any((root / name).is_file() for name in _NAME_FILES):
        folders += [folder for folder in (root, *inner) if holds_images(folder)]
        return folders
    return [folder for folder in folders if not holds_images(folder)]


def _holds_labels(folder: Path) -> bool:
    """Whether the first text in a folder that holds anything is lines of YOLO."""
    for path in first_with_suffix(folder, ".txt")[:SEARCH_LIMIT]:
        if path.name in _NAME_FILES:
            continue
        with path.open(errors="replace") as file:
            line = next((line.strip() for line in file if line.strip()), "")
        if line:
            return _LINE.fullmatch(line) is not None
    return False


def _label_file(image: Path) -> Path | None:
    """Return the text of an image: in labels/ in place of images/, or beside it; None if there is none."""
    parts = list(image.parts)
    places = [number for number, part in enumerate(parts[:-1]) if part.lower() == "images"]
    beside = image.with_suffix(".txt")
    for place in reversed(places):
        for name in ("labels", "Labels"):
            path = Path(*parts[:place], name, *parts[place + 1 : -1], beside.name)
            if path.is_file():
                return path
    return beside if beside.is_file() else None


def _names(root: Path) -> dict[int, str]:
    """Return the names of the classes by their numbers, as they are written; empty if no file names them."""
    path = next((root / name for name in _NAME_FILES if (root / name).is_file()), None)
    if path is None:
        return {}
    text = read_text(path, _MEGABYTES)
    if path.suffix not in (".yaml", ".yml"):
        return dict(enumerate(line for line in text.splitlines() if line.strip()))
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise DataError(f"{path}:{line}: is not YAML that can be read; mend it or export it again") from None
    if isinstance(content, dict) and "kpt_shape" in content:
        raise DataError(f"{path}: the labels are keypoints (kpt_shape), not outlines; export segmentation")
    names = content.get("names") if isinstance(content, dict) else None
    rows = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(rows, dict) or not all(isinstance(number, int) for number in rows):
        raise DataError(
            f"{path}: lacks the list 'names' of the classes; add it, in the order of their numbers"
        )
    return {number: str(name) for number, name in sorted(rows.items())}


def _shapes(path: Path, names: dict[int, str]) -> tuple[tuple[Shape, ...], list[str]]:
    """Return the polygons of a text, and where its boxes are ("file:line")."""
    shapes, boxes = [], []
    for line, words in _lines(path):
        where = f"{path}:{line}"
        if not _LINE.fullmatch(" ".join(words)):
            raise DataError(
                f"{where}: '{' '.join(words)[:60]}' is not a class and the corners of a polygon, x y x y "
                "...; mend the line"
            )
        number, corners = int(float(words[0])), [float(word) for word in words[1:]]
        if names and number not in names:
            raise DataError(f"{where}: names class {number}, and {len(names)} classes are named; mend either")
        if len(corners) == _BOX:
            boxes.append(where)
            continue
        if not all(-_OUTSIDE <= value <= 1 + _OUTSIDE for value in corners):
            raise DataError(
                f"{where}: a corner lies far outside the image; corners are shares of its width and height, "
                "from 0 to 1"
            )
        polygons = check_polygons([corners], where)
        shapes += [Shape(line, one_form(names.get(number, f"class {number}")), polygons)] * bool(polygons)
    return tuple(shapes), boxes


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_text(path, _MEGABYTES).splitlines(), start=1):
        if words := line.split():
            yield number, words


def _nothing(root: Path, boxes: Sequence[str]) -> str:
    if boxes:
        return (
            f"{boxes[0]}: is a box (class, x, y, width, height), as are all {len(boxes)} objects, and boxes "
            "are no masks; export the annotations as segmentation: YOLO with polygons, COCO, or masks"
        )
    return f"{root}: no object is outlined in the YOLO labels, so there is nothing to learn; outline objects"


def _notes(boxes: Sequence[str], bare: Collection[Path], unlabelled: Mapping[str, int]) -> Iterator[str]:
    if boxes:
        yield f"{len(boxes)} boxes, which are no outlines, are left out ({Path(boxes[0]).name} the first)"
    for part, count in unlabelled.items():
        yield f"the {count} images of {part} have no labels and are left out"
    if without := len(bare) - sum(unlabelled.values()):
        yield f"{without} images without a text of labels have no objects, as YOLO reads them"
