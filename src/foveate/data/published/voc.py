"""Pascal VOC: `JPEGImages/`, palette masks in `SegmentationClass/`, lists in `ImageSets/Segmentation/`."""

import re
from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout, listed, read_list
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import table_codec
from foveate.data.pixels.palette import Color

NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
    "tvmonitor",
)
_NAME = re.compile(r"\d{4}_\w+|\d{6}")
LAYOUT = "VOCdevkit/VOC2012/ with JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt"


def voc_color(number: int) -> Color:
    """Return the colour of a class in VOC's palette: the bits of its id go to red, green and blue in turn.

    >>> voc_color(1), voc_color(15)
    ((128, 0, 0), (192, 128, 128))
    """
    red, green, blue = (
        sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(8))
        for channel in range(3)
    )
    return red, green, blue


INFO = DatasetInfo(
    name="voc",
    title="Pascal VOC 2012, segmentation",
    task="segmentation",
    classes=NAMES,
    colors=tuple(voc_color(number) for number in range(len(NAMES))),
    splits={"train": 1464, "val": 1449},
    images=2913,
    bytes=1_999_639_040,
    licence="none of its own; the photographs: Flickr's terms of use",
    home="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    citation="Everingham, Van Gool, Williams, Winn, Zisserman, The Pascal Visual Object Classes (VOC) "
    "Challenge, IJCV 2010",
    layout=LAYOUT,
    downloads=(
        Download(
            "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            "md5:6cd6e144f989b92b3379bac3b3de84fd",
            1_999_639_040,
        ),
    ),
)


@reader("voc", 12, LAYOUT, INFO)
class Voc:
    @staticmethod
    def recognise(root: Path) -> bool:
        lists = root / "ImageSets" / "Segmentation"
        exported = (root / "labelmap.txt").is_file()  # from a labelling tool, with other classes
        return lists.is_dir() and not exported and _names_of_voc(lists / "train.txt")

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        lists = {
            part: root / "ImageSets" / "Segmentation" / f"{part}.txt" for part in ("train", "val", "test")
        }
        parts = {"train": _entries(root, lists["train"]), "val": _entries(root, lists["val"])}
        notes = []
        if lists["test"].is_file():  # only VOC 2007 has masks for its test images
            if (root / "SegmentationClass" / f"{read_list(lists['test'])[0][1][0]}.png").is_file():
                parts["test"] = _entries(root, lists["test"])
            else:
                notes.append("the test images have no masks and are left out")
        values = {**dict(enumerate(NAMES)), 255: None}
        codec = table_codec(NAMES, values, classes, "masks hold class ids; 255 (borders) is ignored")
        return coded_layout(parts, codec, INFO, *notes)


def _names_of_voc(path: Path) -> bool:
    """Whether a list names images as VOC does; others copy its folders for data with classes of their own."""
    if not path.is_file():
        return True
    with path.open(errors="replace") as file:
        first = next((line.strip() for line in file if line.strip()), "")
    return _NAME.fullmatch(first) is not None or re.fullmatch(r"[\w.-]+", first) is None


def _entries(root: Path, path: Path) -> list[Entry]:
    entries = []
    for line, (stem, *_) in read_list(path):
        where = f"{path}:{line}"
        image = listed(root / "JPEGImages", f"{stem}.jpg", where)
        entries.append(Entry(stem, image, listed(root / "SegmentationClass", f"{stem}.png", where)))
    return entries
