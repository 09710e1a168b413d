"""Pair images and masks by the stems of their file names, and read them."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TypeVar

import numpy as np
from jaxtyping import Int64, UInt8

from foveate.data.dataset import Entry, Pixels, pixels_of
from foveate.data.folders.affixes import rematch
from foveate.data.folders.foreign import masks_of_others
from foveate.data.folders.listing import list_images
from foveate.data.folders.pair_folders import (
    folders_beside,
    image_stem,
    pairs_of,
    split_folders,
    strip_mask_suffix,
)
from foveate.data.folders.places import Place, by_split
from foveate.data.folders.split_lists import lists_in
from foveate.data.layout import Layout
from foveate.data.names import one_form
from foveate.data.pixels.images import SUFFIXES, read_size
from foveate.data.pixels.masks import IGNORE, LEFT_OUT, MaskCodec, read_mask
from foveate.data.pixels.meaning import infer_meaning
from foveate.data.pixels.palette import Color
from foveate.data.pixels.tally import Tally, pixels_by_value, tally_mask
from foveate.data.words import split_of
from foveate.errors import DataError
from foveate.specs.bindings import binds_colors
from foveate.waiting import with_progress

T = TypeVar("T")


@dataclass(frozen=True)
class StemMatch:
    """The images and masks of two folders, matched by stem.

    entries: images with their masks. unpaired_images: images without a mask, by stem. unpaired_masks: masks
    without an image, by stem. clashes: two files for the same image or mask, as (folder, file that is kept,
    other file, end of the error message).
    """

    entries: tuple[Entry, ...]
    unpaired_images: Mapping[str, Path]
    unpaired_masks: Mapping[str, Path]
    clashes: tuple[tuple[Path, Path, Path, str], ...]


def match_by_stem(images: Path, masks: Path, prefix: str = "", strip: str = "") -> StemMatch:
    """Match the images and masks of two folders by stem, without refusing missing or ambiguous files.

    Of two files of the same stem, the first is kept. A mask may have a suffix such as `_mask` after its stem.
    It must have one if it lies in one folder with the images. strip: a pattern of what the stems of images
    have in addition.
    """
    image_files, clashes = _by_stem(images, "image", strip)
    if masks == images:
        mask_clashes = []
        mask_stems = {stem: path for stem, path in image_files.items() if strip_mask_suffix(stem) != stem}
        image_files = {stem: path for stem, path in image_files.items() if stem not in mask_stems}
    else:
        mask_stems, mask_clashes = _by_stem(masks, "mask")
    mask_files: dict[str, Path] = {}
    for stem, path in mask_stems.items():
        image = image_stem(stem, image_files)
        kept = mask_files.setdefault(image, path)
        if kept != path:
            end = f"both fit the image '{image}', so it is unclear which mask to use; keep one of them"
            mask_clashes.append((path.parent, kept, path, end))
    if not image_files.keys() & mask_files.keys():
        mask_files = rematch(mask_files, image_files)
    both = sorted(image_files.keys() & mask_files.keys())
    return StemMatch(
        tuple(Entry(prefix + stem, image_files[stem], mask_files[stem]) for stem in both),
        {stem: image_files[stem] for stem in sorted(image_files.keys() - mask_files.keys())},
        {stem: mask_files[stem] for stem in sorted(mask_files.keys() - image_files.keys())},
        (*clashes, *mask_clashes),
    )


def pair(images: Path, masks: Path, prefix: str = "") -> tuple[Entry, ...]:
    """Return the entries of two folders whose files are paired by stem, as in `match_by_stem`.

    Raises `DataError` if a folder is empty, an image or a mask has no other half, or a stem fits two files.
    """
    return require_pairs(images, masks, match_by_stem(images, masks, prefix))


def require_pairs(images: Path, masks: Path, matched: StemMatch) -> tuple[Entry, ...]:
    """Return the entries of a match. Raises `DataError` as `pair` does."""
    for folder, kept, other, end in matched.clashes:
        raise DataError(f"{folder}: {kept.name} and {other.name} {end}")
    unpaired_files = (images, "image", matched.unpaired_images), (masks, "mask", matched.unpaired_masks)
    for folder, what, unpaired in unpaired_files:
        if not matched.entries and not unpaired:
            raise DataError(
                f"{folder}: holds no {what} files ({', '.join(sorted(SUFFIXES))}); put the {what}s there"
            )
    hint = masks_of_others(matched.unpaired_masks, [*matched.unpaired_images, *_stems(matched.entries)])
    _require_none(matched.unpaired_images, len(matched.entries), "image", "mask", masks, hint)
    _require_none(matched.unpaired_masks, len(matched.entries), "mask", "image", images, hint)
    return matched.entries


def pairing_note(parts: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Return a note if masks were paired without the words in which their names differ from the images'."""
    for entry in (entry for entries in parts.values() for entry in entries):
        if image_stem(entry.mask.stem, [entry.image.stem]) != entry.image.stem:
            return [f"names are paired without what differs, as {entry.image.name} with {entry.mask.name}"]
    return []


def pair_all(root: Path) -> dict[str, tuple[Entry, ...]]:
    """Return the entries of a folder of pairs by split, or under "all".

    Raises `DataError` as `pair` does, and if the folder of images or of masks is missing.
    """
    images, masks = pairs_of(root).get("all", (None, None))
    if images and masks and lists_in(root):
        return by_split(require_pairs(images, masks, without_unlisted(match_by_stem(images, masks))))
    if images and masks:
        return by_split(pair(images, masks))
    if images or masks:
        folder, missing = (images, "masks") if images else (masks, "images")
        raise DataError(
            f"{root}: has {folder.name}/ ({len(list_images(folder))} files) but no {missing}/; put the "
            f"{missing} there, with the same names{_where_it_may_be(folder, missing)}"
        )
    return pair_splits(root)


def _where_it_may_be(found: Path, missing: str) -> str:
    """Say which folders beside the images or masks may be the others; empty if there are none."""
    beside = [path.name for path in folders_beside(found) if split_of(path.name) is None]
    if not beside:
        return ""
    shown = " or ".join(f"{name}/" for name in beside[:4])
    remedy = f"say --masks {quote(beside[0])}" if missing == "masks" else "call it images/"
    return f"; where {shown} holds the {missing}, {remedy}"


def without_unlisted(matched: StemMatch) -> StemMatch:
    """Return a match without unpaired images: where lists of splits lie, these say which images count."""
    return replace(matched, unpaired_images={}) if matched.entries else matched


def pair_splits(root: Path) -> dict[str, tuple[Entry, ...]]:
    """Return the entries of each of the `split_folders`.

    Raises `DataError` as `pair` does, and if a split has no folder of images or of masks.
    """
    folders = split_folders(root)
    for split, (images, masks) in folders.items():
        if images is None or masks is None:
            missing = "images" if images is None else "masks"
            like = next(path.name for _, path in folders.values() if path)
            raise DataError(
                f"{root}: the {split} split has no folder of {missing}; add it (masks as in {like}/), or "
                f"move {(images or masks).name}/ elsewhere{_where_it_may_be(images or masks, missing)}"
            )
    return {split: pair(images, masks, f"{split}/") for split, (images, masks) in folders.items()}


def pair_places(places: Sequence[Place]) -> dict[str, tuple[Entry, ...]]:
    """Return the entries of several places by their parts, each entry in the group of its place.

    Raises `DataError` as `pair` does, and for a place without images or without masks.
    """
    parts: dict[str, tuple[Entry, ...]] = {}
    for place in places:
        if place.images is None or place.masks is None:
            missing, found = ("images", place.masks) if place.images is None else ("masks", place.images)
            hint = _where_it_may_be(found, missing)
            raise DataError(f"{found.parent}: has {found.name}/ but no folder of {missing}; add it{hint}")
        for part, entries in place.divide(pair(place.images, place.masks)).items():
            parts[part] = (*parts.get(part, ()), *entries)
    return parts


def count_classes(entries: Sequence[Entry], codec: MaskCodec) -> Int64[np.ndarray, "entries classes"]:
    """Read every mask once and count its pixels per class id.

    Raises `DataError` for the first mask that cannot be read or differs in size from its image.
    """
    rows = _over_masks(partial(_count_ids, codec=codec), entries)
    return np.stack(list(rows))[:, : len(codec.classes)]


def tally_masks(entries: Sequence[Entry], colored: bool = False) -> list[Tally]:
    """Read every mask once and count its pixels per stored value; with `colored`, per colour.

    Raises `DataError` for the first mask that cannot be read or differs in size from its image.
    """
    return list(_over_masks(partial(_tally, colored=colored), entries))


def _over_masks(read: Callable[[Entry], T], entries: Sequence[Entry]) -> Iterator[T]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from with_progress(pool.map(read, entries), len(entries), "Reading masks")


def read_indexed(
    parts: Mapping[str, Sequence[Entry]],
    classes: Sequence[str] | None,
    colors: Mapping[str, Color] | None = None,
) -> Layout:
    """Return the layout of single-channel masks; the meaning of their values is inferred from all masks.

    colors: names and colours of well-known classes in the order of their ids; the next id is ignored.
    They are used if no `classes` are given and the highest id is that of the last class or the ignored one.
    """
    entries = [entry for part in parts.values() for entry in part]
    tallies = tally_masks(entries, binds_colors(classes))
    values = pixels_by_value(tallies)
    if not classes and colors and max({*values} - {IGNORE}, default=0) in (len(colors) - 1, len(colors)):
        classes = (*colors, LEFT_OUT)
    meaning = infer_meaning(tallies, classes)
    codec = meaning.codec
    return Layout(
        task="segmentation",
        classes=codec.classes,
        colors=tuple(colors.values()) if colors and codec.classes == tuple(colors) else (),
        parts=parts,
        reader=partial(read_pair, codec=codec),
        counts={entry.stem: counts for entry, counts in zip(entries, meaning.counts, strict=True)},
        notes=(codec.reading,),
        table=meaning.table,
    )


def read_pair(entry: Entry, codec: MaskCodec) -> tuple[Pixels, UInt8[np.ndarray, "h w"]]:
    """Return the image and the class ids of one entry, at its own size."""
    image, mask = pixels_of(entry), read_mask(entry.mask, codec)
    _same_size(entry, image.shape[:2], mask.shape)
    return image, mask


def _count_ids(entry: Entry, codec: MaskCodec) -> Int64[np.ndarray, "256"]:
    ids = read_mask(entry.mask, codec)
    _same_size(entry, read_size(entry.image), ids.shape)
    return np.bincount(ids.ravel(), minlength=256)


def _tally(entry: Entry, colored: bool) -> Tally:
    tally = tally_mask(entry.mask, colored)
    _same_size(entry, read_size(entry.image), tally.size)
    return tally


def _same_size(entry: Entry, image: Sequence[int], mask: Sequence[int]) -> None:
    if tuple(image) != tuple(mask):
        raise DataError(
            f"{entry.mask}: the mask is {mask[0]} x {mask[1]} pixels (height x width) and its image "
            f"{entry.image} is {image[0]} x {image[1]}; export the mask at the image's size"
        )


def _by_stem(
    folder: Path, what: str, strip: str = ""
) -> tuple[dict[str, Path], list[tuple[Path, Path, Path, str]]]:
    files: dict[str, Path] = {}
    clashes = []
    for path in list_images(folder):
        stem = re.sub(strip, "", one_form(path.relative_to(folder).with_suffix("").as_posix()))
        kept = files.setdefault(stem, path)
        if kept != path:
            end = f"share a stem, so it is unclear which {what} to use; keep one of them"
            clashes.append((folder, kept, path, end))
    return files, clashes


def _stems(entries: Sequence[Entry]) -> list[str]:
    return [entry.image.stem for entry in entries if entry.image is not None]


def _require_none(
    unpaired: Mapping[str, Path], paired: int, what: str, missing: str, folder: Path, hint: str
) -> None:
    if unpaired:
        names = [path.name for path in unpaired.values()]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise DataError(
            f"{len(names)} of {len(names) + paired} {what}s have no {missing} of the same name in {folder}: "
            f"{shown}; add the {missing}s or remove these {what}s" + f" ({hint})" * bool(hint)
        )
