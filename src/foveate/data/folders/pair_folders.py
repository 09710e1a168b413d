"""Find the folders of images, of masks and of splits by their names."""

import re
from collections.abc import Iterable
from pathlib import Path

from foveate.data.dataset import SPLITS
from foveate.data.folders.listing import SEARCH_LIMIT, first_images, folders_in, holds_images
from foveate.data.folders.mask_like import has_few_colors
from foveate.data.pixels.images import SUFFIXES
from foveate.data.words import split_of, words_of
from foveate.errors import DataError

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages", "img_dir", "image_dir", "imgs_dir")
UNAMBIGUOUS_MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "ann_dir",
    "mask_dir",
    "label_dir",
)
MASK_FOLDERS = (
    *UNAMBIGUOUS_MASK_FOLDERS,
    *("annotation", "ground_truth", "groundtruth", "gt", "segmentation", "segmentations"),
    *("targets", "target", "segmentationclasspng", "segmentationclass"),
)
"""Names of mask folders. Where no folder of images lies beside it, only a folder named in
`UNAMBIGUOUS_MASK_FOLDERS` is taken for masks; one with another of these names may be a class.
"""

_SPLIT_IMAGES = ("", "_images", "_imgs", "images", "images_", "imgs_", "img_", "image_")
_SPLIT_MASKS = (
    *("annot", "_labels", "_masks", "_annot", "_annotations", "_gt", "labels", "masks"),
    *("_mask", "_label", "_annotation", "_seg", "_segs", "_segmentation", "_segmentations", "_ground_truth"),
    *("masks_", "mask_", "labels_", "label_", "annotations_", "ann_", "annot_", "gt_"),
)
"""What folders of a split are called behind its name, or, with an underscore at the end, before it."""

_SURE = (
    *("_segmentation", "_masks", "_mask", "_labels", "_label", "_seg", "_gt"),
    *("-masks", "-mask", "-labels", "-label", "-seg", "-gt"),
)
_ENDINGS = (*_SURE, "_l")
"""Suffixes of mask stems. Only those in `_SURE` mark a mask that lies in one folder with the images."""

_MASKS_CHECKED = 3
"""Number of files that are decoded to see whether they are masks."""

Folders = tuple[Path | None, Path | None]


def pairs_of(root: Path) -> dict[str, Folders]:
    """Return the folders of images and masks by split, or under "all"; None for a folder that is missing.

    Tried in this order: `images/` and `masks/`, folders of splits, images and masks in one folder.
    """
    whole = find_folder(root, IMAGE_FOLDERS), _masks_in(root)
    if all(whole):
        return {"all": whole}
    if splits := split_folders(root):
        return splits
    if holds_images_and_masks(root) and not any(map(holds_images, folders_in(root)[:SEARCH_LIMIT])):
        return {"all": (root, root)}
    alone = _masks_alone(root)
    return {"all": (whole[0], alone)} if whole[0] or alone else {}


def split_folders(root: Path) -> dict[str, Folders]:
    """Return the folders of images and masks by split; empty unless some split has masks.

    These are `train/` with `train_masks/`, `train_labels/` or `trainannot/`; `images_train/` with
    `masks_train/`; `train/images/` with `train/masks/`; or `train/` with both, where a suffix marks the
    masks. Raises `DataError` if two folders name the same split.
    """
    splits, duplicates = {}, []
    for split in SPLITS:
        candidates = [_split_folders(root, split, affixes) for affixes in (_SPLIT_IMAGES, _SPLIT_MASKS)]
        duplicates += [folders for folders in candidates if len(folders) > 1]
        images, masks = (next(iter(folders), None) for folders in candidates)
        masks = masks if masks and _contains_images(masks) else None
        if images and not masks:
            inner = find_folder(images, IMAGE_FOLDERS), _masks_in(images)
            if all(inner) or _masks_alone(images):
                images, masks = inner
            elif holds_images_and_masks(images):
                masks = images
            elif images.name.lower() != split:
                continue  # images without masks, in a folder such as valid/ that need not be a split
        if images or masks:
            splits[split] = (images, masks)
    if not any(masks for _, masks in splits.values()):
        return {}
    _refuse_duplicates(root, duplicates)
    return splits


def split_roots(root: Path) -> list[tuple[str, Path]]:
    """Return the folders of splits that hold folders (of classes, say), as (split, folder).

    Raises `DataError` if two folders name the same split.
    """
    splits = {
        split: [path for path in _split_folders(root, split, ("",)) if folders_in(path)] for split in SPLITS
    }
    _refuse_duplicates(root, [folders for folders in splits.values() if len(folders) > 1])
    return [(split, folder) for split, folders in splits.items() for folder in folders]


def has_masks(root: Path) -> bool:
    """Whether a folder has a folder of masks that is not empty, for all its images or for one split."""
    return any(masks and _contains_images(masks) for _, masks in pairs_of(root).values())


def holds_images_and_masks(folder: Path) -> bool:
    """Whether a folder holds images together with their masks, named alike but for a suffix such as _mask."""
    names = first_images(folder)
    masks = [name for name in names if Path(name).stem.lower().endswith(_SURE)]
    if not masks or 4 * len(masks) < len(names):
        return False
    suffixes = [form for suffix in sorted(SUFFIXES) for form in (suffix, suffix.upper())]
    images = (
        f"{strip_mask_suffix(Path(name).stem)}{suffix}"
        for name in masks[:SEARCH_LIMIT]
        for suffix in suffixes
    )
    return any((folder / name).is_file() for name in images) and all(
        has_few_colors(folder / name) for name in masks[:_MASKS_CHECKED]
    )


def strip_mask_suffix(stem: str, endings: Iterable[str] = _SURE) -> str:
    """Return a mask's stem without its suffix, such as _mask: the stem of its image.

    >>> strip_mask_suffix("001_mask"), strip_mask_suffix("001-label"), strip_mask_suffix("001")
    ('001', '001', '001')
    """
    return next((stem[: -len(end)] for end in endings if stem.lower().endswith(end)), stem)


def image_stem(mask: str, images: Iterable[str]) -> str:
    """Return the image stem that belongs to a mask's stem: the same, or the same without a suffix."""
    return next((stem for stem in (mask, strip_mask_suffix(mask, _ENDINGS)) if stem in images), mask)


def unread_folders(root: Path) -> list[Path]:
    """Return the folders of images that lie beside those of the pairs and are not read."""
    used = {path for pair in pairs_of(root).values() for path in pair if path}
    if root in used:
        return []
    tops = sorted({root, *(path.parent for path in used)})
    return [
        folder
        for top in tops
        for folder in folders_in(top)
        if not any(path == folder or folder in path.parents for path in used) and holds_images(folder)
    ]


def unread_note(root: Path) -> tuple[str, ...]:
    """Return a note on the folders that are not read; empty if there are none."""
    names = [f"{path.relative_to(root).as_posix()}/" for path in unread_folders(root)]
    return (f"not read: {', '.join(names)}",) if names else ()


def folders_beside(folder: Path) -> list[Path]:
    """Return the other folders of images beside a folder."""
    return [path for path in folders_in(folder.parent) if path != folder and holds_images(path)]


def find_folder(root: Path, names: Iterable[str]) -> Path | None:
    """Return the subfolder of `root` with the first of these names that exists, ignoring case."""
    return next(iter(_folders_named(root, names)), None)


def _folders_named(root: Path, names: Iterable[str]) -> list[Path]:
    folders = {_plain(path.name): path for path in folders_in(root)}
    return [folders[name] for name in names if name in folders]


def _plain(name: str) -> str:
    """Return a folder's name in lower case, with underscores for blanks and hyphens."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _masks_alone(root: Path) -> Path | None:
    """Return the folder that is called as masks are, unless it holds photographs: it is a class, then."""
    folder = find_folder(root, UNAMBIGUOUS_MASK_FOLDERS)
    if folder is None:
        return None
    names = sorted(first_images(folder))[:_MASKS_CHECKED]
    photographs = names and not any(has_few_colors(folder / name) for name in names)
    return None if photographs else folder


def _masks_in(root: Path) -> Path | None:
    """Return the first folder of masks that holds images (Annotations/ may hold XML), or else the first."""
    folders = _folders_named(root, MASK_FOLDERS)
    return next(filter(_contains_images, folders), folders[0] if folders else None)


def _contains_images(folder: Path) -> bool:
    """Whether images lie in a folder or in its subfolders."""
    return any(map(holds_images, [folder, *folders_in(folder)[:SEARCH_LIMIT]]))


def _split_folders(root: Path, split: str, affixes: Iterable[str]) -> list[Path]:
    """Return the folders named after a split plus the first of the affixes that occurs.

    Other names of the split (valid/ for val) count only if a folder of train exists, as they may be classes.
    Returns the folders that contain images, or the first folder if none does.
    """
    folders = {"_".join(words_of(path.name)): path for path in folders_in(root)}
    has_train = any(
        split_of(name) == "train" or (name.startswith("train") and "_" in name) or name.endswith("_train")
        for name in folders
    )
    for affix in affixes:
        begins = {path: rest for name, path in folders.items() if (rest := _without(name, affix)) is not None}
        candidates = [
            _innermost(path, split)
            for path, name in begins.items()
            if split_of(name) == split and (has_train or name == split)
        ]
        if candidates:
            return [path for path in candidates if _contains_images_deeply(path)] or candidates[:1]
    return []


def _without(name: str, affix: str) -> str | None:
    """Return a name without an affix of `_SPLIT_IMAGES` or `_SPLIT_MASKS`; None if it has not got it.

    >>> _without("masks_train", "masks_"), _without("train_masks", "_masks"), _without("train", "_masks")
    ('train', 'train', None)
    """
    if affix.endswith("_"):
        return name.removeprefix(affix) if name.startswith(affix) else None
    return name[: len(name) - len(affix)] if name.endswith(affix) else None


def _innermost(folder: Path, split: str) -> Path:
    """Follow folders of a split that hold one folder of the same split, as training_set/training_set/."""
    while len(inner := folders_in(folder)) == 1 and split_of(inner[0].name) == split:
        if holds_images(folder):
            break
        folder = inner[0]
    return folder


def _refuse_duplicates(root: Path, duplicates: list[list[Path]]) -> None:
    """Raise `DataError` if several folders name the same split."""
    for folders in duplicates:
        names = " and ".join(f"{path.name}/" for path in folders)
        raise DataError(f"{root}: {names} name the same split; put their files into one of them")


def _contains_images_deeply(folder: Path) -> bool:
    """Whether images lie in a folder or up to two levels below it, as in images/a/."""
    return any(map(_contains_images, [folder, *folders_in(folder)[:SEARCH_LIMIT]]))
