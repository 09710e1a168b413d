"""The exams of a dataset, and what follows from all of them together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64

from foveate.data.pixels.images import LOSSY
from foveate.data.pixels.masks import IGNORE, LEFT_OUT, MaskCodec, pack
from foveate.data.pixels.meaning import MAX_UNNAMED, choose_codec
from foveate.data.pixels.palette import Color
from foveate.data.pixels.shapes import BACKGROUND
from foveate.data.published.camvid import CAMVID
from foveate.data.readers.coloured import color_codec, colors_file
from foveate.doctor.bands import BandFacts, summarise
from foveate.doctor.exam import OCTAVES, Exam, MaskFacts
from foveate.doctor.folder import Folder
from foveate.doctor.reading import RAMPS, Convention, convention, stray_ids
from foveate.doctor.twins import Twins, find_twins
from foveate.errors import DataError
from foveate.specs.bindings import parse_bindings


@dataclass(frozen=True)
class Survey:
    """All examined images of a folder.

    exams: one for each examined image, in the order of the folder. total: number of images in the folder.
    """

    folder: Folder
    exams: tuple[Exam, ...]
    total: int

    @cached_property
    def masked(self) -> list[tuple[Exam, MaskFacts]]:
        """The exams with a decoded mask, each with that mask."""
        return [(exam, exam.mask) for exam in self.exams if exam.mask is not None]

    @cached_property
    def bands(self) -> tuple[BandFacts, ...]:
        """Statistics of each band of the images; empty for RGB pictures."""
        measured = [exam.image.bands for exam in self.exams if exam.image and exam.image.bands]
        names = self.folder.bands.names if self.folder.bands else ()
        return summarise(measured, names) if measured and names else ()

    @cached_property
    def convention(self) -> Convention:
        """How the masks are stored; a layout's own reader always returns ids."""
        if self.folder.colors:
            return "colours"
        return convention([mask for _, mask in self.masked]) if self.folder.read is None else "ids"

    @cached_property
    def stray(self) -> frozenset[int]:
        """Stored values (or packed colours) that stand for no class; smoothed masks have many."""
        values = {int(value) for _, mask in self.masked for value in mask.values}
        if self.folder.read is not None:
            return frozenset()
        if self.folder.colors:
            return frozenset(values - {packed(color) for _, color in self.folder.colors})
        if bindings := parse_bindings(self.folder.classes):
            return frozenset(values - {value for binding in bindings for value in binding.values})
        if self.convention == "colours":
            return frozenset()
        if self.convention == "0/255":
            return frozenset(values - {0, IGNORE})
        return stray_ids(mask for _, mask in self.masked) | {v for v in values if not 0 <= v <= IGNORE}

    @cached_property
    def codec(self) -> MaskCodec | None:
        """The codec of all values that are not stray; None if their meaning cannot be inferred."""
        holders = {
            int(value): exam.entry.mask or exam.entry.stem
            for exam, mask in self.masked
            if mask.colored == (self.convention == "colours")
            for value in mask.values
            if int(value) not in self.stray
        }
        try:
            if self.folder.colors:
                return color_codec(self.folder.colors, None, colors_file(self.folder.root).name)
            if not holders or self.convention == "colours":
                return None
            return choose_codec(holders, self.folder.classes or self._camvid_names(holders))
        except DataError:
            return None

    @cached_property
    def numbered(self) -> bool:
        """Whether unsmoothed masks hold more than `MAX_UNNAMED` values: they number objects one by one."""
        if self.folder.read is not None or self.convention != "ids" or self.folder.classes:
            return False
        plain = (mask for _, mask in self.masked if mask.format not in LOSSY and mask.ramps < RAMPS)
        return len({value for mask in plain for value in mask.values.tolist()}) > MAX_UNNAMED

    def _camvid_names(self, holders: Mapping[int, object]) -> tuple[str, ...] | None:
        highest = self.folder.layout == "camvid" and max(set(holders) - {IGNORE}, default=0)
        return (*CAMVID, LEFT_OUT) if highest in (len(CAMVID) - 1, len(CAMVID)) else None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty if they cannot be inferred."""
        if self.folder.task == "classification":
            return self.folder.classes
        return self.codec.classes if self.codec else ()

    @cached_property
    def numbers(self) -> dict[int, int]:
        """Class id, or `IGNORE`, of each stored value (or packed colour)."""
        values = self.codec.values if self.codec else ()
        return {packed(value) if isinstance(value, tuple) else value: number for value, number in values}

    @cached_property
    def counts(self) -> Int64[np.ndarray, "exams classes"]:
        """Pixels of each class in each exam's mask; for labels, 1 at the image's class."""
        table = np.zeros((len(self.exams), len(self.classes)), dtype=np.int64)
        for row, exam in zip(table, self.exams, strict=True):
            if exam.entry.label is not None:
                row[exam.entry.label] = 1
            elif exam.mask is not None:
                for value, count in zip(exam.mask.values.tolist(), exam.mask.counts.tolist(), strict=True):
                    number = self.numbers.get(value, IGNORE)
                    if number != IGNORE:
                        row[number] += count
        return table

    @cached_property
    def binary(self) -> bool:
        """Whether the classes are background and foreground."""
        return self.folder.task == "segmentation" and len(self.classes) == 2

    @cached_property
    def has_background(self) -> bool:
        """Whether the first class is the background, whose regions are no objects."""
        return self.binary or (
            self.folder.task == "segmentation"
            and bool(self.classes)
            and self.classes[0].strip("_ ").casefold() == BACKGROUND
        )

    @cached_property
    def twins(self) -> Twins:
        """Duplicate and near-duplicate images, as pairs of indices into `exams`."""
        return find_twins([exam.image for exam in self.exams])

    @cached_property
    def areas(self) -> Int64[np.ndarray, "classes octaves"]:
        """Number of objects of each class with an area in [2^k, 2^(k+1)) pixels."""
        table = np.zeros((len(self.classes), OCTAVES), dtype=np.int64)
        for _, mask in self.masked:
            for value, areas in mask.areas.items():
                number = self.numbers.get(value, IGNORE)
                if number != IGNORE:
                    table[number] += areas
        return table


def packed(color: Color) -> int:
    """Pack one colour as `stored_mask` does."""
    return int(pack(np.array(color, dtype=np.uint8)))
