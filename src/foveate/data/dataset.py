"""A dataset as foveate sees it: named entries in three splits, and how to read one."""

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from foveate.data.pixels.images import read_size
from foveate.data.pixels.palette import Color
from foveate.errors import DataError

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""What folders, tables and shards call the three splits."""

Task = Literal["segmentation", "classification"]
Read = Callable[["Entry"], tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | int]]


@dataclass(frozen=True)
class Entry:
    """One image of a dataset: its stem (unique there), its files, and its label if it has no mask.

    part: which image of its file, counted from 0, where files hold many (a volume's slices, a batch's rows).
    group: entries of one group (a patient, a volume) go to one split.
    """

    stem: str
    image: Path | None = None
    mask: Path | None = None
    label: int | None = None
    part: int | None = None
    group: str | None = None


@runtime_checkable
class KnowsClasses(Protocol):
    """A reader that says from annotations which class ids an entry shows, without reading its image."""

    def classes_of(self, entry: Entry) -> Collection[int]: ...


@dataclass(frozen=True)
class Dataset:
    """Entries in the splits train, val and test, with the names of their classes.

    colors: one RGB triple a class, for display. counts: pixels per class of each stem's mask, where they are
    known. notes: sentences on how the folder was understood.
    """

    name: str
    source: str
    task: Task
    classes: tuple[str, ...]
    colors: tuple[Color, ...]
    splits: Mapping[str, tuple[Entry, ...]]
    root: Path | None
    reader: Read
    counts: Mapping[str, Int64[np.ndarray, " classes"]] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len({entry.stem for entries in self.splits.values() for entry in entries})

    def read(self, entry: Entry) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | int]:
        """Decode one entry at its own size: RGB image, and mask of class ids (255 = ignore) or label."""
        return self.reader(entry)

    def size_of(self, entry: Entry) -> tuple[int, int]:
        """Height and width of an entry's image."""
        if entry.image is None or entry.part is not None:
            return self.read(entry)[0].shape[:2]
        return read_size(entry.image)

    def index(self, split: str) -> tuple[Entry, ...]:
        """The entries of train, val or test, in a fixed order."""
        if split not in self.splits:
            raise DataError(f"there is no split '{split}'; there are: {', '.join(SPLITS)}")
        return self.splits[split]

    @cached_property
    def class_counts(self) -> Int64[np.ndarray, "images classes"]:
        """Pixels of each class in each training image, those ignored left out; labels count as the pixels of
        one image. Masks that are not in `counts` are decoded for it, once.

        >>> from foveate.data.open import open_dataset
        >>> open_dataset("synthetic:8:32x48").class_counts.shape
        (8, 11)
        """
        entries, classes = self.index("train"), len(self.classes)
        if self.task == "classification":
            return np.bincount([entry.label for entry in entries], minlength=classes)[None]

        def count(entry: Entry) -> Int64[np.ndarray, " classes"]:
            if entry.stem in self.counts:
                return self.counts[entry.stem]
            return np.bincount(self.read(entry)[1].ravel(), minlength=256)[:classes]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(count, entries)))

    def split_table(self) -> dict[str, list[str]]:
        """The stems of each split; `open_dataset(source, splits=table)` gives exactly these splits again."""
        return {split: [entry.stem for entry in self.splits[split]] for split in SPLITS}

    def describe(self) -> str:
        """One paragraph for the user: what was recognised, counts, classes, and whose splits these are."""
        counts = ", ".join(f"{len(self.splits[split])} {split}" for split in SPLITS)
        names = ", ".join(self.classes[:20]) + (", ..." if len(self.classes) > 20 else "")
        notes = "".join(f" {_sentence(note)}." for note in self.notes)
        return (
            f"{self.source}: {self.name}, {self.task}, {len(self)} images ({counts}), "
            f"{len(self.classes)} classes ({names}).{notes}"
        )


def _sentence(note: str) -> str:
    """A note with a capital, unless it begins with a file's name.

    >>> _sentence("found in photos/"), _sentence("data.csv: columns image and mask")
    ('Found in photos/', 'data.csv: columns image and mask')
    """
    return note if "." in note.partition(" ")[0] else note[0].upper() + note[1:]


def class_frequencies(dataset: Dataset) -> Float64[np.ndarray, " classes"]:
    """Share of each class among the counted pixels (or images) of train; sums to 1."""
    counts = dataset.class_counts.sum(0)
    return counts / counts.sum()


def check(dataset: Dataset) -> Dataset:
    """Return the dataset if there are two classes or more and each occurs in train; otherwise raise
    `DataError`, naming the class.

    Masks that were not counted when the dataset was opened are not read for it.
    """
    if len(dataset.classes) == 1:
        raise DataError(
            f"{dataset.source}: has one class only ('{dataset.classes[0]}'), and all else is ignored, so "
            "there is nothing to tell it from; name what is around it as a class, too"
        )
    if (known := _known_in_train(dataset)) is None:
        return dataset
    missing = [name for number, name in enumerate(dataset.classes) if number not in known]
    if missing:
        what, it = ("class", "it") if len(missing) == 1 else ("classes", "them")
        raise DataError(
            f"{dataset.source}: the {what} {', '.join(map(repr, missing))} never "
            f"occur{'s' * (len(missing) == 1)} in the {len(dataset.index('train'))} training images, so "
            f"nothing can be learnt about {it}; leave {it} out of the classes (or name {it} 'ignore' to "
            f"ignore {it}), add training images that show {it}, or choose another --split-seed"
        )
    return dataset


def _known_in_train(dataset: Dataset) -> set[int] | None:
    """The classes that train shows; None where masks would have to be read for it."""
    if isinstance(dataset.reader, KnowsClasses):
        return {number for entry in dataset.index("train") for number in dataset.reader.classes_of(entry)}
    if dataset.name == "synthetic" or (dataset.task == "segmentation" and not dataset.counts):
        return None
    return set(dataset.class_counts.sum(0).nonzero()[0].tolist())
