"""Ottawa roads: folders 1 to 20, each with `Ottawa-<n>.tif` and `segmentation.png` (dark roads on white)."""

import re
from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout, listed
from foveate.data.folders.listing import folders_in
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec

NAMES = ("background", "road")
LAYOUT = "Ottawa-Dataset/ with <n>/Ottawa-<n>.tif and <n>/segmentation.png"

INFO = DatasetInfo(
    name="ottawa",
    title="Ottawa roads (RoadNet): aerial images at 0.21 m a pixel",
    task="segmentation",
    classes=NAMES,
    splits={"train": 14, "test": 6},
    images=20,
    home="https://github.com/yhlleo/RoadNet",
    citation="Liu, Yao, Lu, Xia, Wang, Liu, RoadNet: Learning to Comprehensively Analyze Road Networks in "
    "Complex Urban Scenes from High-Resolution Remotely Sensed Images, IEEE TGRS 2018",
    layout=LAYOUT,
    licence="none stated; the aerial images are from Google Earth",
    steps=(
        "follow the download link on https://github.com/yhlleo/RoadNet",
        "give the folder with the zip, or the unpacked Ottawa-Dataset",
    ),
)

_TEST = frozenset([1, 16, 17, 18, 19, 20])
_WHITE = 250


@reader("ottawa", 13, LAYOUT, INFO)
class Ottawa:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any((folder / f"Ottawa-{folder.name}.tif").is_file() for folder in folders_in(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        parts: dict[str, list[Entry]] = {"train": [], "test": []}
        for image in sorted(root.glob("*/Ottawa-*.tif"), key=_number):
            mask = listed(image.parent, "segmentation.png", str(image))
            parts["test" if _number(image) in _TEST else "train"].append(Entry(image.stem, image, mask))
        return coded_layout(parts, binary_codec(NAMES, classes, dark=True, threshold=_WHITE), INFO)


def _number(image: Path) -> int:
    digits = re.search(r"\d+", image.stem)
    return int(digits[0]) if digits else 0
