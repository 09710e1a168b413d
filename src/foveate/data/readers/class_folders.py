"""Class folders: one folder of images per class, with or without `train/ val/ test/` above them."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES, Entry
from foveate.data.folders.coded import read_labelled
from foveate.data.folders.listing import first_images, folders_in, list_images
from foveate.data.folders.pair_folders import has_few_colors, holds_images_and_masks, split_roots
from foveate.data.layout import Layout, reader
from foveate.errors import DataError, choose

_LOOKED_AT = 5


@reader("class_folders", 40, "one folder of images per class, with or without train/ val/ test/ above")
class ClassFolders:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(list_images(folder) for _, split in _parts(root) for folder in folders_in(split))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        splits = _parts(root)
        there = sorted({folder.name for _, split in splits for folder in folders_in(split)})
        names = tuple(dict.fromkeys(choose(name, there, "class folder") for name in classes or there))
        if len(names) < 2:
            raise DataError(
                f"{root}: has one class folder only ('{''.join(names)}'); classification needs two or more. "
                "For segmentation, put the masks into masks/ and the images into images/"
            )
        for _, split in splits:
            _require_classes(folders_in(split))
        if {name.lower().strip() for name in names} <= SPLIT_NAMES.keys():
            raise DataError(
                f"{root}: {', '.join(f'{name}/' for name in names)} are splits, and hold images alone; for "
                "classes, put the images into one folder a class in each of them; for segmentation, images "
                "into train/images/ and masks into train/masks/"
            )
        parts = {part: _entries(root, split, names) for part, split in splits}
        return Layout("classification", names, parts, read_labelled)


def _parts(root: Path) -> list[tuple[str, Path]]:
    return split_roots(root) or [("all", root)]


def _require_classes(classes: Sequence[Path]) -> None:
    """Raise `DataError` if two folders are not two classes but images and masks under other names."""
    if len(classes) != 2:
        return
    first, second = classes
    masks = [
        folder
        for folder in classes
        if all(has_few_colors(folder / name) for name in first_images(folder)[:_LOOKED_AT])
    ]
    if len(masks) != 1:
        return
    stems, others = ({path.stem for path in list_images(folder)} for folder in classes)
    if stems == others:
        raise DataError(
            f"{first.parent}: {first.name}/ and {second.name}/ hold files of the same names, and those in "
            f"{masks[0].name}/ look like masks; call the folders images/ and masks/, or, if they are "
            "classes, rename the files of one"
        )


def _entries(root: Path, split: Path, classes: Sequence[str]) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for label, name in enumerate(classes):
        if not (split / name).is_dir():
            continue
        if holds_images_and_masks(split / name):
            raise DataError(
                f"{split / name}: holds images together with their masks; for segmentation, put all of them "
                "into one folder; for classification, move the masks elsewhere"
            )
        files = list_images(split / name)
        if not files:
            raise DataError(
                f"{split / name}: the class folder holds no images; add some or remove the folder"
            )
        for path in files:
            stem = path.relative_to(root).with_suffix("").as_posix()
            if stem in entries:
                raise DataError(
                    f"{split / name}: {entries[stem].image.name} and {path.name} share a stem and are "
                    "ambiguous; rename one"
                )
            entries[stem] = Entry(stem, path, label=label)
    return tuple(entries.values())
