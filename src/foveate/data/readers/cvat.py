"""CVAT's own XML ("CVAT for images"): polygons, masks and ellipses for each image, beside images/.

The classes are background and the labels of the task, in their order. Boxes, lines and points are left out.
Shapes of a higher z-order lie on top, as in CVAT.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from foveate.data.dataset import SPLIT_NAMES
from foveate.data.folders.drawn import Outlined, by_folders, drawn_layout, image_stem
from foveate.data.folders.listing import first_with_suffix
from foveate.data.folders.named_files import NamedFiles
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.folders.text import read_xml
from foveate.data.layout import Layout, reader
from foveate.data.names import one_form
from foveate.data.pixels.limits import MAX_PIXELS
from foveate.data.pixels.shapes import Shape, check_polygons, placed
from foveate.errors import DataError

_START = 100_000
_ELLIPSE = 256
"""Corners of the polygon that is drawn for an ellipse."""


@reader("cvat", 25, "CVAT for images: annotations.xml and images/, with polygons or masks")
class Cvat:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(_files(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        files = NamedFiles(root, [folder for folder in (root, root / "images") if folder.is_dir()])
        written: dict[str, None] = {}
        outlined: list[Outlined] = []
        subsets: dict[str, str] = {}
        boxes = 0
        for path in _files(root):
            tree = read_xml(path)
            if tree.find("track") is not None:
                raise DataError(
                    f"{path}: is CVAT's format for video (tracks); export the task as 'CVAT for images'"
                )
            written |= dict.fromkeys(label.text or "" for label in tree.iterfind("meta//labels/label/name"))
            for element in tree.iterfind("image"):
                each, left_out = _image(root, path, element, files)
                outlined.append(each)
                boxes += left_out
                subsets[each.stem] = element.get("subset", "")
        parts, listed = divide_by_lists(root, _parts(root, outlined, subsets))
        notes = [*listed, *files.notes, *[f"{boxes} boxes, lines and points are left out"] * bool(boxes)]
        return drawn_layout(
            parts, written, classes, "CVAT annotations", _nothing(root, outlined, boxes), notes
        )


def _files(root: Path) -> list[Path]:
    folders = [root, root / "annotations", *(root / name for name in SPLIT_NAMES)]
    return [path for folder in folders for path in first_with_suffix(folder, ".xml") if _is_cvat(path)]


def _is_cvat(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(_START)
    return b"<annotations>" in start and (b"<image " in start or b"<meta>" in start or b"<track" in start)


def _parts(
    root: Path, outlined: Sequence[Outlined], subsets: dict[str, str]
) -> dict[str, tuple[Outlined, ...]]:
    """Return the images by the subsets of CVAT, if they are splits, or else by folders."""
    named = [SPLIT_NAMES.get(subsets[each.stem].lower()) for each in outlined]
    if None in named:
        return by_folders(root, outlined)
    parts: dict[str, list[Outlined]] = {}
    for part, each in zip(named, outlined, strict=True):
        parts.setdefault(str(part), []).append(each)
    return {part: tuple(held) for part, held in parts.items()}


def _image(root: Path, path: Path, element: Element, files: NamedFiles) -> tuple[Outlined, int]:
    """Return an image with its shapes, and the number of shapes that are left out."""
    name, where = element.get("name", ""), f"{path}: image '{element.get('name', '')}'"
    subset = element.get("subset", "")
    image = (subset and files.find(f"{subset}/{name}", where)) or files.find(name, where)
    if not image:
        raise DataError(f"{where} does not exist (looked in {files.folders[-1]}); add it")
    try:
        size = (int(element.attrib["height"]), int(element.attrib["width"]))
        drawn = [_shape(number, shape, size, where) for number, shape in enumerate(element, 1)]
    except KeyError as error:
        raise DataError(f"{where} lacks {error}, which CVAT writes; export the task again") from None
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{where} holds a value that CVAT does not write ({error}); export it again"
        ) from None
    shapes = tuple(shape for shape in drawn if shape)
    left_out = sum(each is None and shape.tag != "tag" for each, shape in zip(drawn, element, strict=True))
    return Outlined(image_stem(root, image), image, path, size, shapes), left_out


def _shape(number: int, element: Element, size: tuple[int, int], where: str) -> Shape | None:
    draw = {"polygon": _polygon, "ellipse": _ellipse, "mask": _mask}.get(element.tag)
    outline = draw(element, size, where) if draw else None
    if not outline:
        return None
    layer = int(element.get("z_order", 0))
    return Shape(number, one_form(element.attrib["label"]), outline, layer=layer)


def _polygon(element: Element, size: tuple[int, int], where: str) -> Any:
    points = [point.split(",") for point in element.attrib["points"].split(";")]
    return check_polygons([[float(value) for x, y in points for value in (x, y)]], where)


def _ellipse(element: Element, size: tuple[int, int], where: str) -> Any:
    x, y, across, tall = (float(element.attrib[key]) for key in ("cx", "cy", "rx", "ry"))
    turn = np.deg2rad(float(element.get("rotation", 0)))
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE, endpoint=False)
    right, down = across * np.cos(angles), tall * np.sin(angles)
    corners = np.stack(
        [x + right * np.cos(turn) - down * np.sin(turn), y + right * np.sin(turn) + down * np.cos(turn)], 1
    )
    return check_polygons([corners.ravel().tolist()], where)


def _mask(element: Element, size: tuple[int, int], where: str) -> Any:
    """Return the run lengths of a mask, which CVAT writes row by row within the mask's own box."""
    left, top, width, height = (int(float(element.attrib[key])) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in element.attrib["rle"].split(",")]
    if min(width, height, *runs) < 0 or sum(runs) != width * height or sum(runs) > MAX_PIXELS:
        raise DataError(
            f"{where}: a mask of {height} x {width} pixels has runs of {sum(runs)}; export the task again"
        )
    drawn = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return placed(drawn, top, left, size, where)


def _nothing(root: Path, outlined: Sequence[Outlined], boxes: int) -> str:
    words = f"no object is outlined in the {len(outlined)} images of CVAT's annotations"
    if boxes:
        return (
            f"{root}: {words}, which hold {boxes} boxes, lines or points, and these are no masks; outline "
            "the objects as polygons or masks"
        )
    return f"{root}: {words}, so there is nothing to learn; outline objects, and export the task again"
