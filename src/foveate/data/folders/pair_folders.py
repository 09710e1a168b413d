"""Which folders hold the images of a dataset, which the masks, and which the parts of a split."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from foveate.data.dataset import SPLIT_NAMES, SPLITS
from foveate.data.folders.listing import SEARCH_LIMIT, first_images, folders_in, holds_images
from foveate.data.pixels.images import SUFFIXES, read_image
from foveate.errors import DataError

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
UNAMBIGUOUS_MASK_FOLDERS = ("masks", "mask", "labels", "label", "annotations")
MASK_FOLDERS = (
    *UNAMBIGUOUS_MASK_FOLDERS,
    *("annotation", "ground_truth", "groundtruth", "gt", "segmentation", "segmentations"),
    *("targets", "target", "segmentationclasspng", "segmentationclass"),
)
"""Names of mask folders. Where no folder of images lies beside it, only a folder named in
`UNAMBIGUOUS_MASK_FOLDERS` is taken for masks; one with another of these names may be a class.
"""

_SPLIT_IMAGES = ("", "_images", "_imgs", "images")
_SPLIT_MASKS = ("annot", "_labels", "_masks", "_annot", "_annotations", "_gt", "labels", "masks")
_SURE = (
    *("_segmentation", "_masks", "_mask", "_labels", "_label", "_seg", "_gt"),
    *("-masks", "-mask", "-labels", "-label", "-seg", "-gt"),
)
_ENDINGS = (*_SURE, "_l")
"""Of these, `_SURE` tell a mask from the images that it lies among."""

_SHADES = 16
_EVEN = 0.9
"""A mask has this share of its pixels in at most so many colours; a photograph has less."""

_FEW = 3

Folders = tuple[Path | None, Path | None]


def pairs_of(root: Path) -> dict[str, Folders]:
    """By split (or "all"), the folders of images and of masks; of what is found alone, the other is None.

    `images/ masks/` go before the folder's splits, and these before masks that lie beside their images.
    """
    whole = find_folder(root, IMAGE_FOLDERS), _masks_in(root)
    if all(whole):
        return {"all": whole}
    if splits := split_folders(root):
        return splits
    if holds_images_and_masks(root) and not any(map(holds_images, folders_in(root)[:SEARCH_LIMIT])):
        return {"all": (root, root)}
    alone = find_folder(root, UNAMBIGUOUS_MASK_FOLDERS)
    return {"all": (whole[0], alone)} if whole[0] or alone else {}


def split_folders(root: Path) -> dict[str, Folders]:
    """By split, its folders of images and masks: `train/` with `train_masks/`, `train_labels/` or
    `trainannot/`, `train/images/` with `train/masks/`, or `train/` with both in one, told apart by their
    endings. Empty unless some split has masks.
    """
    found, twice = {}, []
    for split in SPLITS:
        called = [_of_split(root, split, endings) for endings in (_SPLIT_IMAGES, _SPLIT_MASKS)]
        twice += [folders for folders in called if len(folders) > 1]
        images, masks = (next(iter(folders), None) for folders in called)
        masks = masks if masks and _filled(masks) else None
        if images and not masks:
            inner = find_folder(images, IMAGE_FOLDERS), _masks_in(images)
            if all(inner) or find_folder(images, UNAMBIGUOUS_MASK_FOLDERS):
                images, masks = inner
            elif holds_images_and_masks(images):
                masks = images
            elif images.name.lower() != split:
                continue  # images alone, of a word that need not say a split
        if images or masks:
            found[split] = (images, masks)
    if not any(masks for _, masks in found.values()):
        return {}
    _require_one(root, twice)
    return found


def split_roots(root: Path) -> list[tuple[str, Path]]:
    """The folders of splits that hold folders themselves, as those of classes do, by their splits."""
    found = {split: [path for path in _of_split(root, split, ("",)) if folders_in(path)] for split in SPLITS}
    _require_one(root, [folders for folders in found.values() if len(folders) > 1])
    return [(split, folder) for split, folders in found.items() for folder in folders]


def has_masks(root: Path) -> bool:
    """Whether a folder has one with files of masks, or with folders of them, for all of its images or for a
    split of them.
    """
    return any(masks and _filled(masks) for _, masks in pairs_of(root).values())


def holds_images_and_masks(folder: Path) -> bool:
    """Whether a folder holds images and, beside them, masks that are called like them up to an ending."""
    names = first_images(folder)
    ended = [name for name in names if Path(name).stem.lower().endswith(_SURE)]
    if not ended or 4 * len(ended) < len(names):
        return False
    suffixes = [form for suffix in sorted(SUFFIXES) for form in (suffix, suffix.upper())]
    images = (
        f"{strip_mask_suffix(Path(name).stem)}{suffix}"
        for name in ended[:SEARCH_LIMIT]
        for suffix in suffixes
    )
    return any((folder / name).is_file() for name in images) and all(
        has_few_colors(folder / name) for name in ended[:_FEW]
    )


def has_few_colors(path: Path) -> bool:
    """Whether a picture has few colours, as a mask has and a photograph has not; or is damaged."""
    try:
        pixels = read_image(path).astype(np.int32)
    except DataError:
        return True
    colors = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    counts = np.sort(np.unique(colors, return_counts=True)[1])
    return bool(counts[-_SHADES:].sum() >= _EVEN * counts.sum())


def strip_mask_suffix(stem: str, endings: Iterable[str] = _SURE) -> str:
    """What an image is called whose mask has this stem: the same, but for an ending such as _mask.

    >>> strip_mask_suffix("001_mask"), strip_mask_suffix("001-label"), strip_mask_suffix("001")
    ('001', '001', '001')
    """
    return next((stem[: -len(end)] for end in endings if stem.lower().endswith(end)), stem)


def image_stem(mask: str, images: Iterable[str]) -> str:
    """The image stem that a mask's stem means: itself, or itself without an ending."""
    return next((stem for stem in (mask, strip_mask_suffix(mask, _ENDINGS)) if stem in images), mask)


def unread_folders(root: Path) -> list[Path]:
    """Folders of images beside those of the pairs, which nothing reads."""
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


def unread_lists(root: Path) -> list[Path]:
    """Lists of splits beside pairs without folders of splits, which nothing reads."""
    texts = [*sorted(root.glob("*.txt")), *sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))]
    return [path for path in texts if path.stem.lower() in SPLIT_NAMES and "all" in pairs_of(root)]


def unread_note(root: Path) -> tuple[str, ...]:
    """A sentence on what lies beside the pairs and is not read, if something does."""
    names = [f"{path.relative_to(root).as_posix()}/" for path in unread_folders(root)]
    names += [path.relative_to(root).as_posix() for path in unread_lists(root)]
    return (f"not read: {', '.join(names)}",) if names else ()


def find_folder(root: Path, names: Iterable[str]) -> Path | None:
    """The subfolder of `root` with one of these names, in any case; the first that is there wins."""
    return next(iter(_called(root, names)), None)


def _called(root: Path, names: Iterable[str]) -> list[Path]:
    folders = {path.name.lower().strip(): path for path in folders_in(root)}
    return [folders[name] for name in names if name in folders]


def _masks_in(root: Path) -> Path | None:
    """The folder of masks: the first so called that holds any, for Annotations/ may hold XML."""
    found = _called(root, MASK_FOLDERS)
    return next(filter(_filled, found), found[0] if found else None)


def _filled(folder: Path) -> bool:
    """Whether a folder holds images, or folders of them."""
    return any(map(holds_images, [folder, *folders_in(folder)[:SEARCH_LIMIT]]))


def _of_split(root: Path, split: str, endings: Iterable[str]) -> list[Path]:
    """The folders of a split by its name; by its other names, too, where one says train, for valid/ may be a
    class. Those of the first ending that hold images, or the first where none does.
    """
    folders = {path.name.lower().strip(): path for path in folders_in(root)}
    train = any(word.startswith("train") and (word in SPLIT_NAMES or "_" in word) for word in folders)
    names = [name for name, said in SPLIT_NAMES.items() if name == split or (said == split and train)]
    for ending in endings:
        found = [folders[name + ending] for name in names if name + ending in folders]
        if found:
            return [path for path in found if _deeply_filled(path)] or found[:1]
    return []


def _require_one(root: Path, twice: list[list[Path]]) -> None:
    """Raise `DataError` for folders that say the same split."""
    for folders in twice:
        names = " and ".join(f"{path.name}/" for path in folders)
        raise DataError(f"{root}: {names} say the same split; put what they hold into one of them")


def _deeply_filled(folder: Path) -> bool:
    """Whether images lie in a folder, in those inside it, or one deeper, as in images/a/."""
    return any(map(_filled, [folder, *folders_in(folder)[:SEARCH_LIMIT]]))
