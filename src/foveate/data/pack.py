"""Pack a dataset into shards: a few large files that stream well from anywhere.

A shard is a plain tar. An image keeps the bytes of its file where a plain decoder sees in them what foveate
sees; otherwise (16 bits, turned by EXIF, slices of a volume) its pixels become a PNG. Masks become 8-bit PNGs
of class ids, labels a number in a text file: `KEY.jpg`, `KEY.mask.png`, `KEY.cls`, as WebDataset pairs them.
"""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from foveate.data.dataset import Entry
from foveate.data.layout import Layout
from foveate.data.open import read_layout
from foveate.data.storage.addresses import create, read_bytes, require_empty
from foveate.data.storage.shards import FORMAT, INDEX, Packed
from foveate.errors import DataError

_VERBATIM = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png"}
_SUFFIXES = (".jpg", ".jpeg", ".png")
_AT_ONCE = 64
_HEADER = 512

Row = dict[str, Any]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Packing:
    """What was written: images, shards, and the bytes of the images and masks in them."""

    images: int
    shards: int
    bytes: int


def pack(
    source: str | Path,
    out: str | Path,
    classes: Sequence[str] | None = None,
    shard_mb: float = 256,
    progress: Callable[[int, int], None] | None = None,
) -> Packing:
    """Write a dataset as shards to `out`: a new or empty folder, or any address that fsspec writes to.

    source, classes: as in `open_dataset`. shard_mb: megabytes (10^6 bytes) that a shard is not to exceed,
    unless one image does. progress: called with the images done and all. The same data gives the same bytes.
    The index is written last: shards without one are those of a packing that was stopped. Raises `DataError`
    for data that cannot be read, and for an `out` that holds files or cannot be written to.

    >>> import tempfile
    >>> from foveate.data.open import open_dataset
    >>> folder = tempfile.mkdtemp()
    >>> pack("synthetic:4:32x48", folder).images, len(open_dataset(folder).index("train"))
    (10, 4)
    """
    if not shard_mb > 0:
        raise DataError(f"shard_mb {shard_mb} is no size; give the megabytes of a shard, such as 256")
    address = str(out).rstrip("/")
    require_empty(address)
    name, _, layout = read_layout(source, classes)
    total = sum(map(len, layout.parts.values()))
    parts: dict[str, list[Row]] = {}
    done: list[Row] = []
    with _nothing_left(Path(address)):
        for part, entries in layout.parts.items():
            before = len(done)
            for row in _write(address, part, _encoded(layout, entries), shard_mb * 1e6):
                done.append(row)
                if progress:
                    progress(len(done), total)
            parts[part] = done[before:]
    index = {
        "format": FORMAT,
        "packed_from": name,
        "task": layout.task,
        "classes": layout.classes,
        "colors": layout.colors,
        "notes": layout.notes,
        "parts": parts,
    }
    with create(f"{address}/{INDEX}") as file:
        file.write(json.dumps(index, separators=(",", ":")).encode())
    spans = [row[what] for row in done for what in ("image", "mask") if what in row]
    return Packing(len(done), len({row["shard"] for row in done}), sum(end - start for start, end in spans))


@contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Where the block fails before a shard is whole, the folder that was made for it goes."""
    there = folder.exists()
    try:
        yield
    except BaseException:
        if not there:
            with suppress(OSError):  # it holds shards that are whole, or is no folder of this machine
                folder.rmdir()
        raise


def key(stem: str) -> str:
    """The name of an entry's files before their ending, which begins at the first dot.

    >>> key("val/a.b"), key("100%")
    ('val/a%2Eb', '100%25')
    """
    folder, slash, name = stem.rpartition("/")
    return folder + slash + name.replace("%", "%25").replace(".", "%2E")


def _encoded(layout: Layout, entries: Sequence[Entry]) -> Iterator[tuple[Row, Files]]:
    """What the index says of each entry, and its files by their endings, in order; a few at once."""
    encode = partial(_encode, layout=layout)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(entries), _AT_ONCE):
            yield from pool.map(encode, entries[start : start + _AT_ONCE])


def _encode(entry: Entry, layout: Layout) -> tuple[Row, Files]:
    image, target = layout.reader(entry)
    ending, content = _image_file(_stored(entry), image)
    row = {"stem": entry.stem} | ({"group": entry.group} if entry.group is not None else {})
    if layout.task == "classification":
        return row | {"label": target}, {ending: content, "cls": str(target).encode()}
    counts = {"counts": layout.counts[entry.stem].tolist()} if entry.stem in layout.counts else {}
    return row | counts, {ending: content, "mask.png": _png(target)}


def _stored(entry: Entry) -> bytes | None:
    """The bytes of an image that is a file of its own, here or in a shard."""
    if isinstance(entry, Packed):
        return read_bytes(entry.shard, entry.image_span)
    own = entry.image is not None and entry.image.suffix.lower() in _SUFFIXES
    return entry.image.read_bytes() if own else None


def _image_file(stored: bytes | None, image: UInt8[np.ndarray, "h w 3"]) -> tuple[str, bytes]:
    """Ending and bytes of a file in which a plain decoder sees this image: what is stored if that is one."""
    if stored is not None:
        with Image.open(io.BytesIO(stored)) as file:
            if file.format in _VERBATIM and np.array_equal(np.asarray(file.convert("RGB")), image):
                return _VERBATIM[file.format], stored
    return "png", _png(image)


def _png(pixels: UInt8[np.ndarray, "..."]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _write(address: str, part: str, samples: Iterator[tuple[Row, Files]], most: float) -> Iterator[Row]:
    """Write samples to one shard after the other; yields the row of each with its shard and spans."""
    sample, number = next(samples, None), 0
    while sample:
        name = f"{part}-{number:06d}.tar"
        with (
            create(f"{address}/{name}") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar,
        ):
            while sample and (tar.offset == 0 or tar.offset + _room(sample[1]) <= most):
                row, files = sample
                spans = {ending: _add(tar, f"{key(row['stem'])}.{ending}", files[ending]) for ending in files}
                yield (
                    row
                    | {"shard": name, "image": next(iter(spans.values()))}
                    | ({"mask": spans["mask.png"]} if "mask.png" in spans else {})
                )
                sample = next(samples, None)
        number += 1


def _room(files: Files) -> int:
    return sum(2 * _HEADER + len(content) for content in files.values())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> tuple[int, int]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
    start = tar.offset - -(-len(content) // _HEADER) * _HEADER
    return start, start + len(content)
