"""`train/ trainannot/ val/ valannot/ test/ testannot/` with masks of class ids: CamVid as SegNet ships it."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import SPLITS, Color
from foveate.data.layout import Layout, reader
from foveate.data.pairing import find_folder, pair_splits, read_indexed

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


@reader("camvid", 20, "train/ trainannot/ val/ valannot/ [test/ testannot/], masks of class ids")
class CamVid:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(find_folder(root, [f"{split}annot"]) for split in SPLITS)

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return read_indexed(pair_splits(root), classes, CAMVID)
