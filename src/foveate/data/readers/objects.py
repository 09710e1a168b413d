"""One mask an object: `ID/images/ID.png` and `ID/masks/*.png` (Data Science Bowl 2018), or `masks/ID/*.png`.

The objects of an image are joined: their union is the foreground. Folders of splits may lie above.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import SPLIT_NAMES, Entry, Pixels, pixels_of
from foveate.data.folders.drawn import image_stem
from foveate.data.folders.listing import SEARCH_LIMIT, first_images, folders_in, holds_images, list_images
from foveate.data.folders.pair_folders import (
    IMAGE_FOLDERS,
    UNAMBIGUOUS_MASK_FOLDERS,
    find_folder,
    strip_mask_suffix,
)
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.known import by_name
from foveate.data.layout import Layout, reader
from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError

_CLASSES = ("background", "foreground")


@dataclass(frozen=True)
class _Objects:
    """One image and the folder with the masks of its objects."""

    image: Path
    masks: Path


@reader(
    "objects",
    29,
    "one mask an object: ID/images/ID.png and ID/masks/*.png (DSB 2018), or images/ID.png and masks/ID/*.png",
)
class OneMaskAnObject:
    @staticmethod
    def recognise(root: Path) -> bool:
        return _is_one_image(root) or any(_holds_objects(top) for top in _tops(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        if _is_one_image(root):
            raise DataError(
                f"{root}: is a single image with one mask an object; give the folder of such folders, "
                f"{root.absolute().parent}"
            )
        asked = by_name(classes)
        if asked and len(asked) != len(_CLASSES):
            raise DataError(
                f"{root}: holds one mask an object, which are two classes, background and foreground; "
                f"--classes names {len(asked)}"
            )
        parts: dict[str, list[Entry]] = {}
        bare, files = [], 0
        for top in _tops(root):
            for objects in _objects_in(top):
                masks = list_images(objects.masks) if objects.masks.is_dir() else []
                files += len(masks)
                if masks:
                    entry = Entry(image_stem(root, objects.image), objects.image, objects.masks)
                    parts.setdefault(_part(top) if top != root else "all", []).append(entry)
                else:
                    bare.append(objects.image)
        entries = [entry for held in parts.values() for entry in held]
        _refuse_classes(root, entries)
        divided, listed = divide_by_lists(root, {part: tuple(held) for part, held in parts.items()})
        notes = [
            f"one mask an object: the union of the {files} masks of {len(entries)} images is the foreground"
        ]
        notes += [f"{len(bare)} images without masks are left out"] * bool(bare)
        names = asked or _CLASSES
        return Layout("segmentation", names, divided, read_objects, notes=(*notes, *listed))


def read_objects(entry: Entry) -> tuple[Pixels, UInt8[np.ndarray, "h w"]]:
    """Return an image and the union of the masks in the folder `entry.mask`: 1 where any is not 0."""
    image = pixels_of(entry)
    union = np.zeros(image.shape[:2], dtype=np.uint8)
    for path in list_images(entry.mask):
        mask = read_raw(path)
        if mask.shape != union.shape:
            sizes = [" x ".join(map(str, array.shape)) for array in (mask, union)]
            raise DataError(
                f"{path}: the mask is {sizes[0]} pixels (height x width) and its image {entry.image} is "
                f"{sizes[1]}; export the mask at the image's size"
            )
        if len(values := np.unique(mask[mask > 0])) > 1:
            raise DataError(
                f"{path}: holds the values {', '.join(map(str, values[:6]))}, and the mask of one object "
                "holds 0 and one more; mend it, or save one mask for each image"
            )
        union |= mask > 0
    return image, union


def _tops(root: Path) -> list[Path]:
    """Return the folder itself and those in it that are named after a split, such as stage1_train/."""
    return [root, *(folder for folder in folders_in(root)[:SEARCH_LIMIT] if _part(folder) != "all")]


def _part(folder: Path) -> str:
    words = re.split(r"[^a-z]+", folder.name.lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "all")


def _holds_objects(top: Path) -> bool:
    """Whether the first images of a folder have a folder of masks each, and some have several masks."""
    inside = [_inner(folder) for folder in folders_in(top)[:SEARCH_LIMIT]]
    if any(inside):
        several = [len(first_images(each.masks)) > 1 for each in inside if each and each.masks.is_dir()]
        return all(inside) and any(several)
    images, masks = find_folder(top, IMAGE_FOLDERS), find_folder(top, UNAMBIGUOUS_MASK_FOLDERS)
    if not images or not masks or holds_images(masks):
        return False
    stems = {Path(name).stem for name in first_images(images)}
    folders = folders_in(masks)[:SEARCH_LIMIT]
    return bool(folders) and all(folder.name in stems and holds_images(folder) for folder in folders)


def _inner(folder: Path) -> _Objects | None:
    """Return the only image of a folder with images/, and the folder of its masks, none of its own name."""
    images = find_folder(folder, IMAGE_FOLDERS)
    names = first_images(images) if images else []
    if images is None or len(names) != 1:
        return None
    masks = find_folder(folder, UNAMBIGUOUS_MASK_FOLDERS) or folder / "masks"
    stems = {strip_mask_suffix(Path(name).stem) for name in first_images(masks)} if masks.is_dir() else set()
    return None if Path(names[0]).stem in stems else _Objects(images / names[0], masks)


def _objects_in(top: Path) -> Iterator[_Objects]:
    images, masks = find_folder(top, IMAGE_FOLDERS), find_folder(top, UNAMBIGUOUS_MASK_FOLDERS)
    if images and masks:
        for path in list_images(images):
            yield _Objects(path, masks / path.relative_to(images).with_suffix(""))
        return
    for folder in folders_in(top):
        if objects := _inner(folder):
            yield objects


def _is_one_image(root: Path) -> bool:
    objects = _inner(root)
    return objects is not None and objects.masks.is_dir() and len(first_images(objects.masks)) > 1


def _refuse_classes(root: Path, entries: Sequence[Entry]) -> None:
    """Raise `DataError` if masks of several images are called alike, by words: one mask a class, it seems."""
    names = Counter(path.stem for entry in entries for path in list_images(entry.mask))
    words = [name for name, count in names.items() if count > 1 and not re.search(r"\d", name)]
    if len(words) > 1:
        raise DataError(
            f"{root}: several images have masks called {', '.join(sorted(words)[:6])}, which seem to be one "
            "mask a class, not one an object; save one mask for each image, with a number for each class"
        )
