"""Images decoded and resized to one size, kept in memory or read from disk, and batches of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from foveate.data.bands import BandScale
from foveate.data.dataset import Dataset, Entry, Pixels
from foveate.loading.resizing import resize_image, resize_mask
from foveate.loading.shared import empty
from foveate.loading.transforms import Augmentation, Draws
from foveate.waiting import with_progress

Target = UInt8[np.ndarray, "h w"] | int
Batch = dict[str, Any]


def read_resized(dataset: Dataset, entry: Entry, size: tuple[int, int]) -> tuple[Pixels, Target]:
    """Decode one entry and resize it to `size` (height, width).

    The image is resized with antialiasing, the mask by nearest pixel; a label is returned as it is.
    """
    pixels, target = dataset.read(entry)
    image = pixels.copy()  # Pillow's arrays are read-only, and PyTorch warns if it shares their memory.
    if image.shape[:2] != tuple(size):
        image = resize_image(torch.from_numpy(image).movedim(-1, 0), size).movedim(0, -1).numpy()
    if isinstance(target, int):
        return image, target
    return image, resize_mask(torch.from_numpy(target.copy()), size).numpy()


@dataclass(frozen=True)
class DiskFrames:
    """Images and targets that are decoded on every access."""

    dataset: Dataset
    entries: tuple[Entry, ...]
    size: tuple[int, int]

    def __getitem__(self, index: int) -> tuple[Pixels, Target]:
        return read_resized(self.dataset, self.entries[index], self.size)


@dataclass(frozen=True)
class MemoryFrames:
    """Images and targets that were decoded once: the given rows of the arrays of a `FrameStore`."""

    entries: tuple[Entry, ...]
    images: UInt8[np.ndarray, "n h w 3"] | Float32[np.ndarray, "n h w bands"]
    targets: np.ndarray
    rows: Int64[np.ndarray, " entries"]

    def __getitem__(self, index: int) -> tuple[Pixels, Target]:
        row = self.rows[index]
        target = self.targets[row]
        return self.images[row], target if target.ndim else int(target)


class FrameStore:
    """The decoded images and targets of a dataset. Each is decoded once, when it is first needed.

    Splits and folds take their frames from here without copying, and so do other processes (see `shared`).
    The system provides the memory of an image when it is decoded.
    """

    def __init__(self, dataset: Dataset, size: tuple[int, int]) -> None:
        stems = dict.fromkeys(entry.stem for entries in dataset.splits.values() for entry in entries)
        count, (height, width) = len(stems), size
        labels = dataset.task == "classification"
        self.rows = {stem: row for row, stem in enumerate(stems)}
        self.images = empty(
            (count, height, width, dataset.channels), np.float32 if dataset.bands else np.uint8
        )
        self.targets = empty((count,), np.int64) if labels else empty((count, height, width), np.uint8)
        self.decoded = np.zeros(count, dtype=bool)

    def load(self, disk: DiskFrames) -> MemoryFrames:
        """Return frames, after decoding those that are missing, with one thread per core."""
        rows = np.array([self.rows[entry.stem] for entry in disk.entries], dtype=np.int64)
        missing = (~self.decoded[rows]).nonzero()[0].tolist()

        def fill(index: int) -> None:
            row = rows[index]
            self.images[row], self.targets[row] = disk[index]
            self.decoded[row] = True

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            done = pool.map(fill, missing)
            for _ in with_progress(done, len(missing), "Reading images into memory"):
                pass
        return MemoryFrames(disk.entries, self.images, self.targets, rows)


class Frames(TorchDataset):
    """A dataset that makes whole batches, and augments them if it has an augmentation.

    Keys are indices, or the pairs (epoch, index) that `EpochSampler` yields. size_at: maps an epoch to the
    height and width of its training images. scale: of the bands; None for RGB, which is scaled to [0, 1].
    """

    def __init__(
        self,
        source: DiskFrames | MemoryFrames,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        size_at: Callable[[int], tuple[int, int]] | None = None,
        scale: BandScale | None = None,
    ) -> None:
        self.source, self.augmentation, self.seed, self.size_at = source, augmentation, seed, size_at
        self.scale = scale

    def __len__(self) -> int:
        return len(self.source.entries)

    def __getitem__(self, key: int | tuple[int, int]) -> Batch:
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[int | tuple[int, int]]) -> Batch:
        pairs = [key if isinstance(key, tuple) else (0, key) for key in keys]
        images, targets = self._read(pairs)
        labels = targets.ndim == 1
        return {
            "image": images,
            "label" if labels else "mask": targets,
            "index": torch.tensor([index for _, index in pairs]),
            "stem": [self.source.entries[index].stem for _, index in pairs],
        }

    def _read(
        self, pairs: Sequence[tuple[int, int]]
    ) -> tuple[Float32[Tensor, "b c h w"], Int64[Tensor, "b h w"] | Int64[Tensor, " b"]]:
        """Return the images and targets of (epoch, index) pairs.

        Each is written directly into the batch: to allocate memory for it first would take longer than to
        write it.
        """
        for number, (epoch, index) in enumerate(pairs):
            pixels, target = self.source[index]
            if self.scale is not None:
                pixels = self.scale(pixels)
            image = torch.from_numpy(pixels).movedim(-1, 0)
            mask = None if isinstance(target, int) else torch.from_numpy(target)
            augment = self._augmentation_at(epoch)
            if number == 0:
                size = image.shape[1:] if augment is None else augment.size
                images = torch.empty(len(pairs), len(image), *size)
                targets = torch.empty(len(pairs), *(() if mask is None else size), dtype=torch.int64)
            if augment is None:
                images[number].copy_(image)
                if self.scale is None:
                    images[number].div_(255)
            else:
                _, mask = augment(image, mask, Draws.at(self.seed, epoch, index), out=images[number])
            targets[number] = target if mask is None else mask
        return images, targets

    def _augmentation_at(self, epoch: int) -> Augmentation | None:
        if self.augmentation is None or self.size_at is None:
            return self.augmentation
        return self.augmentation.at_size(self.size_at(epoch))
