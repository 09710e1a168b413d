"""CamVid as its authors ship it: 720x960 frames, masks in 32 colours, joined into the eleven usual classes.

`701_StillsRaw_full/*.png` with `LabeledApproved_full/*_L.png`. The split is SegNet's. Void is ignored, or
becomes a twelfth class, Other, if that is named among the classes.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout
from foveate.data.folders.listing import locate_folder
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo, Download
from foveate.data.known import by_name
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import table_codec
from foveate.data.pixels.palette import Color
from foveate.data.published.camvid import CAMVID

OTHER = "Other"
LAYOUT = "701_StillsRaw_full/*.png and LabeledApproved_full/*_L.png"

COLORS: dict[Color, str | None] = {
    (64, 128, 64): "Pedestrian",  # Animal
    (192, 0, 128): "Building",  # Archway
    (0, 128, 192): "Bicyclist",
    (0, 128, 64): "Building",  # Bridge
    (128, 0, 0): "Building",
    (64, 0, 128): "Car",
    (64, 0, 192): "Pedestrian",  # CartLuggagePram
    (192, 128, 64): "Pedestrian",  # Child
    (192, 192, 128): "Pole",  # Column_Pole
    (64, 64, 128): "Fence",
    (128, 0, 192): "Road",  # LaneMkgsDriv
    (192, 0, 64): "Road",  # LaneMkgsNonDriv
    (128, 128, 64): "SignSymbol",  # Misc_Text
    (192, 0, 192): "Bicyclist",  # MotorcycleScooter
    (128, 64, 64): "Car",  # OtherMoving
    (64, 192, 128): "Pavement",  # ParkingBlock
    (64, 64, 0): "Pedestrian",
    (128, 64, 128): "Road",
    (128, 128, 192): "Pavement",  # RoadShoulder
    (0, 0, 192): "Pavement",  # Sidewalk
    (192, 128, 128): "SignSymbol",
    (128, 128, 128): "Sky",
    (64, 128, 192): "Car",  # SUVPickupTruck
    (0, 0, 64): "Pole",  # TrafficCone
    (0, 64, 64): "SignSymbol",  # TrafficLight
    (192, 64, 128): "Car",  # Train
    (128, 128, 0): "Tree",
    (192, 128, 192): "Car",  # Truck_Bus
    (64, 0, 64): "Building",  # Tunnel
    (192, 192, 0): "Tree",  # VegetationMisc
    (0, 0, 0): None,  # Void
    (64, 192, 0): "Building",  # Wall
}
"""The 32 colours and the class that each is joined into (with its own name, if that differs)."""

INFO = DatasetInfo(
    name="camvid_original",
    title="CamVid, the original frames at 720x960, in 11 classes (or 12 with Other)",
    task="segmentation",
    classes=(*CAMVID, OTHER),
    colors=(*CAMVID.values(), (0, 0, 0)),
    splits={"train": 367, "val": 101, "test": 233},
    images=701,
    home="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    citation="Brostow, Fauqueur, Cipolla, Semantic object classes in video: A high-definition ground truth "
    "database, Pattern Recognition Letters 2009; split: Badrinarayanan, Kendall, Cipolla, SegNet, TPAMI 2017",
    layout=LAYOUT,
    licence="none stated by its authors",
    downloads=(
        Download("http://web4.cs.ucl.ac.uk/staff/g.brostow/MotionSegRecData/files/701_StillsRaw_full.zip"),
        Download("http://web4.cs.ucl.ac.uk/staff/g.brostow/MotionSegRecData/data/LabeledApproved_full.zip"),
    ),
)


@reader("camvid_original", 12, LAYOUT, INFO)
class CamVidOriginal:
    @staticmethod
    def recognise(root: Path) -> bool:
        images, masks = _folders(root)
        return images.is_dir() and masks.is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        parts: dict[str, list[Entry]] = {"train": [], "val": [], "test": []}
        for entry in pair(*_folders(root)):
            parts[split_of(entry.stem)].append(entry)
        values = {color: name or OTHER for color, name in COLORS.items()}
        reading = "32 colours are joined into the classes of SegNet"
        codec = table_codec(INFO.classes, values, by_name(classes) or tuple(CAMVID), reading)
        return coded_layout({part: entries for part, entries in parts.items() if entries}, codec, INFO)


def split_of(stem: str) -> str:
    """Return SegNet's split of a frame.

    >>> split_of("0001TP_006690"), split_of("0016E5_07959"), split_of("Seq05VD_f00000")
    ('train', 'val', 'test')
    """
    sequence, _, frame = stem.partition("_")
    number = int(re.sub(r"\D", "", frame) or 0)
    if sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= number <= 8159 else "train"


def _folders(root: Path) -> tuple[Path, Path]:
    return locate_folder(root, "701_StillsRaw_full"), locate_folder(root, "LabeledApproved_full")
