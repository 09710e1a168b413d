"""Cut large images into tiles that are read from the images when they are needed; nothing is written."""

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace

from jaxtyping import UInt8
from numpy import ndarray

from foveate.data.dataset import Entry, KnowsClasses, Pixels, Read, Window
from foveate.data.layout import Layout
from foveate.data.pixels.images import read_size
from foveate.errors import DataError
from foveate.specs.tiles import Tiles

CACHED = 256 * 2**20
"""Bytes of decoded images that are kept for their next tiles."""


def cut_tiles(layout: Layout, tiles: Tiles, source: str) -> Layout:
    """Return the layout with every image cut into tiles, and its mask alike.

    A tile is in the part of its image, and in its group: that of the image, or else the image itself. So no
    split tears an image apart. An image that is smaller than a tile along a side is not cut along it.

    Raises `DataError` for images without masks: a label is that of the whole image.
    """
    if layout.task == "classification":
        raise DataError(
            f"{source}: has labels of whole images, and --tiles is for images with masks; leave it out"
        )
    parts, small = {}, 0
    images = sum(map(len, layout.parts.values()))
    for part, entries in layout.parts.items():
        cut: list[Entry] = []
        for entry in entries:
            size = _size(layout, entry)
            small += any(side < tile for side, tile in zip(size, tiles.size, strict=True))
            cut += _tiles_of(entry, size, tiles)
        parts[part] = tuple(cut)
    count = sum(map(len, parts.values()))
    height, width = tiles.size
    note = f"{images} images are cut into {count} tiles of {height}x{width}"
    note += f" that overlap by {tiles.overlap} pixels" if tiles.overlap else ""
    note += (
        "; the tiles of an image stay together in one part of a split, and the last ones of a row and of a "
    )
    note += "column end at its edge"
    notes = [note, *([f"{small} images are smaller than a tile, and are not cut there"] if small else [])]
    known = bool(layout.counts) or isinstance(layout.reader, KnowsClasses)
    reader = KnowingTileReader(layout) if known else TileReader(layout.reader)
    return replace(layout, parts=parts, reader=reader, counts={}, notes=(*layout.notes, *notes))


def _size(layout: Layout, entry: Entry) -> tuple[int, int]:
    if entry.image is None or entry.part is not None:
        return layout.reader(entry)[0].shape[:2]
    return read_size(entry.image)


def _tiles_of(entry: Entry, size: tuple[int, int], tiles: Tiles) -> list[Entry]:
    height, width = (min(pair) for pair in zip(size, tiles.size, strict=True))
    group = entry.stem if entry.group is None else entry.group
    return [
        replace(
            entry,
            stem=f"{entry.stem}_y{top}_x{left}",
            group=group,
            window=Window(entry.stem, top, left, height, width),
        )
        for top, left in tiles.windows(*size)
    ]


def image_of_tile(name: str) -> str:
    """Return the name of the image that a tile is cut from.

    >>> image_of_tile("scene_y0_x224")
    'scene'
    """
    return name.rpartition("_y")[0]


class TileReader:
    """Reads the tiles of images. read: reads a whole image. Images are kept while their tiles are read."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self._images: OrderedDict[str, tuple[Pixels, UInt8[ndarray, "h w"]]] = OrderedDict()
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    def __reduce__(self) -> tuple[type, tuple[Read]]:
        return type(self), (self.read,)  # a worker process keeps images of its own

    def __call__(self, entry: Entry) -> tuple[Pixels, UInt8[ndarray, "h w"]]:
        """Return a tile and its mask."""
        window = entry.window
        if window is None:
            return self.read(entry)
        image, mask = self._whole(window.whole(entry))
        rows, columns = window.slices
        return image[rows, columns], mask[rows, columns]

    def _whole(self, entry: Entry) -> tuple[Pixels, UInt8[ndarray, "h w"]]:
        """Return a whole image, which is decoded once for threads that need it at the same time."""
        with self._lock:
            reading = self._reading.setdefault(entry.stem, threading.Lock())
        with reading:
            with self._lock:
                if entry.stem in self._images:
                    self._images.move_to_end(entry.stem)
                    return self._images[entry.stem]
            pair = self.read(entry)
            with self._lock:
                self._images[entry.stem] = pair
                while len(self._images) > 1 and self._bytes() > CACHED:
                    self._images.popitem(last=False)
                self._reading.pop(entry.stem, None)
            return pair

    def _bytes(self) -> int:
        return sum(image.nbytes + mask.nbytes for image, mask in self._images.values())


class KnowingTileReader(TileReader):
    """Reads the tiles of a layout that knows which classes an image has; its tiles may lack some of them."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout.reader)
        self.layout = layout

    def __reduce__(self) -> tuple[type, tuple[Layout]]:
        return type(self), (self.layout,)

    def classes_of(self, entry: Entry) -> Collection[int]:
        """Return the class ids of the image that a tile is cut from."""
        whole = entry.window.whole(entry) if entry.window else entry
        if whole.stem in self.layout.counts:
            return self.layout.counts[whole.stem].nonzero()[0].tolist()
        return self.layout.reader.classes_of(whole)
