"""ISIC 2018, task 1: `ISIC2018_Task1-2_<Split>_Input/` with `ISIC2018_Task1_<Split>_GroundTruth/`."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.coded import coded_layout
from foveate.data.folders.listing import locate_folder
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec
from foveate.errors import DataError

NAMES = ("skin", "lesion")
LAYOUT = "ISIC2018_Task1-2_Training_Input/ and ISIC2018_Task1_Training_GroundTruth/ (Validation, Test alike)"
_SPLITS = {"train": "Training", "val": "Validation", "test": "Test"}
_ADDRESS = "https://isic-challenge-data.s3.amazonaws.com/2018"

INFO = DatasetInfo(
    name="isic2018",
    title="ISIC 2018 task 1: skin lesions",
    task="segmentation",
    classes=NAMES,
    splits={"train": 2594, "val": 100, "test": 1000},
    images=3694,
    home="https://challenge.isic-archive.com/data/#2018",
    citation="Codella et al., Skin Lesion Analysis Toward Melanoma Detection 2018, arXiv 1902.03368; "
    "Tschandl, Rosendahl, Kittler, The HAM10000 dataset, Scientific Data 2018",
    layout=LAYOUT,
    licence="CC BY-NC 4.0",
    downloads=tuple(
        Download(f"{_ADDRESS}/ISIC2018_{task}_{split}_{what}.zip")
        for split in _SPLITS.values()
        for task, what in (("Task1-2", "Input"), ("Task1", "GroundTruth"))
    ),
)


@reader("isic2018", 13, LAYOUT, INFO)
class Isic2018:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(any(folder.is_dir() for folder in _folders(root, split)) for split in _SPLITS.values())

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        parts = {}
        for part, split in _SPLITS.items():
            images, masks = _folders(root, split)
            if images.is_dir() and masks.is_dir():
                parts[part] = pair(images, masks, f"{part}/")
            elif images.is_dir() or masks.is_dir():
                lacks = masks if images.is_dir() else images
                raise DataError(f"{lacks}: there is no such folder; unpack {lacks.name}.zip beside the other")
        return coded_layout(parts, binary_codec(NAMES, classes), INFO)


def _folders(root: Path, split: str) -> tuple[Path, Path]:
    images, masks = f"ISIC2018_Task1-2_{split}_Input", f"ISIC2018_Task1_{split}_GroundTruth"
    return locate_folder(root, images), locate_folder(root, masks)
