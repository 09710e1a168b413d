"""Kvasir-Instrument: `images/*.jpg`, `masks/*.png`, and the authors' split in `train.txt` and `test.txt`."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.coded import coded_layout, read_list
from foveate.data.folders.listing import locate_folder
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec
from foveate.data.pixels.images import SUFFIXES
from foveate.errors import DataError

NAMES = ("background", "instrument")
LAYOUT = "kvasir-instrument/ with images/*.jpg, masks/*.png, train.txt and test.txt (or images.tar.gz ...)"

INFO = DatasetInfo(
    name="kvasir_instrument",
    title="Kvasir-Instrument: tools in endoscopy",
    task="segmentation",
    classes=NAMES,
    splits={"train": 472, "test": 118},
    images=590,
    bytes=170_000_000,
    licence="research and education only, commercial use by written permission",
    home="https://datasets.simula.no/kvasir-instrument/",
    citation="Jha, Ali, Emanuelsen et al., Kvasir-Instrument: Diagnostic and Therapeutic Tool Segmentation "
    "Dataset in Gastrointestinal Endoscopy, MultiMedia Modeling 2021",
    layout=LAYOUT,
    downloads=(Download("https://datasets.simula.no/downloads/kvasir-instrument.zip"),),
)


@reader("kvasir_instrument", 15, LAYOUT, INFO)
class KvasirInstrument:
    @staticmethod
    def recognise(root: Path) -> bool:
        named = "instrument" in root.name.lower() or any(root.glob("bbox*.json"))
        lists = (root / "train.txt").is_file() and (root / "test.txt").is_file()
        return named and lists and locate_folder(root, "images").is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        entries = {
            entry.stem: entry for entry in pair(locate_folder(root, "images"), locate_folder(root, "masks"))
        }
        parts = {}
        for part in ("train", "test"):
            path = root / f"{part}.txt"
            parts[part] = []
            for line, (name, *_) in read_list(path):
                stem = name if Path(name).suffix.lower() not in SUFFIXES else Path(name).stem
                if stem not in entries:
                    raise DataError(
                        f"{path}:{line}: '{name}' is not among the images; unpack the archive again, whole"
                    )
                parts[part].append(entries[stem])
        return coded_layout(parts, binary_codec(NAMES, classes), INFO)
