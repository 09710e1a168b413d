"""Flood Semantic Segmentation Dataset: `{train,val}/images/*.png` with `{train,val}/labels/*.png`.

Many datasets have these folders; this one is known by the number of images in each, or by the name that its
folder or archive has, and reads as any pairs of images and masks otherwise.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from foveate.data.catalogue import DatasetInfo
from foveate.data.codecs import binary_codec
from foveate.data.coded import coded_layout
from foveate.data.images import image_files
from foveate.data.layout import Layout, reader
from foveate.data.pairing import pair_splits

NAMES = ("background", "flood")
COUNTS = {"train": 600, "val": 63}
LAYOUT = "dataset/ with train/images/ (600 files), train/labels/, val/images/ (63 files) and val/labels/"

_OWN = "dataset"
_NAME = re.compile(r"(fssd|flood[-_ ]semantic[-_ ]segmentation[-_ ]dataset)(-[0-9a-f]{16})?", re.IGNORECASE)
"""What the folder is called; its unpacked archive has a digest behind that."""

INFO = DatasetInfo(
    name="fssd",
    title="Flood Semantic Segmentation Dataset (FSSD)",
    task="segmentation",
    classes=NAMES,
    splits=COUNTS,
    images=sum(COUNTS.values()),
    home="https://www.kaggle.com/datasets/lihuayang111265/flood-semantic-segmentation-dataset",
    citation="Li Huayang, Flood semantic segmentation dataset, Kaggle",
    layout=LAYOUT,
    licence="as its Kaggle page states",
    steps=(
        "log in to Kaggle and download "
        "https://www.kaggle.com/datasets/lihuayang111265/flood-semantic-segmentation-dataset",
        "give the folder with the zip, or what is in it",
    ),
)


@reader("fssd", 16, LAYOUT, INFO)
class Flood:
    @staticmethod
    def recognise(root: Path) -> bool:
        if not all((root / part / "labels").is_dir() for part in COUNTS):
            return False
        folder = root.absolute().parent if root.name == _OWN else root.absolute()
        counted = all(_count(root / part / "images") == count for part, count in COUNTS.items())
        return counted or _NAME.fullmatch(folder.name) is not None

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return coded_layout(pair_splits(root), binary_codec(NAMES, classes, threshold=1), INFO)


def _count(folder: Path) -> int:
    return len(image_files(folder.iterdir())) if folder.is_dir() else 0
