"""Join the masks of several folders, such as those of the left and the right lung, to their union."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foveate.data.dataset import Entry, Pixels, Read
from foveate.data.layout import Layout
from foveate.data.pixels.masks import IGNORE
from foveate.errors import DataError
from foveate.waiting import with_progress

_OF_ONE = ("masks are those in", "not read:")
"""Notes on one folder of masks, which are wrong for all of them."""


@dataclass(frozen=True)
class Union:
    """A reader of two classes: class 1 is where any mask is 1. Pixels that any mask ignores are ignored.

    reader: of the image and its first mask. others: a reader for each further mask, and its entry by stem.
    """

    reader: Read
    others: tuple[tuple[Read, Mapping[str, Entry]], ...]

    def __call__(self, entry: Entry) -> tuple[Pixels, UInt8[np.ndarray, "h w"]]:
        image, first = self.reader(entry)
        masks = np.stack([first, *(read(entries[entry.stem])[1] for read, entries in self.others)])
        ignored = (masks == IGNORE).any(0)
        return image, np.where(ignored, IGNORE, (masks == 1).any(0)).astype(np.uint8)


def join_masks(layouts: Mapping[str, Layout]) -> Layout:
    """Return the layout whose masks are the union of those of several, which have the same images.

    layouts: by the names of the folders of masks. Raises `DataError` if an image has not a mask in each, and
    for masks of other than two classes.
    """
    (name, first), *others = layouts.items()
    for folder, layout in layouts.items():
        if len(layout.classes) != 2:
            raise DataError(
                f"{folder}/: its masks hold {len(layout.classes)} classes ({', '.join(layout.classes[:6])}); "
                "masks of background and foreground are joined, others not"
            )
    by_image = {folder: _by_image(layout) for folder, layout in others}
    entries = [entry for held in first.parts.values() for entry in held]
    for folder, held in by_image.items():
        if missing := [entry.image.name for entry in entries if entry.image not in held]:
            raise DataError(
                f"{len(missing)} of {len(entries)} images have a mask in {name}/ and none in {folder}/: "
                f"{', '.join(missing[:3])}{', ...' * (len(missing) > 3)}; add them"
            )
    further = tuple(
        (layout.reader, {entry.stem: by_image[folder][entry.image] for entry in entries})
        for folder, layout in others
    )
    reader = Union(first.reader, further)
    files = tuple(entry.mask for _, held in further for entry in held.values() if entry.mask)
    note = (
        f"the union of the masks in {', '.join(f'{folder}/' for folder in layouts)} is '{first.classes[1]}'"
    )
    counts = _counts(reader, entries)
    notes = (*(each for each in first.notes if not each.startswith(_OF_ONE)), note)
    return replace(first, reader=reader, counts=counts, files=files, notes=notes)


def _by_image(layout: Layout) -> dict[Path | None, Entry]:
    return {entry.image: entry for held in layout.parts.values() for entry in held}


def _counts(reader: Read, entries: Sequence[Entry]) -> dict[str, np.ndarray]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        masks = pool.map(lambda entry: np.bincount(reader(entry)[1].ravel(), minlength=2)[:2], entries)
        counts = list(with_progress(masks, len(entries), "Joining masks"))
    return {entry.stem: row for entry, row in zip(entries, counts, strict=True)}
