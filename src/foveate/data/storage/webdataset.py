"""What one WebDataset shard holds: a tar whose members belong together by their names up to the first dot.

An image is `KEY.jpg`, .jpeg, .webp or .png. Its label is `KEY.cls` or `KEY.cls.txt` (a name or a number) or
the integer "label" of `KEY.json`; its mask `KEY.mask.png`, `KEY.seg.png`, `KEY.seg`, or `KEY.png` beside a
JPEG or WebP. Masks go before labels.
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foveate.data.pixels.images import MAX_PIXELS, read_raw
from foveate.data.storage.addresses import read_bytes
from foveate.data.storage.archives import is_archive
from foveate.data.storage.shards import Packed
from foveate.data.storage.tars import Member, members
from foveate.errors import DataError

IMAGES = ("jpg", "jpeg", "webp", "png")
MASKS = ("mask.png", "seg.png", "seg", "png")
LABELS = ("cls", "cls.txt", "json")

LARGEST = 6 * MAX_PIXELS
"""Bytes that an image or a mask may have: those of the most pixels in 16 bits."""

LONGEST = 1 << 20
"""Bytes that a label may have."""

Known = str | Int64[np.ndarray, "256"]
"""What was read of a label or a mask: its text, or its pixels per stored value."""

_LOOKED_AT = 100
_PEEK = 1 << 21
_OPENERS = {".gz": gzip.open, ".tgz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Sample:
    """An entry, its label still to be understood, and what stands at `where`: the label's text, or the mask's
    pixels per stored value.
    """

    entry: Packed
    where: str
    label: str = ""
    stored: Int64[np.ndarray, "256"] | None = None


def is_shard(path: Path) -> bool:
    """Whether a tar, compressed or not, is a shard: early in it an image is seen beside its label or mask."""
    if not is_archive(path) or path.suffix.lower() == ".zip":
        return False
    endings: dict[str, set[str]] = {}
    with suppress(*_DAMAGE), _opened(path) as content, tarfile.open(fileobj=content, mode="r:") as tar:
        for info in islice(iter(tar.next, None), _LOOKED_AT):
            key, ending = _split(info.name)
            there = endings.setdefault(key, set())
            file = tar.extractfile(info) if info.isreg() else None
            if file and (ending != "json" or _json_label(file.read(LONGEST))):
                there.add(ending)
            image, *target = _roles(there)
            if image and any(target):
                return True
    return False


def _opened(path: Path) -> io.BufferedIOBase:
    """A tar to walk; of one that is compressed, its first bytes: it may unpack to anything."""
    if opener := _OPENERS.get(path.suffix.lower()):
        with opener(path, "rb") as file:
            return io.BytesIO(file.read(_PEEK))
    return path.open("rb")


def index_shard(address: str, name: str) -> list[Sample]:
    """The samples of one shard, in its order, their labels and masks read; their stems begin with `name`.

    Raises `DataError` for a shard that is damaged or holds no sample, for a member that is there twice or is
    too large, and for an image without its label or mask, or the reverse.
    """
    found: dict[str, dict[str, Member]] = {}
    known: dict[str, Known] = {}
    for member in members(address):
        key, ending = _split(member.name)
        if ending not in LABELS + MASKS and ending.rpartition(".")[2] not in IMAGES:
            continue
        there = found.setdefault(key, {})
        if ending in there:
            raise DataError(f"{member.where}: is there twice; keep one file of a name in a shard")
        member.require(LONGEST if ending in LABELS else LARGEST)
        there[ending] = member
        _, mask, label = _roles(there)  # an image is left where it is
        if ending == mask:
            known[member.where] = _count(member.where, member.read())
        elif ending == label:
            known[member.where] = _text(member, member.read())
    samples = [
        _sample(Packed(f"{name}/{key}", shard=address), there, known)
        for key, there in found.items()
        if set(there) != {"json"}  # which says something of the shard, not of an image
    ]
    if not samples:
        raise DataError(f"{address}: holds no image with a label or a mask; move it elsewhere")
    return samples


def _split(name: str) -> tuple[str, str]:
    """A member's key, and its ending in lower case; none for files that are hidden.

    >>> _split("cats/000.seg.PNG"), _split("._000.jpg")
    (('cats/000', 'seg.png'), ('', ''))
    """
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return (folder + slash + stem, ending.lower()) if stem else ("", "")


def _roles(endings: Collection[str]) -> tuple[str, str, str]:
    """Which of a sample's files are its image, its mask and its label ("": none).

    >>> _roles(["jpg", "png"]), _roles(["png", "cls"])
    (('jpg', 'png', ''), ('png', '', 'cls'))
    """
    image = next((ending for ending in IMAGES if ending in endings), "")
    mask = next((ending for ending in MASKS if ending in endings and ending != image), "")
    return image, mask, next((ending for ending in LABELS if ending in endings), "")


def _sample(entry: Packed, there: Mapping[str, Member], known: Mapping[str, Known]) -> Sample:
    image, mask, label = _roles(there)
    if not image:
        first = next(iter(there.values())).where
        raise DataError(
            f"{first}: no image goes with it, which would be called the same up to the first dot, and "
            f"{', '.join(IMAGES)} behind it; add the image, or rename it"
        )
    entry = replace(entry, image_span=there[image].span)
    if mask:
        span, where = there[mask].span, there[mask].where
        stored = known[where] if where in known else _count(where, read_bytes(entry.shard, span))
        return Sample(replace(entry, mask_span=span), where, stored=stored)
    text = known[there[label].where] if label else ""
    if not text:
        raise DataError(
            f"{there[image].where}: the image has no label ({', '.join(LABELS)}) and no mask "
            f"({', '.join(MASKS)}) of its name; add one, or remove the image"
        )
    return Sample(entry, there[label].where, text)


def _count(where: str, content: bytes) -> Int64[np.ndarray, "256"]:
    return np.bincount(read_raw(where, content=content).ravel(), minlength=256)


def _text(member: Member, content: bytes) -> str:
    if member.name.lower().endswith(".json"):
        return _json_label(content)
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise DataError(
            f"{member.where}: is no text; write a label as a name or a number, in UTF-8"
        ) from None


def _json_label(content: bytes) -> str:
    """The integer "label" in a JSON file, or nothing."""
    with suppress(ValueError, RecursionError):
        found = json.loads(content)
        if isinstance(found, dict) and type(found.get("label")) is int:
            return str(found["label"])
    return ""
