"""Cityscapes, fine annotations: `leftImg8bit/<split>/<city>/` with `gtFine/<split>/<city>/`.

The 19 classes of the benchmark, from the masks of label ids or, without these, from the coloured masks.
There, polegroup has the colour of pole, and licence plate that of car; they count as pole and car.
"""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout
from foveate.data.folders.listing import locate_folder
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import table_codec
from foveate.data.pixels.palette import Color
from foveate.errors import DataError

LAYOUT = "leftImg8bit/<split>/<city>/*_leftImg8bit.png and gtFine/<split>/<city>/*_gtFine_labelIds.png"

CLASSES: dict[str, tuple[int, Color]] = {
    "road": (7, (128, 64, 128)),
    "sidewalk": (8, (244, 35, 232)),
    "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)),
    "fence": (13, (190, 153, 153)),
    "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)),
    "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)),
    "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)),
    "person": (24, (220, 20, 60)),
    "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)),
    "truck": (27, (0, 0, 70)),
    "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)),
    "motorcycle": (32, (0, 0, 230)),
    "bicycle": (33, (119, 11, 32)),
}
"""The classes in the order of their training ids, with their label ids and colours."""

_NOT_SCORED: tuple[Color, ...] = (
    *((0, 0, 0), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180)),
    *((150, 100, 100), (150, 120, 90), (0, 0, 90), (0, 0, 110)),
)
_LABELS = 34

INFO = DatasetInfo(
    name="cityscapes",
    title="Cityscapes: street scenes of 50 cities, 19 classes; 1,525 test images without public masks beside",
    task="segmentation",
    classes=tuple(CLASSES),
    colors=tuple(color for _, color in CLASSES.values()),
    splits={"train": 2975, "val": 500},
    images=3475,
    licence="non-commercial: academic research, teaching, scientific publication, personal experimentation",
    home="https://www.cityscapes-dataset.com/",
    citation="Cordts, Omran, Ramos et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, "
    "CVPR 2016",
    layout=LAYOUT,
    steps=(
        "register at https://www.cityscapes-dataset.com/ and download leftImg8bit_trainvaltest.zip and "
        "gtFine_trainvaltest.zip",
        "give the folder that holds both, packed or unpacked",
    ),
)


@reader("cityscapes", 12, LAYOUT, INFO)
class Cityscapes:
    @staticmethod
    def recognise(root: Path) -> bool:
        return _folders(root)[0].is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        images, masks = _folders(root)
        if not masks.is_dir():
            raise DataError(f"{root}: has leftImg8bit/ but no gtFine/; unpack gtFine_trainvaltest.zip there")
        ending = next((end for end in ("labelIds", "color") if any(masks.glob(f"*/*/*_{end}.png"))), None)
        if ending is None:
            raise DataError(f"{masks}: holds no masks named <city>_<frame>_gtFine_labelIds.png")
        parts = {part: _entries(images / part, masks / part, ending) for part in ("train", "val")}
        names = list(CLASSES)
        if ending == "labelIds":
            values = dict.fromkeys(range(_LABELS)) | {label: name for name, (label, _) in CLASSES.items()}
            values |= {255: None}  # as the label -1 (a licence plate) is stored
        else:
            values = dict.fromkeys(_NOT_SCORED) | {color: name for name, (_, color) in CLASSES.items()}
        reading = f"the 19 training classes from {ending}; all other labels are ignored"
        left_out = (images / "test").is_dir()
        notes = ["the masks of the test images are not public; they are left out"] * left_out
        return coded_layout(parts, table_codec(names, values, classes, reading), INFO, *notes)


def _folders(root: Path) -> tuple[Path, Path]:
    return locate_folder(root, "leftImg8bit"), locate_folder(root, "gtFine")


def _entries(images: Path, masks: Path, ending: str) -> list[Entry]:
    """Return the entries of one split from its folders of cities."""
    entries = []
    for image in sorted(images.glob("*/*_leftImg8bit.png")):
        stem = f"{image.parent.name}/{image.stem.removesuffix('_leftImg8bit')}"
        mask = masks / f"{stem}_gtFine_{ending}.png"
        if not mask.is_file():
            raise DataError(
                f"{image}: its mask {mask} does not exist; unpack all of gtFine_trainvaltest.zip again"
            )
        entries.append(Entry(f"{images.name}/{stem}", image, mask))
    return entries
