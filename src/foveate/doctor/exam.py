"""Decode one image and its mask once, and measure everything that the checks need."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from PIL import Image

from foveate.data.dataset import Entry, Pixels, Read, pixels_of
from foveate.data.pixels.images import read_form
from foveate.data.pixels.meaning import MAX_UNNAMED
from foveate.data.pixels.palette import Color
from foveate.doctor.agreement import SIDE, Agreement, agree, edges, outlines
from foveate.doctor.bands import BandValues, measure, stretched
from foveate.doctor.decoding import palette, stored_mask, unnamed_share
from foveate.doctor.objects import objects
from foveate.errors import DataError

THUMB = (16, 17)
"""Height and width of the thumbnails that images are compared by; 17 columns give 16 x 16 differences."""

OCTAVES = 32
"""Object areas are counted in this many bins, [2^k, 2^(k+1)) pixels each."""


@dataclass(frozen=True)
class ImageFacts:
    """Measurements of an image.

    size: height and width, upright. mode, format: Pillow's; empty for an image without a file of its own.
    orientation: the EXIF tag, 1 for upright. digest: of the pixels. contrast: standard deviation of the grey
    values, 0 to 127. brightest: the highest value after reading, 0 to 255. thumb: grey thumbnail. bands:
    values of the bands, None for an RGB picture; contrast, brightest and thumb are those of its `picture`.
    """

    size: tuple[int, int]
    mode: str
    format: str
    orientation: int
    digest: bytes
    contrast: float
    brightest: int
    thumb: UInt8[np.ndarray, "16 17"]
    bands: BandValues | None = None


@dataclass(frozen=True)
class MaskFacts:
    """Measurements of a mask.

    values, counts: the distinct stored values and the pixels of each; a colour is red << 16 | green << 8 |
    blue. digest: of the stored values. ramps: share of the outline pixels whose value lies strictly between
    those of their neighbours, a sign of smoothing. areas: by value, the number of 8-connected objects with an
    area in [2^k, 2^(k+1)) pixels. palette: by value, the packed colour in a palette file. unnamed: share of
    the pixels inside areas of unnamed colours, without edges (see `unnamed_share`). in_alpha: whether
    the values are those of the alpha channel. bits: as in `foveate.data.pixels.stored.Stored`.
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
    in_alpha: bool = False
    bits: int = 8


@dataclass(frozen=True)
class Exam:
    """Measurements of one image of a part and of its mask.

    image, mask: None if there is none or it could not be decoded; image_error, mask_error: the message then.
    agreement: how well the mask fits the image's edges, None if their sizes differ or one has no edges.
    """

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
    """Decode and measure an entry's image and mask. Decoding errors are recorded in the exam, not raised.

    read: the layout's own reader, used in place of plain decoding if given. masks: whether there are masks to
    decode. colors: names and colours of the classes, if masks are known to be in colour.
    """
    if read is not None:
        return _read_by_layout(part, entry, read)
    image_error = mask_error = ""
    square = ranks = image = mask = None
    try:
        square, image = _examine_image(entry)
    except DataError as error:
        image_error = str(error)
    if masks:
        try:
            ranks, mask = _examine_mask(entry.mask, colors)
        except DataError as error:
            mask_error = str(error)
    same = image is not None and mask is not None and image.size == mask.size
    agreement = agree(edges(square), outlines(ranks)) if same else None
    return Exam(part, entry, image, mask, image_error, mask_error, agreement)


def grey(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "side side"]:
    """Scale an image to a grey square of `SIDE` pixels."""
    small = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def _examine_image(entry: Entry) -> tuple[UInt8[np.ndarray, "side side"], ImageFacts]:
    header = read_form(entry.image)
    return _image_facts(pixels_of(entry), *header)


def _image_facts(
    pixels: Pixels, mode: str, file_format: str, exif_orientation: int
) -> tuple[UInt8[np.ndarray, "side side"], ImageFacts]:
    """Return the image as a grey square, and its measurements."""
    shown = stretched(pixels)
    square = grey(shown)
    thumb = np.asarray(Image.fromarray(square).resize(THUMB[::-1], Image.Resampling.BILINEAR))
    contrast, brightest = float(square.std()), int(shown.max())
    facts = ImageFacts(
        pixels.shape[:2],
        mode,
        file_format,
        exif_orientation,
        _digest(pixels),
        contrast,
        brightest,
        thumb,
        None if pixels.dtype == np.uint8 else measure(pixels),
    )
    return square, facts


def _digest(values: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(values)).digest()


def _examine_mask(
    path: Path, colors: Sequence[tuple[str, Color]] = ()
) -> tuple[UInt8[np.ndarray, "h w"], MaskFacts]:
    """Return a mask with its values replaced by their ranks (255 for all above), and its measurements."""
    decoded = stored_mask(path, bool(colors))
    ranks, facts = _mask_facts(decoded.values, decoded.mode, decoded.format, decoded.colored)
    facts = replace(facts, in_alpha=decoded.in_alpha, bits=decoded.bits)
    if colors:
        return ranks, replace(facts, unnamed=unnamed_share(decoded.values, [color for _, color in colors]))
    return ranks, replace(facts, palette=palette(path, facts.values)) if decoded.mode == "P" else facts


def _mask_facts(
    stored: np.ndarray, mode: str, file_format: str, colored: bool
) -> tuple[UInt8[np.ndarray, "h w"], MaskFacts]:
    if stored.dtype == np.uint8:
        counts = np.array(Image.fromarray(stored).histogram())
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
        stored.shape,
        mode,
        file_format,
        colored,
        values.astype(np.int64),
        counts,
        _digest(stored),
        ramps,
        areas,
    )
    return ranks, facts


def _areas(
    ranks: UInt8[np.ndarray, "h w"], values: dict[int, int]
) -> dict[int, Int64[np.ndarray, "octaves"]]:
    if len(values) > MAX_UNNAMED:
        return {}
    region_values, areas = objects(ranks)
    octaves = np.log2(areas).astype(np.int64)
    return {
        value: np.bincount(octaves[region_values == number], minlength=OCTAVES)
        for number, value in values.items()
    }


def _ramps(stored: np.ndarray) -> float:
    changed, between = 0, 0
    for before, middle, after in (
        (stored[:, :-2], stored[:, 1:-1], stored[:, 2:]),
        (stored[:-2], stored[1:-1], stored[2:]),
    ):
        up, down = middle > before, middle < before
        changed += np.count_nonzero(up | down)
        between += np.count_nonzero((up & (after > middle)) | (down & (after < middle)))
    return between / changed if changed else 0.0


def _read_by_layout(part: str, entry: Entry, read: Read) -> Exam:
    try:
        pixels, target = read(entry)
        own = entry.image is not None and entry.part is None
        header = read_form(entry.image) if own else ("", "", 1)
    except DataError as error:
        return Exam(part, entry, image_error=str(error))
    square, image = _image_facts(pixels, *header)
    if isinstance(target, int):
        return Exam(part, entry, image)
    ranks, mask = _mask_facts(target, "", "", False)
    agreement = agree(edges(square), outlines(ranks))
    return Exam(part, entry, image, mask, agreement=agreement)


Edges = Float32[np.ndarray, "side side"]


def edge_maps(entry: Entry, read: Read | None = None) -> tuple[Edges, Edges]:
    """Decode an entry again and return the `edges` of its image and the `outlines` of its mask."""
    if read is not None:
        pixels, ranks = read(entry)
    else:
        pixels, ranks = pixels_of(entry), _examine_mask(entry.mask)[0]
    return edges(grey(stretched(pixels))), outlines(ranks)
