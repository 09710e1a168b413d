"""Flood Semantic Segmentation Dataset: `{train,val}/images/*.png` with `{train,val}/labels/*.png`.

Many datasets have these folders; this one is known by a folder that is named after it, and reads as any pair
of images and masks otherwise.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from foveate.data.catalogue import DatasetInfo
from foveate.data.codecs import binary_codec
from foveate.data.coded import coded_layout
from foveate.data.layout import Layout, reader
from foveate.data.pairing import pair_splits, split_folders

NAMES = ("background", "flood")
LAYOUT = "fssd/ (or flood-semantic.../) with train/images/, train/labels/, val/images/ and val/labels/"

INFO = DatasetInfo(
    name="fssd",
    title="Flood Semantic Segmentation Dataset (FSSD)",
    task="segmentation",
    classes=NAMES,
    splits={"train": 600, "val": 63},
    images=663,
    home="https://www.kaggle.com/datasets/lihuayang111265/flood-semantic-segmentation-dataset",
    citation="Li Huayang, Flood semantic segmentation dataset, Kaggle",
    layout=LAYOUT,
    steps=(
        "log in to Kaggle and download "
        "https://www.kaggle.com/datasets/lihuayang111265/flood-semantic-segmentation-dataset",
        "give the folder with the zip, or what is in it in a folder named fssd",
    ),
)

_NAME = re.compile(r"fssd|flood[-_ ]semantic", re.IGNORECASE)


@reader("fssd", 16, LAYOUT, INFO)
class Flood:
    @staticmethod
    def recognise(root: Path) -> bool:
        named = any(_NAME.search(part) for part in root.absolute().parts[-3:])
        return named and (root / "train" / "labels").is_dir() and bool(split_folders(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return coded_layout(pair_splits(root), binary_codec(NAMES, classes, threshold=1), INFO)
