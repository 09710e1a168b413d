"""nnU-Net's raw data of 2-D images: `imagesTr/ labelsTr/`, perhaps `imagesTs/ labelsTs/`, and `dataset.json`.

The image of the mask `case.png` is `case_0000.png`; the number counts the channels. `dataset.json` names the
classes: {"labels": {"background": 0, "tumour": 1, "ignore": 2}}, or {"0": "background", ...} in version 1.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.listing import first_files, list_images
from foveate.data.folders.pair_folders import find_folder
from foveate.data.folders.pairing import match_by_stem, read_indexed, require_pairs
from foveate.data.layout import Layout, reader
from foveate.data.pixels.masks import LEFT_OUT
from foveate.errors import DataError

_PARTS = {"train": ("imagesTr", "labelsTr"), "test": ("imagesTs", "labelsTs")}
_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".mha")
_CHANNEL = re.compile(r"_(\d{4})$")


@reader(
    "nnunet",
    25,
    "imagesTr/ labelsTr/ (and imagesTs/ labelsTs/) of 2-D images, and dataset.json: nnU-Net's raw data",
)
class NnUNet:
    @staticmethod
    def recognise(root: Path) -> bool:
        return all(find_folder(root, [name.lower()]) for name in _PARTS["train"])

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        folders = {
            part: [find_folder(root, [name.lower()]) for name in names] for part, names in _PARTS.items()
        }
        parts = {part: _pairs(*pair) for part, pair in folders.items() if all(pair)}
        if not parts:
            raise DataError(f"{root}: has no imagesTr/ with labelsTr/, as nnU-Net's data have")
        names = classes or _names(root / "dataset.json")
        entries = {"all": parts["train"]} if list(parts) == ["train"] else parts
        layout = read_indexed(entries, names)
        notes = [*layout.notes, "names are paired without nnU-Net's number of the channel (_0000)"]
        unread = [images for images, labels in folders.values() if images and not labels]
        notes += [f"not read: {path.name}/, which has no labels" for path in unread]
        return replace(layout, notes=tuple(notes))


def _pairs(images: Path, masks: Path) -> tuple[Entry, ...]:
    for folder in (images, masks):
        if not list_images(folder) and any(name.endswith(_VOLUMES) for name in first_files(folder)):
            raise DataError(
                f"{folder}: holds volumes, and foveate reads 2-D images; save each slice as a PNG, "
                "case_0000.png with its mask case.png"
            )
    channels = Counter(_CHANNEL.sub("", path.stem) for path in list_images(images))
    case, count = max(channels.items(), key=lambda item: item[1], default=("", 0))
    if count > 1:
        raise DataError(
            f"{images}: the case '{case}' has {count} files, one for each channel, and foveate reads one "
            f"file an image; join them to one image of {count} channels, or keep the channel that shows most"
        )
    return require_pairs(images, masks, match_by_stem(images, masks, strip=_CHANNEL.pattern))


def _names(path: Path) -> tuple[str, ...] | None:
    """Return the names of the classes in the order of their values, from `dataset.json`, if it is there."""
    if not path.is_file():
        return None
    try:
        labels = json.loads(path.read_text(encoding="utf-8-sig"))["labels"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: has no labels that can be read ({error}); write them, or give --classes"
        ) from None
    if not isinstance(labels, dict):
        raise DataError(f"{path}: its labels are not names with values; write them so, or give --classes")
    values = {}
    for key, value in labels.items():
        name, number = (value, key) if str(key).isdecimal() else (key, value)
        if not str(number).isdecimal():
            raise DataError(
                f"{path}: the label '{name}' has the value {number}, and foveate needs one whole number a "
                "label (regions of several labels are not read); mend it, or give --classes"
            )
        values[int(number)] = LEFT_OUT if str(name).lower() == "ignore" else str(name)
    return tuple(values.get(number, LEFT_OUT) for number in range(max(values, default=-1) + 1)) or None
