"""Say what the files of other programs are, and what to do with them, where no reader takes them."""

import mmap
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from foveate.data.folders.listing import first_files

_LOOKED_AT = 5
_NO_MASKS = "boxes are no masks; outline the objects, or export the annotations as COCO or as masks"
_GEOJSON = "GeoJSON; draw its shapes as masks of the images' size"
_ARRAYS = "save each image and each mask as an image file, such as PNG"

_BY_CONTENT: Mapping[str, tuple[tuple[tuple[bytes, ...], str], ...]] = {
    ".json": (
        (
            (b'"segments_info"',),
            "COCO's panoptic form; export outlines (instances), or masks with the number of the class",
        ),
        ((b'"images"', b'"annotations"', b'"categories"'), "COCO; put it beside images/, as result.json"),
        (
            (b'"from_name"', b'"to_name"'),
            "Label Studio's own JSON; export the project as COCO, which is read",
        ),
        ((b"_via_img_metadata",), "a project of VIA; export its annotations in COCO's format, which is read"),
        ((b'"shape_attributes"',), "annotations of VIA; export them in COCO's format, which is read"),
        ((b'"FeatureCollection"',), _GEOJSON),
        ((b'"label"', b'"coordinates"', b'"width"'), f"CreateML's JSON of boxes; {_NO_MASKS}"),
    ),
    ".csv": (((b"EncodedPixels",), "a table of run lengths; draw them as masks, one PNG an image"),),
    ".xml": (((b"<annotation", b"<bndbox>"), f"Pascal VOC's XML of boxes; {_NO_MASKS}"),),
}
"""What files are, by their suffix and by the words that they hold."""

_BY_SUFFIX = {
    ".parquet": "a table of Hugging Face; load it with datasets.load_dataset and save it with save_to_disk",
    ".arrow": "a table of Arrow; load it with the package datasets and save it with save_to_disk",
    ".tfrecord": "a file of TensorFlow; save its images and masks as image files, such as PNG",
    ".tfrecords": "a file of TensorFlow; save its images and masks as image files, such as PNG",
    ".geojson": _GEOJSON,
    **dict.fromkeys((".h5", ".hdf5"), f"a file of HDF5; {_ARRAYS}"),
    **dict.fromkeys((".npz", ".mat"), f"a file of arrays; {_ARRAYS}"),
}


def foreign_files(*folders: Path) -> list[str]:
    """Return a sentence on the first file of each kind that another program wrote into the folders."""
    found: dict[str, str] = {}
    for folder in folders:
        names = [name for name in sorted(first_files(folder)) if (folder / name).is_file()]
        for suffix, same in groupby(sorted(names, key=_suffix), _suffix):
            for name in list(same)[:_LOOKED_AT]:
                if kind := _BY_SUFFIX.get(suffix) or _kind(folder / name, suffix):
                    found.setdefault(kind, name)
    return [f"{name} is {kind}" for kind, name in found.items()]


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _kind(path: Path, suffix: str) -> str:
    """Return what a file is by the words that it holds; empty if it is nothing known."""
    if suffix not in _BY_CONTENT or path.stat().st_size == 0:
        return ""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        kinds = (kind for words, kind in _BY_CONTENT[suffix] if all(content.find(w) >= 0 for w in words))
        return next(kinds, "")


def masks_of_others(masks: Collection[str], images: Collection[str]) -> str:
    """Return what the names of unpaired masks say about the program they come from; empty if nothing.

    masks, images: stems of the unpaired files.

    >>> masks_of_others(["task-3-annotation-9-by-1-tag-tree-0"], ["photo"])
    "names such as task-3-annotation-... are Label Studio's; its COCO export keeps the images' names"
    >>> masks_of_others(["a_0", "a_1"], ["a"])
    'a_0 and a_1 seem to be one mask an object; put the masks of the image a into a folder a/ of their own'
    >>> masks_of_others(["a_car", "a_road"], ["a"])
    'a_car and a_road seem to be one mask a class; save one mask an image, with a number for each class'
    """
    if any(re.match(r"task-\d+-annotation-\d+-", stem) for stem in masks):
        return (
            "names such as task-3-annotation-... are Label Studio's; its COCO export keeps the images' names"
        )
    first, second, image = next(_several(sorted(masks), images), ("", "", ""))
    if not image:
        return ""
    rest = first[len(image) :], second[len(image) :]
    if all(re.search(r"\d", end) for end in rest):
        return (
            f"{first} and {second} seem to be one mask an object; put the masks of the image {image} into a "
            f"folder {image}/ of their own"
        )
    words = f"{first} and {second} seem to be one mask a class"
    return f"{words}; save one mask an image, with a number for each class"


def _several(masks: Collection[str], images: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield two masks whose names begin with that of one image, and the image."""
    longest = sorted(images, key=len, reverse=True)
    by_image: dict[str, str] = {}
    for mask in masks:
        owner = next((stem for stem in longest if re.match(rf"{re.escape(stem)}[\W_]", mask)), None)
        if owner and owner in by_image:
            yield by_image[owner], mask, owner
        elif owner:
            by_image[owner] = mask
