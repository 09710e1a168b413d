"""Class folders: one folder of images per class, with or without `train/ val/ test/` above or below them."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.class_tree import (
    ClassFolder,
    check_classes,
    class_folders,
    inner_note,
    masks_inside,
    unread_folders,
)
from foveate.data.folders.coded import read_labelled
from foveate.data.folders.foreign import foreign_files
from foveate.data.folders.image_tables import unread_tables
from foveate.data.folders.listing import first_files, list_images
from foveate.data.folders.pair_folders import holds_images_and_masks, strip_mask_suffix
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.folders.versions import versions_caution
from foveate.data.known import KnownClasses, by_name
from foveate.data.layout import Layout, reader
from foveate.data.names import joined_note, one_form, spellings_of
from foveate.data.words import split_of
from foveate.errors import DataError, choose


@reader("class_folders", 40, "one folder of images per class, with or without train/ val/ test/ above")
class ClassFolders:
    @staticmethod
    def recognise(root: Path) -> bool:
        return any(list_images(each.folder) for each in class_folders(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        found = class_folders(root)
        layout = labelled_folders(root, found, classes)
        check_classes(root, found)
        return layout

    @staticmethod
    def read_named(root: Path, classes: Sequence[str] | None) -> Layout:
        """Read the folders as classes, whatever they look like."""
        return labelled_folders(root, class_folders(root), classes)


def labelled_folders(
    root: Path, found: Sequence[ClassFolder], classes: Sequence[str] | None, *notes: str
) -> Layout:
    """Return the layout of class folders. notes: sentences for the user."""
    there = sorted({each.name for each in found})
    to_score = isinstance(classes, KnownClasses)
    names = by_name(classes, there) or there
    names = tuple(dict.fromkeys(choose(name, there, "class folder") for name in names))
    if len(names) < 2 and not to_score:
        raise DataError(
            f"{root}: has one class folder only ('{''.join(names)}'); classification needs two or more. "
            f"For segmentation, put the masks into masks/ and the images into images/{_hints(root)}"
        )
    if all(split_of(name.strip()) for name in names):
        raise DataError(
            f"{root}: {', '.join(f'{name}/' for name in names)} are splits, and hold images alone; for "
            "classes, put the images into one folder a class in each of them; for segmentation, images "
            f"into train/images/ and masks into train/masks/{_hints(root)}"
        )
    parts: dict[str, dict[str, Entry]] = {each.part: {} for each in found}
    for each in sorted(found, key=lambda each: names.index(each.name) if each.name in names else -1):
        if each.name in names:
            _add(parts[each.part], root, each, names.index(each.name), to_score)
    passed = sorted({f"{path.name}/" for each in found for path in masks_inside(each.folder)})
    if any(holds_images_and_masks(each.folder) for each in found):
        passed.append("the masks beside the images")
    unread = [f"{path.name}/" for path in unread_folders(root, found)]
    unread += sorted(name for name in first_files(root) if name.lower().endswith(".csv"))
    said = [f"not read: {', '.join(passed + unread)}"] if passed or unread else []
    entries, listed = divide_by_lists(root, {part: tuple(held.values()) for part, held in parts.items()})
    joined = joined_note(spellings_of(map(_written, found)))
    return Layout(
        "classification",
        names,
        entries,
        read_labelled,
        notes=(*notes, *inner_note(found), *said, *joined, *listed),
        cautions=versions_caution(entries, names),
    )


def _hints(root: Path) -> str:
    """Say what the tables and files of other programs in a folder may be for."""
    said = foreign_files(root) or list(filter(None, [unread_tables(root)]))
    return "".join(f"; {hint}" for hint in said)


def _written(each: ClassFolder) -> str:
    """Return the name of a class as its folder writes it; folders of splits may lie inside."""
    own = each.folder.name
    return own if one_form(own) == each.name else each.folder.parent.name


def _add(entries: dict[str, Entry], root: Path, each: ClassFolder, label: int, may_be_empty: bool) -> None:
    files = list_images(each.folder)
    passed, mixed = masks_inside(each.folder), holds_images_and_masks(each.folder)
    if not files and not may_be_empty:
        raise DataError(f"{each.folder}: the class folder holds no images; add some or remove the folder")
    for path in files:
        is_mask = mixed and strip_mask_suffix(path.stem) != path.stem
        if is_mask or any(path.is_relative_to(folder) for folder in passed):
            continue
        stem = one_form(path.relative_to(root).with_suffix("").as_posix())
        if stem in entries:
            raise DataError(
                f"{each.folder}: {entries[stem].image.name} and {path.name} share a stem and are "
                "ambiguous; rename one"
            )
        entries[stem] = Entry(stem, path, label=label, group=each.group)
