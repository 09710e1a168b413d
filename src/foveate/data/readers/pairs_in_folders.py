"""Pairs of images and masks in one folder for each patient, site or fold, perhaps with splits above or below.

Each folder holds `images/ masks/`, or images with their masks beside them (`1.tif 1_mask.tif`). It is the
group of its images.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foveate.data.folders.pairing import pair_places, pairing_note, read_indexed
from foveate.data.folders.places import (
    are_places,
    places_below,
    places_note,
    refuse_folds_with_splits,
    unread_beside,
)
from foveate.data.folders.rivals import refuse_rivals
from foveate.data.layout import Layout, reader
from foveate.errors import DataError


@reader(
    "pairs_in_folders",
    32,
    "one folder for each patient or site, which holds images/ masks/, or 1.tif beside 1_mask.tif",
)
class PairsInFolders:
    @staticmethod
    def recognise(root: Path) -> bool:
        return are_places(root)

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        places = places_below(root)
        if not places:
            raise DataError(
                f"{root}: no folder below it holds images with their masks; put them into images/ and masks/ "
                "in each folder, or each mask beside its image, as 1_mask.png beside 1.png"
            )
        refuse_folds_with_splits(root, places)
        refuse_rivals(places)
        parts = pair_places(places)
        layout = read_indexed(parts, classes)
        unread = ", ".join(f"{path.name}/" for path in unread_beside(root, places))
        notes = (
            *layout.notes,
            *pairing_note(parts),
            places_note(places),
            *([f"not read: {unread}"] if unread else []),
        )
        return replace(layout, notes=notes)
