"""One folder a class, with or without `train/ val/ test/` above: classification."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.coded import read_labelled
from foveate.data.dataset import Entry
from foveate.data.errors import DataError
from foveate.data.folders import folders_in
from foveate.data.layout import Layout, reader
from foveate.data.pairing import list_images, split_roots
from foveate.errors import choose


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
        parts = {part: _entries(root, split, names) for part, split in splits}
        return Layout("classification", names, parts, read_labelled)


def _parts(root: Path) -> list[tuple[str, Path]]:
    return split_roots(root) or [("all", root)]


def _entries(root: Path, split: Path, classes: Sequence[str]) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for label, name in enumerate(classes):
        if not (split / name).is_dir():
            continue
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
