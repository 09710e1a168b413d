"""One image and its mask, decoded once, and everything that the checks want to know of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from PIL import Image

from foveate.data.dataset import Entry, Read
from foveate.data.pixels.images import open_image, orientation, read_image, read_raw
from foveate.data.pixels.masks import MAX_UNNAMED
from foveate.data.pixels.palette import Color
from foveate.doctor.agreement import SIDE, Agreement, agree, edges, outlines
from foveate.doctor.decoding import is_colored, palette, stored_mask, unnamed_share
from foveate.doctor.objects import objects
from foveate.errors import DataError

THUMB = (16, 17)
"""Height and width of the thumbnail by which images are compared: 16 by 16 differences of neighbours."""

OCTAVES = 32
"""Areas of objects are counted by their power of two."""


@dataclass(frozen=True)
class ImageFacts:
    """size: height and width, upright. mode, format: empty where an image has no file of its own.
    orientation: the EXIF tag, 1 for upright. digest: of the pixels. contrast: standard deviation of the grey
    values, 0 to 127. brightest: the highest value as it is read, 0 to 255.
    """

    size: tuple[int, int]
    mode: str
    format: str
    orientation: int
    digest: bytes
    contrast: float
    brightest: int
    thumb: UInt8[np.ndarray, "16 17"]


@dataclass(frozen=True)
class MaskFacts:
    """values: what is stored, each with its pixels in `counts`; a colour is red << 16 | green << 8 | blue.

    digest: of all of it. ramps: share of the outline pixels that lie strictly between their neighbours'
    values, as smoothing leaves them. areas: by value, how many objects (8-connected) have an area of 2^k to
    2^(k+1) pixels. palette: by value, the colour that the file shows it in, if it says one.
    unnamed: share of the pixels inside areas of colours that are not named, edges and slips aside.
    """

    size: tuple[int, int]
    mode: str
    format: str
    colored: bool
    values: Int64[np.ndarray, " values"]
    counts: Int64[np.ndarray, " values"]
    digest: bytes
    ramps: float
    areas: dict[int, Int64[np.ndarray, "octaves"]] = field(repr=False)
    palette: Mapping[int, int] = field(default_factory=dict, repr=False)
    unnamed: float = 0.0


@dataclass(frozen=True)
class Exam:
    """One image of a part, with its mask or label. What could not be decoded is None, with what was wrong."""

    part: str
    entry: Entry
    image: ImageFacts | None = None
    mask: MaskFacts | None = None
    image_error: str = ""
    mask_error: str = ""
    agreement: Agreement | None = None


def examine(
    part: str,
    entry: Entry,
    read: Read | None = None,
    masks: bool = True,
    colors: Sequence[tuple[str, Color]] = (),
) -> Exam:
    """Decode an entry's files, or let `read`, the layout's own reader, do it, and measure.

    masks: whether there are masks to look at. colors: the names and colours of classes, where masks are known
    to be in colour. What cannot be decoded is told in the exam, not raised.
    """
    if read is not None:
        return _read_by_layout(part, entry, read)
    image_error = mask_error = ""
    pixels = stored = image = mask = None
    try:
        pixels, image = _look_at_image(entry.image)
    except DataError as error:
        image_error = str(error)
    if masks:
        try:
            stored, mask = _look_at_mask(entry.mask, colors)
        except DataError as error:
            mask_error = str(error)
    same = image is not None and mask is not None and image.size == mask.size
    agreement = agree(edges(grey(pixels)), outlines(stored)) if same else None
    return Exam(part, entry, image, mask, image_error, mask_error, agreement)


def grey(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "side side"]:
    """The image as a small grey square."""
    small = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def _look_at_image(path: Path) -> tuple[UInt8[np.ndarray, "h w 3"], ImageFacts]:
    header = _header(path)
    pixels = read_image(path)
    return pixels, _facts(pixels, *header)


def _header(path: Path) -> tuple[str, str, int]:
    """Mode, format and EXIF orientation."""
    with open_image(path) as file:
        return file.mode, file.format or "?", orientation(file)


def _facts(pixels: UInt8[np.ndarray, "h w 3"], mode: str, kind: str, turned: int) -> ImageFacts:
    small = grey(pixels)
    thumb = np.asarray(Image.fromarray(small).resize(THUMB[::-1], Image.Resampling.BILINEAR))
    contrast, brightest = float(small.std()), int(pixels.max())
    return ImageFacts(pixels.shape[:2], mode, kind, turned, _digest(pixels), contrast, brightest, thumb)


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values), digest_size=16).digest()


def _look_at_mask(
    path: Path, colors: Sequence[tuple[str, Color]] = ()
) -> tuple[UInt8[np.ndarray, "h w"], MaskFacts]:
    """A mask's values by their rank (as many as fit), and its facts."""
    stored, mode, kind = stored_mask(path, bool(colors))
    if mode == "F":
        read_raw(path)  # says what is wrong with numbers that are no whole ones
    ranks, facts = _measure(stored, mode, kind, is_colored(mode, stored))
    if colors:
        return ranks, replace(facts, unnamed=unnamed_share(stored, [color for _, color in colors]))
    return ranks, replace(facts, palette=palette(path, facts.values)) if mode == "P" else facts


def _measure(
    stored: np.ndarray, mode: str, kind: str, colored: bool
) -> tuple[UInt8[np.ndarray, "h w"], MaskFacts]:
    if stored.dtype == np.uint8:
        counts = np.bincount(stored.ravel(), minlength=256)
        values = counts.nonzero()[0]
        ranks, counts = stored, counts[values]
        numbers = values
    else:
        values, inverse, counts = np.unique(stored, return_inverse=True, return_counts=True)
        ranks = np.minimum(inverse.reshape(stored.shape), 255).astype(np.uint8)
        numbers = np.arange(min(len(values), 256))
    areas = _areas(ranks, dict(zip(numbers.tolist(), values.tolist(), strict=False)))
    ramps = 0.0 if colored else _ramps(stored)
    facts = MaskFacts(
        stored.shape, mode, kind, colored, values.astype(np.int64), counts, _digest(stored), ramps, areas
    )
    return ranks, facts


def _areas(
    ranks: UInt8[np.ndarray, "h w"], values: dict[int, int]
) -> dict[int, Int64[np.ndarray, "octaves"]]:
    if len(values) > MAX_UNNAMED:
        return {}
    found, areas = objects(ranks)
    octaves = np.log2(areas).astype(np.int64)
    return {
        value: np.bincount(octaves[found == number], minlength=OCTAVES) for number, value in values.items()
    }


def _ramps(stored: np.ndarray) -> float:
    changed, between = 0, 0
    for a in (stored, stored.T):
        left, middle, right = a[:, :-2], a[:, 1:-1], a[:, 2:]
        up, down = middle > left, middle < left
        changed += int((up | down).sum())
        between += int((up & (right > middle)).sum()) + int((down & (right < middle)).sum())
    return between / changed if changed else 0.0


def _read_by_layout(part: str, entry: Entry, read: Read) -> Exam:
    try:
        pixels, target = read(entry)
        own = entry.image is not None and entry.part is None
        header = _header(entry.image) if own else ("", "", 1)
    except DataError as error:
        return Exam(part, entry, image_error=str(error))
    image = _facts(pixels, *header)
    if isinstance(target, int):
        return Exam(part, entry, image)
    ranks, mask = _measure(target, "", "", False)
    agreement = agree(edges(grey(pixels)), outlines(ranks))
    return Exam(part, entry, image, mask, agreement=agreement)


Edges = Float32[np.ndarray, "side side"]


def edge_maps(entry: Entry, read: Read | None = None) -> tuple[Edges, Edges]:
    """The `edges` of an entry's image and the `outlines` of its mask, decoded once more."""
    if read is not None:
        pixels, ranks = read(entry)
    else:
        pixels, ranks = read_image(entry.image), _look_at_mask(entry.mask)[0]
    return edges(grey(pixels)), outlines(ranks)
