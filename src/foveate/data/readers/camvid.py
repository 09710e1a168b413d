"""`train/ trainannot/ val/ valannot/ test/ testannot/` with masks of class ids: CamVid as SegNet ships it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from foveate.data.dataset import SPLITS, Color
from foveate.data.layout import Layout, reader
from foveate.data.masks import IGNORE, choose_codec
from foveate.data.pairing import find_folder, pair, read_pair, survey

CAMVID: dict[str, Color] = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
"""CamVid's eleven classes in the order of their ids, with their usual colours; id 11 is void."""


@reader("camvid", 20, "train/ trainannot/ val/ valannot/ [test/ testannot/], masks of class ids")
class CamVid:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(find_folder(root, [f"{split}annot"]) for split in SPLITS)

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        pairs = {
            split: (find_folder(root, [split]), find_folder(root, [f"{split}annot"])) for split in SPLITS
        }
        parts = {
            split: pair(*folders, prefix=f"{split}/") for split, folders in pairs.items() if all(folders)
        }
        entries = [entry for part in parts.values() for entry in part]
        stored = survey(entries)
        values = stored.sum(axis=0).nonzero()[0].tolist()
        if classes is None and max(set(values) - {IGNORE}, default=0) in (len(CAMVID) - 1, len(CAMVID)):
            classes = (*CAMVID, "void")
        codec = choose_codec(values, classes)
        return Layout(
            task="segmentation",
            classes=codec.classes,
            colors=tuple(CAMVID.values()) if codec.classes == tuple(CAMVID) else (),
            parts=parts,
            reader=partial(read_pair, codec=codec),
            counts={entry.stem: codec.count(row) for entry, row in zip(entries, stored, strict=True)},
            notes=(codec.reading,),
        )
