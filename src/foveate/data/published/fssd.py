"""Flood Semantic Segmentation Dataset: `{train,val}/images/*.png` with `{train,val}/labels/*.png`.

Many datasets have these folders. This one is recognised by the name of its folder or archive, or by its
numbers of images and masks of two values. Other folders are read as pairs of images and masks.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foveate.data.folders.coded import coded_layout
from foveate.data.folders.pairing import pair_splits
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec
from foveate.data.pixels.images import image_files
from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError

NAMES = ("background", "flood")
COUNTS = {"train": 600, "val": 63}
LAYOUT = "dataset/ with train/images/ (600 files), train/labels/, val/images/ (63 files) and val/labels/"

_OWN = "dataset"
_LOOKED_AT = 10
_NAME = re.compile(r"(fssd|flood[-_ ]semantic[-_ ]segmentation[-_ ]dataset)(-[0-9a-f]{16})?", re.IGNORECASE)
"""Name of the folder. That of an unpacked archive ends with a digest."""

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
        return _NAME.fullmatch(folder.name) is not None or _looks_like_it(root)

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return coded_layout(pair_splits(root), binary_codec(NAMES, classes, threshold=1), INFO)


def _looks_like_it(root: Path) -> bool:
    """Whether the numbers of images match and the first masks hold at most two values."""
    for part, count in COUNTS.items():
        images = root / part / "images"
        if not images.is_dir() or len(image_files(images.iterdir())) != count:
            return False
    first = image_files((root / "val" / "labels").iterdir())[:_LOOKED_AT]
    try:
        return len({value for path in first for value in np.unique(read_raw(path)).tolist()}) <= 2
    except DataError:
        return False
