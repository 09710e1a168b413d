"""Masks as files of other programs: what is written is read back bit for bit by `foveate.data`.

Every format but COCO is one file for each mask.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from jaxtyping import UInt8
from PIL import Image

from foveate.data.pixels.raster import SUFFIXES
from foveate.data.pixels.shapes import BACKGROUND
from foveate.data.published.cityscapes import CLASSES
from foveate.errors import UserError
from foveate.prediction.facts import Facts
from foveate.prediction.regions import polygons, run_lengths
from foveate.specs.bindings import Binding, parse_bindings

Mask = UInt8[np.ndarray, "h w"]

GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
"""The tags of a GeoTIFF that hold its place on Earth, and the system of its coordinates."""

MOST_POLYGONS = 1000
"""Regions of a class with more outlines than this are written as run lengths alone: they are noise."""

MOST_GREY = 65_535
"""The highest value of a grey PNG."""

_BLOCK = 512


def write_png(file: IO[bytes], mask: Mask, facts: Facts, image: Path) -> None:
    """Write class ids as 8-bit grey."""
    Image.fromarray(mask).save(file, "PNG")


def write_palette(file: IO[bytes], mask: Mask, facts: Facts, image: Path) -> None:
    """Write class ids with the colours of the classes as palette."""
    picture = Image.fromarray(mask, "P")
    picture.putpalette(list(facts.palette))
    picture.save(file, "PNG")


def write_npz(file: IO[bytes], mask: Mask, facts: Facts, image: Path) -> None:
    """Write the arrays `mask`, `classes` (names) and `colors`."""
    np.savez_compressed(
        file, mask=mask, classes=np.array(facts.classes), colors=np.array(facts.colors, np.uint8)
    )


def write_cityscapes(file: IO[bytes], mask: Mask, facts: Facts, image: Path) -> None:
    """Write Cityscapes' label ids (road is 7)."""
    ids = np.zeros(256, np.uint8)
    ids[: len(facts.classes)] = [CLASSES[name][0] for name in facts.classes]
    Image.fromarray(ids[mask]).save(file, "PNG")


def write_stored(file: IO[bytes], mask: Mask, facts: Facts, image: Path) -> None:
    """Write the values that stood for the classes in the masks of training: grey of 8 or 16 bits, or RGB.

    Where several values stood for a class, the first is written.
    """
    values = np.array([binding.values[0] for binding in _bindings(facts)])
    deep = values.ndim == 1 and values.max() > 255
    Image.fromarray(values.astype(np.uint16 if deep else np.uint8)[mask]).save(file, "PNG")


def _bindings(facts: Facts) -> list[Binding]:
    """Return what stood for each class, in the order of the classes; empty if that is not known."""
    bound = {binding.name: binding for binding in parse_bindings(facts.table)}
    return [bound[name] for name in facts.classes] if bound.keys() >= {*facts.classes} else []


def write_geotiff(file: IO[bytes], mask: Mask, facts: Facts, image: Path) -> None:
    """Write class ids as a tiled TIFF with the colours as palette, and with the georeference of the image."""
    colors = np.array(facts.palette, np.uint16).reshape(256, 3).T * 257
    content = io.BytesIO()  # tifffile takes no file that was opened by its number
    tifffile.imwrite(
        content,
        mask,
        photometric="palette",
        colormap=colors,
        tile=(_BLOCK, _BLOCK),
        compression="zlib",
        extratags=_georeference(image),
        metadata=None,
        software=f"foveate {facts.version}",
    )
    file.write(content.getbuffer())


def _georeference(image: Path) -> list[tuple[int, int, int, Any, bool]]:
    """Return the tags of `GEO_TAGS` that an image has, as tifffile writes them."""
    if image.suffix.lower() not in SUFFIXES or image.suffix.lower() == ".npy":
        return []
    try:
        with tifffile.TiffFile(image) as tiff:
            tags = [tiff.pages[0].tags.get(code) for code in GEO_TAGS]
            return [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags if tag is not None]
    except tifffile.TiffFileError:  # another kind of image under this name
        return []


@dataclass(frozen=True)
class MaskFormat:
    """What a mask's file is named after the image's name, and what writes it."""

    ending: str
    write: Callable[[IO[bytes], Mask, Facts, Path], None]


FORMATS = {
    "png": MaskFormat(".png", write_png),
    "palette": MaskFormat(".png", write_palette),
    "npz": MaskFormat(".npz", write_npz),
    "cityscapes": MaskFormat("_gtFine_labelIds.png", write_cityscapes),
    "geotiff": MaskFormat(".tif", write_geotiff),
    "stored": MaskFormat(".png", write_stored),
}
"""Formats of one file for each mask."""

COCO = "annotations.json"
"""Name of the one file of COCO annotations."""


def check_format(name: str, facts: Facts) -> None:
    """Raise `UserError` if masks of these classes cannot be written in a format."""
    if name == "cityscapes" and (others := [each for each in facts.classes if each not in CLASSES]):
        raise UserError(
            f"--format cityscapes: {', '.join(others[:3])}{', ...' * (len(others) > 3)} "
            f"{'is' if len(others) == 1 else 'are'} not among the classes of Cityscapes, which are "
            f"{', '.join(CLASSES)}"
        )
    if name == "stored" and not (bindings := _bindings(facts)):
        raise UserError(
            "--format stored: the run does not record which values stood for its classes, as its data named "
            "them, or it is of an older version; leave it out for class ids"
        )
    if name == "stored" and any(first > MOST_GREY for each in bindings for first, _ in each.ranges[:1]):
        raise UserError(f"--format stored: a PNG holds values up to {MOST_GREY}, and a class stood above")


@dataclass
class CocoAnnotations:
    """COCO's lists, to which one mask after the other is added.

    Each class in a mask is one annotation: polygons along the edges of its pixels, or run lengths where it
    has holes or is scattered, which polygons of COCO do not hold exactly. A class named background is what
    no annotation covers, and has none.
    """

    facts: Facts
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, mask: Mask) -> None:
        """Add the mask of the image with this file name."""
        height, width = mask.shape
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": name, "height": height, "width": width})
        present = np.flatnonzero(np.bincount(mask.ravel(), minlength=len(self.facts.classes)))
        for each in present.tolist():
            if self.facts.classes[each] != BACKGROUND:
                self.annotations.append(self._annotation(number, each, mask == each))

    def _annotation(self, image: int, category: int, region: np.ndarray) -> dict[str, Any]:
        rows, columns = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
        left, top = int(columns[0]), int(rows[0])
        return {
            "id": len(self.annotations) + 1,
            "image_id": image,
            "category_id": category + 1,
            "iscrowd": 0,
            "area": int(region.sum()),
            "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
            "segmentation": _outline(region),
        }

    def text(self) -> str:
        """Return the contents of the JSON file."""
        names = enumerate(self.facts.classes, 1)
        categories = [{"id": number, "name": name} for number, name in names if name != BACKGROUND]
        return json.dumps({"images": self.images, "annotations": self.annotations, "categories": categories})


def _outline(region: np.ndarray) -> list[list[int]] | dict[str, Any]:
    """Return polygons whose areas add up to the region, or run lengths."""
    rings = polygons(region)
    # A hole is a polygon too, whose area would be added.
    if len(rings) <= MOST_POLYGONS and sum(map(_area, rings)) == region.sum():
        return rings
    return run_lengths(region)


def _area(ring: list[int]) -> int:
    x, y = np.array(ring[0::2]), np.array(ring[1::2])
    return abs(int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) // 2
