"""Which folders hold the images of a dataset, which the masks, and which the parts of a split."""

from collections.abc import Iterable
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES, SPLITS
from foveate.data.errors import DataError
from foveate.data.folders import first_images, folders_in, holds_images
from foveate.data.images import SUFFIXES

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
MASKS_ALONE = ("masks", "mask", "labels", "label", "annotations")
MASK_FOLDERS = (
    *MASKS_ALONE,
    *(
        "annotation",
        "ground_truth",
        "groundtruth",
        "gt",
        "segmentation",
        "segmentations",
        "targets",
        "target",
    ),
    *("segmentationclasspng", "segmentationclass"),
)
"""Of these, `MASKS_ALONE` say masks where no images lie beside them, too; the others may be classes then."""

_SPLIT_IMAGES = ("", "_images", "_imgs", "images")
_SPLIT_MASKS = ("annot", "_labels", "_masks", "_annot", "_annotations", "_gt", "labels", "masks")
_ENDINGS = (
    *("_segmentation", "_masks", "_mask", "_labels", "_label", "_seg", "_gt", "_l"),
    *("-masks", "-mask", "-labels", "-label", "-seg", "-gt"),
)
_SURE = tuple(ending for ending in _ENDINGS if ending != "_l")

Folders = tuple[Path | None, Path | None]


def find_folder(root: Path, names: Iterable[str]) -> Path | None:
    """The subfolder of `root` with one of these names, in any case; the first that is there wins."""
    folders = {path.name.lower().strip(): path for path in folders_in(root)}
    return next((folders[name] for name in names if name in folders), None)


def whole_folders(root: Path) -> Folders:
    """The folders of all images and all masks; where masks lie beside their images, the root is both."""
    images, masks = find_folder(root, IMAGE_FOLDERS), find_folder(root, MASK_FOLDERS)
    if not images and not masks and holds_both(root):
        return root, root
    return images, masks


def split_folders(root: Path) -> dict[str, Folders]:
    """By split, its folders of images and masks: `train/` with `train_masks/`, `train_labels/` or
    `trainannot/`, `train/images/` with `train/masks/`, or `train/` with both in one, told apart by their
    endings. Empty unless some split has masks.
    """
    found = {}
    for split in SPLITS:
        images, masks = _of_split(root, split, _SPLIT_IMAGES), _of_split(root, split, _SPLIT_MASKS)
        if images and not masks and (inner := find_folder(images, MASK_FOLDERS)):
            images, masks = find_folder(images, IMAGE_FOLDERS), inner
        elif images and not masks and holds_both(images):
            masks = images
        if images or masks:
            found[split] = (images, masks)
    return found if any(masks for _, masks in found.values()) else {}


def split_roots(root: Path) -> list[tuple[str, Path]]:
    """The folders of splits that hold folders themselves, as those of classes do, by their splits."""
    found = ((split, _of_split(root, split, ("",))) for split in SPLITS)
    return [(split, folder) for split, folder in found if folder and folders_in(folder)]


def has_masks(root: Path) -> bool:
    """Whether a folder has one with files of masks, or with folders of them, for all of its images or for a
    split of them.
    """
    folders = [whole_folders(root)[1], *(masks for _, masks in split_folders(root).values())]
    return any(any(map(holds_images, [folder, *folders_in(folder)])) for folder in folders if folder)


def holds_both(folder: Path) -> bool:
    """Whether a folder holds images and, beside them, masks that are called like them up to an ending."""
    names = first_images(folder)
    ended = [stem for stem in (Path(name).stem for name in names) if stem.lower().endswith(_SURE)]
    if not ended or 4 * len(ended) < len(names):
        return False
    suffixes = (form for suffix in sorted(SUFFIXES) for form in (suffix, suffix.upper()))
    return any((folder / f"{unended(ended[0])}{suffix}").is_file() for suffix in suffixes)


def unended(stem: str) -> str:
    """What an image is called whose mask has this stem: the same, but for an ending such as _mask.

    >>> unended("001_mask"), unended("001-label"), unended("001")
    ('001', '001', '001')
    """
    return next((stem[: -len(end)] for end in _ENDINGS if stem.lower().endswith(end)), stem)


def unread(root: Path) -> list[Path]:
    """What lies beside the pairs of a folder and is not read: folders of images, and lists of splits."""
    whole = whole_folders(root)
    used = _used(root)
    folders = [
        folder
        for top in sorted({root, *(path.parent for path in used - {root})})
        for folder in folders_in(top)
        if not any(path == folder or folder in path.parents for path in used) and holds_images(folder)
    ]
    texts = [*sorted(root.glob("*.txt")), *sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))]
    lists = [path for path in texts if path.stem.lower() in SPLIT_NAMES]
    return folders + (lists if all(whole) else [])


def beside(root: Path) -> tuple[str, ...]:
    """A sentence on what is `unread`, if something is."""
    names = [path.relative_to(root).as_posix() + "/" * path.is_dir() for path in unread(root)]
    return (f"not read: {', '.join(names)}",) if names else ()


def _used(root: Path) -> set[Path]:
    whole = whole_folders(root)
    pairs = [whole] if any(whole) else split_folders(root).values()
    return {path for pair in pairs for path in pair if path}


def _of_split(root: Path, split: str, endings: Iterable[str]) -> Path | None:
    """The folder of a split by any of its names, the first ending that is there; `DataError` where two say
    the same.
    """
    folders = folders_in(root)
    for ending in endings:
        names = {name + ending for name, said in SPLIT_NAMES.items() if said == split}
        found = [path for path in folders if path.name.lower().strip() in names]
        if len(found) > 1:
            both = " and ".join(f"{path.name}/" for path in found[:2])
            raise DataError(f"{root}: {both} both say {split}; put what they hold into one of them")
        if found:
            return found[0]
    return None
