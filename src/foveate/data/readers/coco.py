"""COCO JSON: `annotations/instances_<split>.json` and `<split>/`, or `_annotations.coco.json` among images.

A file of another name is read if it holds COCO's lists (Label Studio's result.json). The classes are
background and then the categories in the order of their ids. Categories without an outlined object are left
out unless the user names them.
"""

import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES
from foveate.data.folders.drawn import Outlined, drawn_layout
from foveate.data.folders.listing import files_with_suffix
from foveate.data.folders.named_files import NamedFiles, slashes
from foveate.data.folders.pair_folders import find_folder, has_masks
from foveate.data.layout import Layout, reader
from foveate.data.names import one_form
from foveate.data.pixels.shapes import Shape
from foveate.data.readers.coco_annotations import LISTS, Annotations, read_annotations
from foveate.errors import DataError
from foveate.files import escapes_folder

_AMONG_IMAGES = "_annotations.coco.json"
_ALONE = ("annotations.json", "coco.json", "instances.json", _AMONG_IMAGES)
_INSTANCES = "instances_"
_LOOKED_AT = 20
"""Number of JSON files in a folder that are looked into for COCO's lists."""


@reader(
    "coco",
    26,
    "COCO JSON: annotations/instances_<split>.json and <split>/, or annotations.json and images/",
)
class Coco:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(_files(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        files = {part: read_annotations(path) for part, path in _files(root).items()}
        finders = {part: NamedFiles(root, _image_folders(root, part, file)) for part, file in files.items()}
        parts = {part: _outlined(root, part, file, finders[part]) for part, file in files.items()}
        named = dict.fromkeys(name for file in files.values() for name in file.categories)
        said = [note for finder in finders.values() for note in finder.notes]
        contents = tuple(files.values())
        return drawn_layout(
            parts, named, classes, "COCO annotations", _nothing(contents), _notes(contents, said)
        )


def _files(root: Path) -> dict[str, Path]:
    """Return the annotation files by split, or under "all"."""
    folder = root / "annotations"
    files = _by_split(root, sorted(folder.glob(f"{_INSTANCES}*.json")) or _unexpected(folder))
    for name, part in SPLIT_NAMES.items():
        if (path := root / name / _AMONG_IMAGES).is_file():
            files.setdefault(part, path)
    if files or find_folder(root, ["masks", "mask", "labels", "label"]):
        return files
    if expected := next((root / name for name in _ALONE if (root / name).is_file()), None):
        return _by_split(root, [expected, *(path for path in _unexpected(root) if path != expected)])
    if has_masks(root):
        return {}
    inside = {part: found for name, part in SPLIT_NAMES.items() for found in _unexpected(root / name)[:1]}
    return inside or _by_split(root, _unexpected(root))


def _by_split(root: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """Return files by the split that their name contains; raise `DataError` if two have the same."""
    files: dict[str, Path] = {}
    for path in paths:
        words = re.split(r"[^a-z]+", path.stem.lower())
        part = next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "all")
        if part in files:
            same = f"both name {part}" if part != "all" else "are both COCO annotations"
            raise DataError(f"{root}: {files[part].name} and {path.name} {same}; keep one of them")
        files[part] = path
    return files


def _unexpected(folder: Path) -> list[Path]:
    """Return the JSON files of a folder that hold COCO's lists, whatever their names."""
    return [path for path in files_with_suffix(folder, ".json")[:_LOOKED_AT] if _holds_lists(path)]


def _holds_lists(path: Path) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(f'"{name}"'.encode()) >= 0 for name in LISTS)


def _image_folders(root: Path, part: str, file: Annotations) -> list[Path]:
    word = file.path.stem.removeprefix(_INSTANCES)
    folders = [root / "images" / word, root / "images" / part, root / word, root / part, root / "images"]
    return [folder for folder in (file.path.parent, *folders, root) if folder.is_dir()]


def _outlined(root: Path, part: str, file: Annotations, files: NamedFiles) -> tuple[Outlined, ...]:
    outlined = []
    for key, (name, height, width) in file.images.items():
        where = f"{file.path}: image {key}"
        image = files.find(name, where)
        if image is None and escapes_folder(slashes(name)):
            raise DataError(f"{where}, '{name}', leads out of {root}; name it relative to a folder")
        if image is None:
            searched = ", ".join(dict.fromkeys(map(str, files.folders)))
            raise DataError(f"{where}, '{name}', does not exist (looked in {searched}); add it")
        stem = _stem(name, image, root)
        stem = stem if part == "all" else f"{part}/{stem}"
        outlined.append(Outlined(stem, image, file.path, (height, width), file.shapes.get(key, ())))
    return tuple(outlined)


def _stem(name: str, image: Path, root: Path) -> str:
    """Return the name of an image before its suffix: as annotations name it, unless they lead elsewhere."""
    plain = one_form(slashes(name))
    inside = not escapes_folder(plain) and one_form(image.as_posix()).endswith(f"/{plain}")
    return one_form((Path(plain) if inside else image.relative_to(root)).with_suffix("").as_posix())


def _shapes(files: Iterable[Annotations]) -> Iterator[Shape]:
    return (shape for file in files for each in file.shapes.values() for shape in each)


def _outside(files: Sequence[Annotations]) -> tuple[int, int]:
    """Return the number of crowd annotations and of annotations without an outline."""
    return sum(shape.ignored for shape in _shapes(files)), sum(file.shapeless for file in files)


def _nothing(files: Sequence[Annotations]) -> str:
    crowds, shapeless = _outside(files)
    names, images = ", ".join(str(file.path) for file in files), sum(len(file.images) for file in files)
    return (
        f"{names}: no object is outlined in the {images} images ({crowds} annotations are crowds, "
        f"{shapeless} have no polygons or run lengths), so there is nothing to learn; outline objects, or "
        "export the annotations with their segmentation"
    )


def _notes(files: Sequence[Annotations], said: Sequence[str]) -> tuple[str, ...]:
    crowds, shapeless = _outside(files)
    notes = [f"{crowds} crowd regions are ignored"] * bool(crowds)
    notes += [f"{shapeless} annotations without an outline are left out"] * bool(shapeless)
    return ("areas that the file states are not used", *notes, *said)
