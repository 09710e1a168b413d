"""Index one WebDataset shard: a tar in which the files of one sample share their name up to the first dot.

An image is `KEY.jpg`, .jpeg, .webp or .png. Its label is `KEY.cls` or `KEY.cls.txt` (a name or a number) or
the integer "label" of `KEY.json`. Its mask is `KEY.mask.png`, `KEY.seg.png`, `KEY.seg`, or `KEY.png` beside a
JPEG or WebP. Where a sample has both, the mask is used.
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

from foveate.data.pixels.limits import MAX_PIXELS
from foveate.data.pixels.tally import Tally, tally_mask
from foveate.data.storage.addresses import read_bytes
from foveate.data.storage.archives import is_archive
from foveate.data.storage.shards import Packed
from foveate.data.storage.tars import Member, members
from foveate.errors import DataError

IMAGES = ("jpg", "jpeg", "webp", "png")
MASKS = ("mask.png", "seg.png", "seg", "png")
LABELS = ("cls", "cls.txt", "json")

MAX_IMAGE_BYTES = 6 * MAX_PIXELS
"""Largest image or mask in bytes: `MAX_PIXELS` of RGB with 16 bits a channel, uncompressed."""

MAX_LABEL_BYTES = 1 << 20
"""Largest label in bytes."""

Annotation = str | Tally
"""A label's text, or a mask's pixels per stored value."""

_LOOKED_AT = 100
_PEEK = 1 << 21
_OPENERS = {".gz": gzip.open, ".tgz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Sample:
    """An entry with its annotation as stored.

    where: tar and name of the label or mask, for messages. label: the label's text. stored: the mask's pixels
    per stored value, None for a label.
    """

    entry: Packed
    where: str
    label: str = ""
    stored: Tally | None = None


def is_shard(path: Path) -> bool:
    """Whether a tar, compressed or not, has an image with its label or mask among its first members."""
    if not is_archive(path) or path.suffix.lower() == ".zip":
        return False
    endings: dict[str, set[str]] = {}
    with suppress(*_DAMAGE), _open_start(path) as content, tarfile.open(fileobj=content, mode="r:") as tar:
        for info in islice(iter(tar.next, None), _LOOKED_AT):
            key, ending = _split(info.name)
            files = endings.setdefault(key, set())
            file = tar.extractfile(info) if info.isreg() else None
            if file and (ending != "json" or _json_label(file.read(MAX_LABEL_BYTES))):
                files.add(ending)
            image, *target = _roles(files)
            if image and any(target):
                return True
    return False


def _open_start(path: Path) -> io.BufferedIOBase:
    """Open a tar; of a compressed one, unpack the first `_PEEK` bytes only, as it may unpack to any size."""
    if opener := _OPENERS.get(path.suffix.lower()):
        with opener(path, "rb") as file:
            return io.BytesIO(file.read(_PEEK))
    return path.open("rb")


def index_shard(address: str, name: str, colored: bool = False) -> list[Sample]:
    """Return the samples of one shard in its order, with their labels and masks read.

    name: first part of the entries' stems. colored: count the colours of masks, not their values. Raises
    `DataError` for a shard that is damaged or holds no sample, for a member that occurs twice or is too
    large, for an image without label and mask, and for a label or mask without image.
    """
    samples_by_key: dict[str, dict[str, Member]] = {}
    annotations: dict[str, Annotation] = {}
    for member in members(address):
        key, ending = _split(member.name)
        if ending not in LABELS + MASKS and ending.rpartition(".")[2] not in IMAGES:
            continue
        files = samples_by_key.setdefault(key, {})
        if ending in files:
            raise DataError(f"{member.where}: occurs twice; keep one file of each name in a shard")
        member.require(MAX_LABEL_BYTES if ending in LABELS else MAX_IMAGE_BYTES)
        files[ending] = member
        _, mask, label = _roles(files)  # images are not read here
        if ending == mask:
            annotations[member.where] = tally_mask(member.where, colored, member.read())
        elif ending == label:
            annotations[member.where] = _text(member, member.read())
    samples = [
        _sample(Packed(f"{name}/{key}", shard=address), files, annotations, colored)
        for key, files in samples_by_key.items()
        if set(files) != {"json"}  # a JSON alone describes the shard, not an image
    ]
    if not samples:
        raise DataError(f"{address}: holds no image with a label or a mask; move it elsewhere")
    return samples


def _split(name: str) -> tuple[str, str]:
    """Split a member's name into its key and its ending in lower case; both are empty for hidden files.

    >>> _split("cats/000.seg.PNG"), _split("._000.jpg")
    (('cats/000', 'seg.png'), ('', ''))
    """
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return (folder + slash + stem, ending.lower()) if stem else ("", "")


def _roles(endings: Collection[str]) -> tuple[str, str, str]:
    """Return the endings of a sample's image, mask and label, each "" if the sample has none.

    >>> _roles(["jpg", "png"]), _roles(["png", "cls"])
    (('jpg', 'png', ''), ('png', '', 'cls'))
    """
    image = next((ending for ending in IMAGES if ending in endings), "")
    mask = next((ending for ending in MASKS if ending in endings and ending != image), "")
    return image, mask, next((ending for ending in LABELS if ending in endings), "")


def _sample(
    entry: Packed, files: Mapping[str, Member], annotations: Mapping[str, Annotation], colored: bool
) -> Sample:
    image, mask, label = _roles(files)
    if not image:
        first = next(iter(files.values())).where
        raise DataError(
            f"{first}: has no image, which would have the same name up to the first dot and one of the "
            f"endings {', '.join(IMAGES)}; add the image, or rename it"
        )
    entry = replace(entry, image_span=files[image].span)
    if mask:
        span, where = files[mask].span, files[mask].where
        stored = annotations.get(where) or tally_mask(where, colored, read_bytes(entry.shard, span))
        return Sample(replace(entry, mask_span=span), where, stored=stored)
    text = annotations[files[label].where] if label else ""
    if not text:
        raise DataError(
            f"{files[image].where}: the image has no label ({', '.join(LABELS)}) and no mask "
            f"({', '.join(MASKS)}) of its name; add one, or remove the image"
        )
    return Sample(entry, files[label].where, text)


def _text(member: Member, content: bytes) -> str:
    if member.name.lower().endswith(".json"):
        return _json_label(content)
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise DataError(
            f"{member.where}: is not text; write a label as a name or a number, in UTF-8"
        ) from None


def _json_label(content: bytes) -> str:
    """Return the integer "label" of a JSON file as text, or "" if there is none."""
    with suppress(ValueError, RecursionError):
        tree = json.loads(content)
        if isinstance(tree, dict) and type(tree.get("label")) is int:
            return str(tree["label"])
    return ""
