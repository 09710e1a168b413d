"""Images and masks whose files share their stems: binary, indexed or palette masks.

Folders: `images/ masks/`, or the folder's own splits as `train/images/ train/masks/` or `train/
train_masks/`.
"""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.errors import DataError
from foveate.data.layout import Layout, reader
from foveate.data.pairing import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    by_split,
    find_folder,
    list_images,
    pair,
    pair_splits,
    read_indexed,
    split_folders,
)
from foveate.data.readers.csv_table import unread_tables


@reader(
    "paired", 30, "images/ masks/ (or train/images/ train/masks/ ...), one mask per image with the same stem"
)
class Paired:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(
            find_folder(root, IMAGE_FOLDERS) or find_folder(root, MASK_FOLDERS) or split_folders(root)
        )

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        images, masks = find_folder(root, IMAGE_FOLDERS), find_folder(root, MASK_FOLDERS)
        if images and masks:
            parts = by_split(pair(images, masks))
        elif images or masks:
            there, lacks = (images, "masks") if images else (masks, "images")
            hint = unread_tables(root) if images else ""
            raise DataError(
                f"{root}: has {there.name}/ ({len(list_images(there))} files) but no {lacks}/; put the "
                f"{lacks} there, with the same names" + (f"; or, {hint}" if hint else "")
            )
        else:
            parts = pair_splits(root)
        return read_indexed(parts, classes)
