"""Pairs of an image and a mask (binary, class ids or palette) whose file names share the stem.

Folders: `images/ masks/`, or splits as `train/images/ train/masks/` or `train/ train_masks/`. A mask may lie
beside its image if its name has a suffix, as `a_mask.png` beside `a.jpg`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.foreign import foreign_files
from foveate.data.folders.image_tables import unread_tables
from foveate.data.folders.listing import first_images
from foveate.data.folders.pair_folders import pairs_of, unread_note
from foveate.data.folders.pairing import pair_all, pairing_note, read_indexed
from foveate.data.folders.pixel_classes import NAME, pixel_classes
from foveate.data.folders.places import places_in
from foveate.data.folders.rivals import refuse_rivals
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.layout import Layout, reader
from foveate.data.pixels.masks import LEFT_OUT
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
        parts, listed = divide_by_lists(root, parts)
        layout = read_indexed(parts, classes) if classes else _named(root, parts)
        return replace(layout, notes=(*layout.notes, *pairing_note(parts), *unread_note(root), *listed))


def _named(root: Path, parts: Mapping[str, Sequence[Entry]]) -> Layout:
    """Return the layout with the names of `_classes.csv`, if there is one, without those that never occur."""
    names = pixel_classes(root)
    layout = read_indexed(parts, names or None)
    if not names:
        return layout
    found = sum(layout.counts.values())
    absent = [name for name, pixels in zip(layout.classes, found, strict=True) if not pixels]
    notes = [f"classes are named by {NAME}"]
    if absent:
        notes.append(f"no pixel is of {', '.join(absent)}")
        layout = read_indexed(parts, [LEFT_OUT if name in absent else name for name in names])
    return replace(layout, notes=(*layout.notes, *notes))
