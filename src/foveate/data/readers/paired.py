"""Images and masks whose files share their stems: binary, indexed or palette masks.

Folders: `images/ masks/`, or the folder's own splits as `train/images/ train/masks/` or `train/
train_masks/`. Masks may lie beside their images, called `a_mask.png` and the like where the image is `a.jpg`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foveate.data.errors import DataError
from foveate.data.layout import Layout, reader
from foveate.data.pair_folders import MASKS_ALONE, beside, find_folder, split_folders, whole_folders
from foveate.data.pairing import by_split, list_images, pair, pair_splits, read_indexed
from foveate.data.readers.csv_table import unread_tables


@reader(
    "paired",
    30,
    "images/ masks/ (or train/images/ train/masks/ ...) with the same names; or a.jpg a_mask.png",
)
class Paired:
    @staticmethod
    def recognise(root: Path) -> bool:
        images, _ = whole_folders(root)
        return bool(images or find_folder(root, MASKS_ALONE) or split_folders(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        images, masks = whole_folders(root)
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
        layout = read_indexed(parts, classes)
        return replace(layout, notes=(*layout.notes, *beside(root)))
