"""Hugging Face datasets: a folder that `save_to_disk` wrote, or `hf:NAME` (`hf:NAME:CONFIG`) from the hub.

A dataset needs a column of images and a column of masks or labels. Images are read from the Arrow files when
they are needed.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from foveate.data.dataset import SPLIT_NAMES, Entry
from foveate.data.folders.coded import labelled_layout
from foveate.data.layout import Layout, reader
from foveate.data.pixels.images import read_image
from foveate.data.pixels.masks import MaskCodec, read_mask
from foveate.data.pixels.meaning import infer_meaning
from foveate.data.pixels.tally import tally_mask
from foveate.errors import DataError
from foveate.extras import require
from foveate.specs.bindings import binds_colors
from foveate.waiting import with_progress

PREFIX = "hf:"
IMAGE = ("image", "img", "picture", "photo", "pixel_values")
MASK = ("mask", "label", "labels", "annotation", "segmentation", "segmentation_mask", "semantic_mask", "gt")
LABEL = ("label", "labels", "fine_label", "class", "target")


@reader(
    "huggingface", 24, "a dataset that Hugging Face's save_to_disk wrote (or, in place of a folder, hf:NAME)"
)
class HuggingFace:
    @staticmethod
    def recognise(root: Path) -> bool:
        whole = (root / "state.json").is_file() and (root / "dataset_info.json").is_file()
        return whole or (root / "dataset_dict.json").is_file()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        return read_huggingface(str(root), classes)


def read_huggingface(source: str, classes: Sequence[str] | None = None) -> Layout:
    """Return the layout of a saved folder or of `hf:NAME`; needs the extra `hf`.

    Raises `DataError` if the package or the dataset is missing, or if it lacks a column of images, or one of
    masks or labels.
    """
    splits = _load(source)
    features = next(iter(splits.values())).features
    kinds = {name: type(feature).__name__ for name, feature in features.items()}
    images = [name for name, kind in kinds.items() if kind == "Image"]
    image = next((name for name in IMAGE if name in images), images[0] if images else None)
    mask = next((name for name in MASK if name in images and name != image), None)
    label = next((name for name in LABEL if kinds.get(name) == "ClassLabel"), None)
    if image is None or not (mask or label):
        shown = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise DataError(
            f"{source}: needs a column of images ({', '.join(IMAGE)}) and one of masks "
            f"({', '.join(MASK)}) or of class labels ({', '.join(LABEL)}); it has {shown}"
        )
    split_names = {split: SPLIT_NAMES[split] for split in splits if split in SPLIT_NAMES}
    if len(set(split_names.values())) < len(split_names):
        raise DataError(f"{source}: two of the splits {', '.join(split_names)} mean the same; rename one")
    notes = [f"the split {split} is left out" for split in splits if split not in split_names]
    parts: dict[str, tuple[Entry, ...]] = {}
    columns = (image, mask) if mask else (image,)
    for split, part in split_names.items():
        entries = _entries(splits[split], split, columns, None if mask else label)
        parts[part if len(split_names) > 1 else "all"] = entries
        notes += _left_out(split, len(splits[split]), len(entries), (image, mask or label))
    if not split_names:
        raise DataError(f"{source}: has the splits {', '.join(splits)}, and none of {', '.join(SPLIT_NAMES)}")
    if mask is None:
        read = ReadRow(source, image)
        return labelled_layout(parts, features[label].names, classes, *notes, reader=read)
    places = [(e.stem.partition("/")[0], e.part) for entries in parts.values() for e in entries]
    colored = binds_colors(classes)
    counting = (
        tally_mask(f"{source} ({split}, row {row})", colored, _content(source, split, row, mask))
        for split, row in places
    )
    meaning = infer_meaning(list(with_progress(counting, len(places), "Reading masks")), classes)
    codec = meaning.codec
    read = ReadRow(source, image, mask, codec)
    notes = (codec.reading, *notes)
    return Layout("segmentation", codec.classes, parts, read, notes=notes, table=meaning.table)


@dataclass(frozen=True)
class ReadRow:
    """Reads the image and the mask or label of an entry's row. image, mask: names of their columns."""

    source: str
    image: str
    mask: str | None = None
    codec: MaskCodec | None = None

    def __call__(self, entry: Entry) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | int]:
        split = entry.stem.partition("/")[0]
        where = f"{self.source} ({split}, row {entry.part})"
        image = read_image(where, _content(self.source, split, entry.part, self.image))
        if self.mask is None:
            return image, entry.label
        mask = read_mask(where, self.codec, _content(self.source, split, entry.part, self.mask))
        if mask.shape != image.shape[:2]:
            raise DataError(f"{where}: the mask is {mask.shape} pixels and the image {image.shape[:2]}")
        return image, mask


def _entries(rows: Any, split: str, columns: Sequence[str], label: str | None) -> tuple[Entry, ...]:
    """Return the entries of the rows with an image and a mask, or a label that is not negative."""
    labels: Sequence[int | None] = rows[label] if label else [0] * len(rows)
    filled = ~np.any([_is_empty(rows, column) for column in columns], axis=0)
    return tuple(
        Entry(f"{split}/{row:07d}", part=row, label=value if label else None)
        for row, (value, whole) in enumerate(zip(labels, filled, strict=True))
        if whole and value is not None and value >= 0
    )


def _is_empty(rows: Any, column: str) -> Bool[np.ndarray, " rows"]:
    """Whether each cell of a column is empty, without reading the cells."""
    cells = rows.select_columns([column]).with_format("arrow")[:].column(column)
    return np.asarray(cells.is_null())


def _left_out(split: str, rows: int, kept: int, columns: Sequence[str]) -> list[str]:
    what = "are" if rows - kept > 1 else "is"
    return [f"{rows - kept} of {rows} rows of {split} without {' or '.join(columns)} {what} left out"] * (
        rows > kept
    )


@lru_cache(maxsize=4)
def _load(source: str) -> Mapping[str, Any]:
    """Open the rows of each split, with images as undecoded bytes. Each process opens the files itself."""
    package = require("datasets", "hf", f"{source}: reading Hugging Face datasets")
    if not sys.stderr.isatty():
        package.disable_progress_bars()
    try:
        if source.startswith(PREFIX):
            name, _, config = source.removeprefix(PREFIX).partition(":")
            dataset = package.load_dataset(name, config or None)
        else:
            dataset = package.load_from_disk(source)
    except Exception as error:  # errors of the network, the hub and Arrow have no common class
        raise DataError(
            f"{source}: the dataset cannot be opened ({type(error).__name__}: {error}); is the name right, "
            "and is there a network?"
        ) from None
    splits = dataset if isinstance(dataset, dict) else {"train": dataset}
    plain = package.Image(decode=False)
    for split, rows in splits.items():
        for name, feature in rows.features.items():
            if isinstance(feature, package.Image):
                splits[split] = splits[split].cast_column(name, plain)
    return dict(splits)


def _content(source: str, split: str, row: int, column: str) -> bytes:
    cell = _load(source)[split][row][column]
    if cell is None:
        raise DataError(f"{source} ({split}, row {row}): the column {column} is empty")
    return cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
