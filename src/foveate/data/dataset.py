"""A dataset: entries in the splits train, val and test, their classes, and a function that reads an entry."""

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from foveate.data.names import alike
from foveate.data.pixels.images import read_image, read_size
from foveate.data.pixels.palette import Color
from foveate.data.pixels.raster import read_bands
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
"""Names of the splits in folders, tables and shards."""

Task = Literal["segmentation", "classification"]
Pixels = UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w bands"]
"""RGB; or the values of other bands as they are stored, with NaN where they are missing."""


@dataclass(frozen=True)
class BandSet:
    """The bands that are read from each image. names: of these. numbers: from 0. of: bands in each file."""

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    of: int


Read = Callable[["Entry"], tuple[Pixels, UInt8[np.ndarray, "h w"] | int]]


@dataclass(frozen=True)
class Window:
    """A part of an image: the stem of the whole image; the part's top, left, height and width in pixels."""

    stem: str
    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def whole(self, entry: "Entry") -> "Entry":
        """Return the entry of the whole image."""
        return replace(entry, stem=self.stem, window=None)


@dataclass(frozen=True)
class Entry:
    """One image of a dataset with its mask or label.

    stem: its name, unique in the dataset. image, mask: its files, if it has files of its own. label: class id
    of an image without a mask. part: index from 0 in a file of many images (slices of a volume, for example).
    group: entries of one group (a patient, a volume) go to one split.
    bands: the bands that are read from the image, numbered from 0; None for an RGB picture. window: the part
    of the image that is read, see `foveate.data.tiles`; None for all of it.
    """

    stem: str
    image: Path | None = None
    mask: Path | None = None
    label: int | None = None
    part: int | None = None
    group: str | None = None
    bands: tuple[int, ...] | None = None
    window: Window | None = None


def pixels_of(entry: Entry) -> Pixels:
    """Decode the image of an entry that has a file of its own, as RGB or as its bands."""
    return read_image(entry.image) if entry.bands is None else read_bands(entry.image, entry.bands)


@runtime_checkable
class KnowsClasses(Protocol):
    """A reader that knows the class ids of an entry from annotations, without reading its image."""

    def classes_of(self, entry: Entry) -> Collection[int]:
        """Return the class ids of an entry."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Entries in the splits train, val and test, with the names of their classes.

    name: of the layout. source: as the user gave it. colors: one RGB triple per class, for display. root: the
    folder, None for other sources. reader: reads an entry. counts: pixels per class of the masks, by stem, if
    known. notes: sentences for the user on how the data was interpreted. cautions: sentences on what may make
    scores wrong. counted: pixels per class of masks that were decoded to count them, filled as needed.
    bands: of the images, None for RGB pictures. table: as in `Layout`.
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
    cautions: tuple[str, ...] = ()
    counted: dict[str, Int64[np.ndarray, " classes"]] = field(default_factory=dict, repr=False, compare=False)
    bands: BandSet | None = None
    table: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len({entry.stem for entries in self.splits.values() for entry in entries})

    @property
    def channels(self) -> int:
        """Number of channels of the images: 3 for RGB, or the number of bands."""
        return len(self.bands.names) if self.bands else 3

    def read(self, entry: Entry) -> tuple[Pixels, UInt8[np.ndarray, "h w"] | int]:
        """Decode one entry at its own size: image, and mask of class ids (255 = ignore) or label."""
        return self.reader(entry)

    def size_of(self, entry: Entry) -> tuple[int, int]:
        """Return the height and width of an entry's image."""
        if entry.window is not None:
            return entry.window.height, entry.window.width
        if entry.image is None or entry.part is not None:
            return self.read(entry)[0].shape[:2]
        return read_size(entry.image)

    def index(self, split: str) -> tuple[Entry, ...]:
        """Return the entries of train, val or test, in a fixed order."""
        if split not in self.splits:
            raise DataError(f"there is no split '{split}'; there are: {', '.join(SPLITS)}")
        return self.splits[split]

    def groups(self, split: str) -> tuple[str, ...]:
        """Return the group of each entry of a split; an entry without one is a group by its stem.

        >>> entries = (Entry("a", group="patient 1"), Entry("b", group="patient 1"), Entry("c"))
        >>> splits = {"test": entries}
        >>> Dataset("paired", "photos", "segmentation", (), (), splits, None, print).groups("test")
        ('patient 1', 'patient 1', 'c')
        """
        return tuple(e.stem if e.group is None else e.group for e in self.index(split))

    @property
    def has_groups(self) -> bool:
        """Whether any entry is in a group."""
        return any(entry.group is not None for entries in self.splits.values() for entry in entries)

    @cached_property
    def class_counts(self) -> Int64[np.ndarray, "images classes"]:
        """Pixels of each class in each training image, without ignored pixels.

        For labels, a single row: the number of images of each class. Masks that are not in `counts` are
        decoded once.

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
            if entry.stem not in self.counted:
                self.counted[entry.stem] = np.bincount(self.read(entry)[1].ravel(), minlength=256)[:classes]
            return self.counted[entry.stem]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(count, entries)))

    def split_table(self) -> dict[str, list[str]]:
        """Return the stems of each split; `open_dataset(source, splits=table)` reproduces these splits."""
        return {split: [entry.stem for entry in self.splits[split]] for split in SPLITS}

    def describe(self) -> str:
        """Describe the dataset for the user: layout, counts, classes, source of the splits, cautions."""
        counts = ", ".join(f"{len(self.splits[split])} {split}" for split in SPLITS)
        names = ", ".join(self.classes[:20]) + (", ..." if len(self.classes) > 20 else "")
        notes = "".join(f" {_sentence(note)}." for note in self.notes)
        cautions = "".join(f"\nWarning: {caution}." for caution in self.cautions)
        return (
            f"{self.source}: {self.name}, {self.task}, {len(self)} images ({counts}), "
            f"{len(self.classes)} classes ({names}).{notes}{cautions}"
        )


def _sentence(note: str) -> str:
    """Capitalise a note unless it begins with a file's name.

    >>> _sentence("found in photos/"), _sentence("data.csv: columns image and mask")
    ('Found in photos/', 'data.csv: columns image and mask')
    """
    return note if "." in note.partition(" ")[0] else note[0].upper() + note[1:]


def check(dataset: Dataset) -> Dataset:
    """Return the dataset if it has two classes or more and each occurs in train; otherwise raise `DataError`.

    Does not read masks: if they were not counted when the dataset was opened, nothing is checked.
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
            f"{_alike(dataset, missing)}"
        )
    return dataset


def _alike(dataset: Dataset, missing: Collection[str]) -> str:
    """Return a hint on missing classes that may be others by a slightly different name; empty if none are."""
    groups = [group for group in alike(dataset.classes) if set(group) & set(missing)]
    if not groups:
        return ""
    names = " and ".join(map(repr, groups[0]))
    return f". {names} differ in case or blanks alone; if they are one, call them alike"


def _known_in_train(dataset: Dataset) -> set[int] | None:
    """Return the class ids that occur in train; None if that would require reading the masks."""
    if isinstance(dataset.reader, KnowsClasses):
        return {number for entry in dataset.index("train") for number in dataset.reader.classes_of(entry)}
    if dataset.name == "synthetic" or (dataset.task == "segmentation" and not dataset.counts):
        return None
    return set(dataset.class_counts.sum(0).nonzero()[0].tolist())
