"""Images that show the same picture: to the pixel, or after another compression, size or brightness.

A difference hash (Krawetz, "Kind of like that", 2013): whether each pixel of a small grey thumbnail is
brighter than its left neighbour, here 256 bits. Images whose hashes differ in few bits are compared by the
correlation of their thumbnails. Thumbnails that are nearly uniform resemble each other by chance and are left
out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt64

from foveate.doctor.exam import ImageFacts

MAX_BITS = 24
MIN_CORRELATION = 0.995
MIN_SPREAD = 4.0
"""Standard deviation of a thumbnail's grey values, below which it is uniform."""

BLANK = 2.0
"""Contrast below which an image shows nothing."""


@dataclass(frozen=True)
class Twins:
    """Pairs of indices, the first before the second: the same pixels, or nearly the same picture."""

    same: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int], ...]


def find_twins(images: Sequence[ImageFacts | None]) -> Twins:
    """Every image paired with the first of the same pixels, and all near pairs among the first ones.

    The near ones take a comparison of every image with every other: seconds for 20,000 images, a minute for
    100,000.
    """
    first: dict[bytes, int] = {}
    same = []
    for index, image in enumerate(images):
        if image is None or image.contrast < BLANK:
            continue
        known = first.setdefault(image.digest, index)
        if known != index:
            same.append((known, index))
    indices = np.array([i for i in first.values() if images[i].thumb.std() >= MIN_SPREAD], dtype=np.int64)
    if len(indices) < 2:
        return Twins(tuple(same), ())
    thumbs = np.stack([images[i].thumb for i in indices])
    near = [(int(indices[a]), int(indices[b])) for a, b in _near(hashes(thumbs), _standardised(thumbs))]
    return Twins(tuple(same), tuple(near))


def hashes(thumbs: UInt8[np.ndarray, "images h w"]) -> UInt64[np.ndarray, "images words"]:
    """Whether each pixel is brighter than the one to its left, 64 to a word."""
    bits: Bool[np.ndarray, "images h w"] = thumbs[:, :, 1:] > thumbs[:, :, :-1]
    return np.packbits(bits.reshape(len(thumbs), -1), axis=1).view(np.uint64)


def _standardised(thumbs: UInt8[np.ndarray, "images h w"]) -> Float32[np.ndarray, "images pixels"]:
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _near(words: np.ndarray, flat: np.ndarray) -> list[tuple[int, int]]:
    found = []
    for index in range(len(words) - 1):
        differing = np.bitwise_count(words[index + 1 :] ^ words[index]).sum(1, dtype=np.int64)
        close = index + 1 + (differing <= MAX_BITS).nonzero()[0]
        found += [(index, int(other)) for other in close if flat[index] @ flat[other] >= MIN_CORRELATION]
    return found
