"""Cassava leaf disease: `train.csv` (image_id,label), `train_images/`, `label_num_to_disease_map.json`."""

import json
from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.coded import labelled_layout, listed
from foveate.data.folders.table import label_ids, read_table
from foveate.data.info import DatasetInfo
from foveate.data.layout import Layout, reader
from foveate.errors import DataError

NAMES = (
    "Cassava Bacterial Blight (CBB)",
    "Cassava Brown Streak Disease (CBSD)",
    "Cassava Green Mottle (CGM)",
    "Cassava Mosaic Disease (CMD)",
    "Healthy",
)
LAYOUT = "train.csv (image_id,label), train_images/*.jpg and label_num_to_disease_map.json"
_MAP = "label_num_to_disease_map.json"

INFO = DatasetInfo(
    name="cassava",
    title="Cassava leaf disease: photographs of leaves, 4 diseases and healthy ones",
    task="classification",
    classes=NAMES,
    images=21_397,
    home="https://www.kaggle.com/competitions/cassava-leaf-disease-classification",
    citation="Mwebaze, Mostipak, Joyce, Elliott, Dane, Cassava Leaf Disease Classification, Kaggle 2020",
    layout=LAYOUT,
    licence="the rules of its Kaggle competition",
    steps=(
        "log in to Kaggle, join https://www.kaggle.com/competitions/cassava-leaf-disease-classification and "
        "download the data",
        "give the folder with the zip, or what is in it",
    ),
)


@reader("cassava", 12, LAYOUT, INFO)
class Cassava:
    @staticmethod
    def recognise(root: Path) -> bool:
        return (root / _MAP).is_file() and (root / "train_images").is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        names, table = _names(root / _MAP), root / "train.csv"
        columns, rows = read_table(table)
        if not {"image_id", "label"} <= set(columns):
            raise DataError(f"{table}:1: the columns must be image_id,label, not {','.join(columns)}")
        _, ids = label_ids([(f"{table}:{line}", cells["label"]) for line, cells in rows], names)
        entries: dict[str, Entry] = {}
        for line, cells in rows:
            name, where = cells["image_id"], f"{table}:{line}"
            if name in entries:
                raise DataError(f"{where}: the image '{name}' occurs twice; get the dataset again")
            image = listed(root / "train_images", name, where)
            entries[name] = Entry(image.stem, image, label=ids[cells["label"]])
        return labelled_layout({"all": tuple(entries.values())}, names, classes)


def _names(path: Path) -> tuple[str, ...]:
    try:
        numbered = {
            int(number): str(name) for number, name in json.loads(path.read_text("utf-8-sig")).items()
        }
        return tuple(numbered[number] for number in range(len(numbered)))
    except (ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: does not map 0, 1, 2 ... to names ({error}); get the dataset again"
        ) from None
