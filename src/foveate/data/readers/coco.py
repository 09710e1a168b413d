"""COCO JSON: `annotations/instances_<split>.json` and `<split>/`, or `_annotations.coco.json` among images.

The classes are background and then the categories in the order of their ids. Categories without an outlined
object are left out unless the user names them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from foveate.data.dataset import SPLIT_NAMES, Entry
from foveate.data.folders.pair_folders import find_folder
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import kept_names
from foveate.data.pixels.masks import check_names
from foveate.data.readers.coco_annotations import BACKGROUND, Annotations, ReadCoco, Shape, read_annotations
from foveate.errors import DataError
from foveate.extras import require
from foveate.files import escapes_folder

_AMONG_IMAGES = "_annotations.coco.json"
_ALONE = ("annotations.json", "coco.json", "instances.json", _AMONG_IMAGES)


@reader(
    "coco", 26, "COCO JSON: annotations/instances_<split>.json and <split>/, or annotations.json and images/"
)
class Coco:
    @staticmethod
    def recognise(root: Path) -> bool:
        return bool(_files(root))

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        require("pycocotools.mask", "data", f"{root}: drawing the shapes of COCO annotations")
        files = {part: read_annotations(path) for part, path in _files(root).items()}
        named = dict.fromkeys(name for file in files.values() for name in file.categories)
        drawn = {shape.name for shape in _shapes(files.values()) if not shape.crowd} - {BACKGROUND}
        wanted = [name for name in named if name != BACKGROUND and (classes or name in drawn)]
        kept = kept_names((BACKGROUND, *wanted), classes)
        check_names(kept)
        parts = {part: _entries(root, part, file) for part, file in files.items()}
        if not drawn and not classes:
            raise DataError(_nothing(tuple(files.values())))
        shapes, sizes = {}, {}
        for part, file in files.items():
            for entry, (key, (_, height, width)) in zip(parts[part], file.images.items(), strict=True):
                shapes[entry.stem], sizes[entry.stem] = file.shapes.get(key, ()), (height, width)
        ids = {name: number for number, name in enumerate(kept)}
        notes = _notes(tuple(files.values()), [name for name in named if name not in {BACKGROUND, *drawn}])
        return Layout("segmentation", kept, parts, ReadCoco(shapes, sizes, ids), notes=notes)


def _files(root: Path) -> dict[str, Path]:
    """Return the annotation files by split, or under "all"."""
    files = {}
    for path in sorted((root / "annotations").glob("instances_*.json")):
        part = SPLIT_NAMES.get(path.stem.removeprefix("instances_").rstrip("0123456789_-"), "all")
        if part != "all" and part in files:
            raise DataError(f"{root}: {files[part].name} and {path.name} both name {part}; keep one of them")
        files.setdefault(part, path)
    for folder, part in SPLIT_NAMES.items():
        if (path := root / folder / _AMONG_IMAGES).is_file():
            files.setdefault(part, path)
    if files or find_folder(root, ["masks", "mask", "labels", "label"]):
        return files
    return next(({"all": root / name} for name in _ALONE if (root / name).is_file()), {})


def _entries(root: Path, part: str, file: Annotations) -> tuple[Entry, ...]:
    word = file.path.stem.removeprefix("instances_")
    folders = [root / "images" / word, root / "images" / part, root / word, root / part, root / "images"]
    folders = [folder for folder in (file.path.parent, *folders, root) if folder.is_dir()]
    entries: dict[str, Entry] = {}
    for key, (name, _, _) in file.images.items():
        if escapes_folder(name):
            raise DataError(
                f"{file.path}: image {key}, '{name}', leads out of {root}; name it relative to a folder"
            )
        image = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if image is None:
            searched = ", ".join(dict.fromkeys(map(str, folders)))
            raise DataError(
                f"{file.path}: image {key}, '{name}', does not exist (looked in {searched}); add it"
            )
        stem = Path(name).with_suffix("").as_posix()
        stem = stem if part == "all" else f"{part}/{stem}"
        if stem in entries:
            raise DataError(f"{file.path}: two images have the name '{stem}' before their suffix; rename one")
        entries[stem] = Entry(stem, image, file.path)
    return tuple(entries.values())


def _shapes(files: Iterable[Annotations]) -> Iterator[Shape]:
    return (shape for file in files for each in file.shapes.values() for shape in each)


def _outside(files: Sequence[Annotations]) -> tuple[int, int]:
    """Return the number of crowd annotations and of annotations without an outline."""
    return sum(shape.crowd for shape in _shapes(files)), sum(file.shapeless for file in files)


def _nothing(files: Sequence[Annotations]) -> str:
    crowds, shapeless = _outside(files)
    names, images = ", ".join(str(file.path) for file in files), sum(len(file.images) for file in files)
    return (
        f"{names}: no object is outlined in the {images} images ({crowds} annotations are crowds, "
        f"{shapeless} have no polygons or run lengths), so there is nothing to learn; outline objects, or "
        "export the annotations with their segmentation"
    )


def _notes(files: Sequence[Annotations], unused: Sequence[str]) -> tuple[str, ...]:
    crowds, shapeless = _outside(files)
    empty = sum(key not in file.shapes for file in files for key in file.images)
    notes = ["objects are drawn as COCO outlines them, the smaller on top where they overlap"]
    notes += [f"{crowds} crowd regions are ignored"] * bool(crowds)
    notes += [f"{shapeless} annotations without an outline are left out"] * bool(shapeless)
    notes += [f"{empty} images without any outline are background"] * bool(empty)
    notes += [f"no object is outlined of {', '.join(unused)}"] * bool(unused)
    return tuple(notes)
