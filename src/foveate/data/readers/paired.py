"""Pairs of an image and a mask (binary, class ids or palette) whose file names share the stem.

Folders: `images/ masks/`, or splits as `train/images/ train/masks/` or `train/ train_masks/`. A mask may lie
beside its image if its name has a suffix, as `a_mask.png` beside `a.jpg`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foveate.data.folders.foreign import foreign_files
from foveate.data.folders.listing import first_images
from foveate.data.folders.pair_folders import pairs_of, unread_note
from foveate.data.folders.pairing import pair_all, pairing_note, read_indexed
from foveate.data.folders.places import places_in
from foveate.data.folders.rivals import refuse_rivals
from foveate.data.layout import Layout, reader
from foveate.data.readers.csv_table import unread_tables
from foveate.errors import DataError


@reader(
    "paired",
    30,
    "images/ masks/ (or train/images/ train/masks/ ...) with the same names; or a.jpg a_mask.png",
)
class Paired:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(pairs_of(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        try:
            parts = pair_all(root)
        except DataError as error:
            images, masks = pairs_of(root).get("all", (None, None))
            table = unread_tables(root) if images and not masks else ""
            hints = [f"; or, {table}"] * bool(table)
            if images and not (masks and first_images(masks)):
                hints += [f"; {hint}" for hint in foreign_files(*filter(None, [root, masks]))]
            raise DataError("".join([str(error), *hints])) from None
        refuse_rivals(places_in(root))
        layout = read_indexed(parts, classes)
        return replace(layout, notes=(*layout.notes, *pairing_note(parts), *unread_note(root)))
