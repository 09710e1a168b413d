"""`images/` and `masks/` whose files share their stems: binary, indexed or palette masks."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from foveate.data.errors import DataError
from foveate.data.layout import Layout, reader
from foveate.data.masks import choose_codec
from foveate.data.pairing import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    by_split,
    find_folder,
    list_images,
    pair,
    read_pair,
    survey,
)  # fmt: skip


@reader("paired", 30, "images/ masks/, one mask per image with the same stem")
class Paired:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(find_folder(root, IMAGE_FOLDERS) or find_folder(root, MASK_FOLDERS))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        images, masks = find_folder(root, IMAGE_FOLDERS), find_folder(root, MASK_FOLDERS)
        if images is None or masks is None:
            there, lacks = (images, "masks") if images else (masks, "images")
            raise DataError(
                f"{root}: has {there.name}/ ({len(list_images(there))} files) but no {lacks}/; put the {lacks} there, with "
                "the same names"
            )
        entries = pair(images, masks)
        stored = survey(entries)
        codec = choose_codec(stored.sum(axis=0).nonzero()[0].tolist(), classes)
        return Layout(
            task="segmentation",
            classes=codec.classes,
            parts=by_split(entries),
            reader=partial(read_pair, codec=codec),
            counts={entry.stem: codec.count(row) for entry, row in zip(entries, stored, strict=True)},
            notes=(codec.reading,),
        )
