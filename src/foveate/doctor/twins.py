"""Find duplicate images, and near duplicates of another compression, size or brightness.

The difference hash (Krawetz, "Kind of like that", 2013) has one bit for each pixel of a small grey thumbnail:
whether it is brighter than its left neighbour (256 bits). Images whose hashes differ in `MAX_BITS` bits or
fewer are near duplicates if the correlation of their thumbnails is at least `MIN_CORRELATION`. Nearly uniform
thumbnails, which resemble each other by chance, are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt64

from foveate.doctor.exam import ImageFacts

MAX_BITS = 24
MIN_CORRELATION = 0.995
MIN_SPREAD = 4.0
"""A thumbnail with a lower standard deviation of its grey values is nearly uniform."""

BLANK = 2.0
"""An image of lower contrast is blank."""


@dataclass(frozen=True)
class Twins:
    """Pairs of indices, the smaller first. same: images of equal pixels. near: near duplicates."""

    same: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int], ...]


def find_twins(images: Sequence[ImageFacts | None]) -> Twins:
    """Pair each duplicate with the first image of its pixels, and find all near duplicates among the rest.

    All images are compared with one another: seconds for 20,000 images, a minute for 100,000.
    """
    first: dict[bytes, int] = {}
    same = []
    for index, image in enumerate(images):
        if image is None or image.contrast < BLANK:
            continue
        original = first.setdefault(image.digest, index)
        if original != index:
            same.append((original, index))
    indices = np.array([i for i in first.values() if images[i].thumb.std() >= MIN_SPREAD], dtype=np.int64)
    if len(indices) < 2:
        return Twins(tuple(same), ())
    thumbs = np.stack([images[i].thumb for i in indices])
    near = [(int(indices[a]), int(indices[b])) for a, b in _near(hashes(thumbs), _standardised(thumbs))]
    return Twins(tuple(same), tuple(near))


def hashes(thumbs: UInt8[np.ndarray, "images h w"]) -> UInt64[np.ndarray, "images words"]:
    """Return the difference hash of each thumbnail, 64 bits to a word."""
    bits: Bool[np.ndarray, "images h w"] = thumbs[:, :, 1:] > thumbs[:, :, :-1]
    return np.packbits(bits.reshape(len(thumbs), -1), axis=1).view(np.uint64)


def _standardised(thumbs: UInt8[np.ndarray, "images h w"]) -> Float32[np.ndarray, "images pixels"]:
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _near(words: np.ndarray, flat: np.ndarray) -> list[tuple[int, int]]:
    pairs = []
    for index in range(len(words) - 1):
        differing = np.bitwise_count(words[index + 1 :] ^ words[index]).sum(1, dtype=np.int64)
        close = index + 1 + (differing <= MAX_BITS).nonzero()[0]
        pairs += [(index, int(other)) for other in close if flat[index] @ flat[other] >= MIN_CORRELATION]
    return pairs
