"""A Large-Scale Fish Dataset (LSDSC): `<species>/<species>/*.png` with `<species>/<species> GT/*.png`."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.folders.coded import coded_layout
from foveate.data.folders.listing import folders_in
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec
from foveate.errors import DataError

NAMES = ("background", "fish")
LAYOUT = "Fish_Dataset/ with <species>/<species>/*.png and <species>/<species> GT/*.png"

INFO = DatasetInfo(
    name="lsdsc",
    title="A Large-Scale Fish Dataset: nine species on a counter",
    task="segmentation",
    classes=NAMES,
    images=9000,
    home="https://www.kaggle.com/datasets/crowww/a-large-scale-fish-dataset",
    citation="Ulucan, Karakaya, Turkan, A large-scale dataset for fish segmentation and classification, ASYU "
    "2020",
    layout=LAYOUT,
    licence="as its Kaggle page states",
    steps=(
        "log in to Kaggle and download https://www.kaggle.com/datasets/crowww/a-large-scale-fish-dataset",
        "give the folder with the zip, or the unpacked Fish_Dataset",
    ),
)


@reader("lsdsc", 13, LAYOUT, INFO)
class Fish:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(_species(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        entries = []
        for species in _species(root):
            for folder in (species / species.name, species / f"{species.name} GT"):
                if not folder.is_dir():
                    raise DataError(f"{folder}: there is no such folder; unpack the archive again, whole")
            entries += pair(species / species.name, species / f"{species.name} GT", f"{species.name}/")
        return coded_layout({"all": entries}, binary_codec(NAMES, classes), INFO)


def _species(root: Path) -> list[Path]:
    """Return the folders of the species, in the root or in Fish_Dataset/ as the archive has them."""
    for base in (root, root / "Fish_Dataset", root / "Fish_Dataset" / "Fish_Dataset"):
        folders = folders_in(base) if base.is_dir() else []
        if species := [folder for folder in folders if (folder / f"{folder.name} GT").is_dir()]:
            return species
    return []
