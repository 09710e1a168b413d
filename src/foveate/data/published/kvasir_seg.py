"""Kvasir-SEG: `images/` and `masks/` of the same names, both JPEG, with `kavsir_bboxes.json` beside them."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.coded import coded_layout
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec

NAMES = ("background", "polyp")
LAYOUT = "Kvasir-SEG/ with images/*.jpg, masks/*.jpg and kavsir_bboxes.json"

INFO = DatasetInfo(
    name="kvasir_seg",
    title="Kvasir-SEG: polyps in colonoscopy",
    task="segmentation",
    classes=NAMES,
    images=1000,
    bytes=46_200_000,
    licence="research and education only, commercial use by written permission",
    home="https://datasets.simula.no/kvasir-seg/",
    citation="Jha, Smedsrud, Riegler, Halvorsen, de Lange, Johansen, Johansen, Kvasir-SEG: A Segmented Polyp "
    "Dataset, MultiMedia Modeling 2020",
    layout=LAYOUT,
    downloads=(Download("https://datasets.simula.no/downloads/kvasir-seg.zip"),),
)


@reader("kvasir_seg", 14, LAYOUT, INFO)
class KvasirSeg:
    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / "kavsir_bboxes.json").is_file() or (root / "kvasir_bboxes.json").is_file()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        parts = {"all": pair(root / "images", root / "masks")}
        return coded_layout(parts, binary_codec(NAMES, classes), INFO)
