"""Fire Segmentation Image Dataset: `Image/Fire/*.jpg` with `Segmentation_Mask/Fire/*.jpg`, masks as JPEG."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.coded import coded_layout
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec

NAMES = ("background", "fire")
LAYOUT = "Image/Fire/*.jpg and Segmentation_Mask/Fire/*.jpg"

INFO = DatasetInfo(
    name="fsid",
    title="Fire Segmentation Image Dataset (FSID)",
    task="segmentation",
    classes=NAMES,
    home="https://www.kaggle.com/datasets/diversisai/fire-segmentation-image-dataset",
    citation="DiversisAI, Fire segmentation image dataset, Kaggle",
    layout=LAYOUT,
    licence="as its Kaggle page states",
    steps=(
        "log in to Kaggle and download "
        "https://www.kaggle.com/datasets/diversisai/fire-segmentation-image-dataset",
        "give the folder with the zip, or what is in it",
    ),
)


@reader("fsid", 13, LAYOUT, INFO)
class Fire:
    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / "Image" / "Fire").is_dir() and (root / "Segmentation_Mask").is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        parts = {"all": pair(root / "Image" / "Fire", root / "Segmentation_Mask" / "Fire")}
        others = [path.name for path in (root / "Image").iterdir() if path.is_dir() and path.name != "Fire"]
        notes = [f"Image/{name} has no masks and is left out" for name in sorted(others)]
        return coded_layout(parts, binary_codec(NAMES, classes), INFO, *notes)
