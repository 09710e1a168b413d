"""Ignore the pixels outside a field of view, which a folder of masks marks by 0, beside the images."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry, Read
from foveate.data.folders.listing import folders_in
from foveate.data.folders.pairing import match_by_stem
from foveate.data.layout import Layout
from foveate.data.pixels.masks import IGNORE
from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError
from foveate.waiting import with_progress


@dataclass(frozen=True)
class WithinView:
    """A reader that ignores the pixels outside the field of view. views: the file of each image, by stem."""

    reader: Read
    views: Mapping[str, Path]

    def __call__(self, entry: Entry) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        image, mask = self.reader(entry)
        return image, np.where(read_view(self.views[entry.stem], mask.shape), mask, IGNORE).astype(np.uint8)


def read_view(path: Path, size: Sequence[int]) -> np.ndarray:
    """Return where a mask of the field of view is not 0, as booleans.

    Raises `DataError` if its size is not that of the image, and if it is 0 everywhere.
    """
    values = read_raw(path, brightness=True)
    if values.shape != tuple(size):
        raise DataError(
            f"{path}: the field of view is {values.shape[0]} x {values.shape[1]} pixels and its image "
            f"{size[0]} x {size[1]}; export it at the image's size"
        )
    if not values.any():
        raise DataError(f"{path}: the field of view is 0 everywhere, so all pixels would be ignored; mend it")
    return 2 * values.astype(np.int64) >= values.max()


def ignore_outside_view(layout: Layout, root: Path, name: str) -> Layout:
    """Return the layout with the pixels outside the fields of view ignored.

    name: of the folders of these masks, beside those of the images or above them. They are matched by stem.
    Raises `DataError` if an image has none.
    """
    if layout.task != "segmentation":
        raise DataError(f"{root}: --ignore-outside is for masks, and the images have labels; leave it out")
    entries = [entry for held in layout.parts.values() for entry in held]
    views = _views(entries, root, name.strip("/"))
    reader = WithinView(layout.reader, views)

    def count(entry: Entry) -> np.ndarray:
        return np.bincount(reader(entry)[1].ravel(), minlength=256)[: len(layout.classes)]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(with_progress(pool.map(count, entries), len(entries), "Reading fields of view"))
    counts = {entry.stem: row for entry, row in zip(entries, rows, strict=True)}
    note = f"pixels outside the field of view ({name.strip('/')}/) are ignored"
    notes = tuple(_without(each, name.strip("/")) for each in layout.notes)
    notes = (*filter(None, notes), note)
    return replace(layout, reader=reader, counts=counts, notes=notes, files=tuple(views.values()))


def _views(entries: Sequence[Entry], root: Path, name: str) -> dict[str, Path]:
    views: dict[str, Path] = {}
    by_folder: dict[Path, list[Entry]] = {}
    for entry in entries:
        if entry.image is None or entry.part is not None:
            raise DataError(f"{root}: --ignore-outside is for images in files of their own; leave it out")
        by_folder.setdefault(entry.image.parent, []).append(entry)
    for folder, held in by_folder.items():
        where = _beside(folder, root, name)
        matched = match_by_stem(folder, where).entries if where else ()
        files = {each.image: each.mask for each in matched if each.mask is not None}
        missing = [entry.image.name for entry in held if entry.image not in files]
        if missing:
            place = where or f"a folder {name}/ beside {folder}"
            raise DataError(
                f"{len(missing)} of {len(held)} images in {folder} have no field of view in {place}: "
                f"{', '.join(missing[:3])}{', ...' * (len(missing) > 3)}; add them, or leave "
                "--ignore-outside out"
            )
        views |= {entry.stem: files[entry.image] for entry in held}
    return views


def _beside(folder: Path, root: Path, name: str) -> Path | None:
    """Return the folder of this name beside a folder of images, or beside a folder above it up to `root`."""
    inner: list[str] = []
    while True:
        found = next((path for path in _inside(folder, name)), None)
        if found is not None:
            deeper = found.joinpath(*reversed(inner[:-1]))
            return deeper if deeper.is_dir() else found
        if folder in (root, folder.parent):
            return None
        inner.append(folder.name)
        folder = folder.parent


def _inside(folder: Path, name: str) -> list[Path]:
    direct = folder / name
    alike = [path for path in folders_in(folder) if path.name.lower() == name.lower()]
    return [direct] if direct.is_dir() else alike


def _without(note: str, name: str) -> str:
    """Drop a folder from the note on what was not read."""
    start = "not read: "
    if not note.startswith(start):
        return note
    kept = [each for each in note.removeprefix(start).split(", ") if each.strip("/").split("/")[-1] != name]
    return start + ", ".join(kept) if kept else ""
