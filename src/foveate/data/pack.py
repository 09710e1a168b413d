"""Pack a dataset into shards: a few large files that can be read over a network.

A shard is a plain tar. An image file is kept byte for byte if an ordinary decoder reads the same pixels from
it as foveate does; others (16 bits, turned by EXIF, slices of a volume) are stored as PNG. Masks become 8-bit
PNGs of class ids, and labels a number in a text file. The names follow WebDataset: `KEY.jpg`, `KEY.mask.png`,
`KEY.cls`.
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
from foveate.data.open import open_unsplit
from foveate.data.storage.addresses import create, read_bytes, require_empty
from foveate.data.storage.shards import FORMAT, INDEX, Packed
from foveate.errors import DataError
from foveate.specs.data import ANY_FOLDER, FolderChoice

_VERBATIM = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png"}
_SUFFIXES = (".jpg", ".jpeg", ".png")
_CHUNK = 64
_HEADER = 512

Row = dict[str, Any]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Packing:
    """Number of images and of shards that were written, and the bytes of their images and masks."""

    images: int
    shards: int
    bytes: int


def pack(
    source: str | Path,
    out: str | Path,
    classes: Sequence[str] | None = None,
    shard_mb: float = 256,
    progress: Callable[[int, int], None] | None = None,
    folder: FolderChoice = ANY_FOLDER,
) -> Packing:
    """Write a dataset as shards to `out`: a new or empty folder, or any address that fsspec can write to.

    source, classes: as in `open_dataset`. shard_mb: largest size of a shard in megabytes (10^6 bytes), unless
    a single image exceeds it. progress: called with the images done and all images.
    folder: what the user says about the folder. Equal data gives equal
    bytes. The index is written last, so shards without one are incomplete. Raises `DataError` if the data
    cannot be read, or if `out` holds files or cannot be written to.

    >>> import tempfile
    >>> from foveate.data.open import open_dataset
    >>> folder = tempfile.mkdtemp()
    >>> pack("synthetic:4:32x48", folder).images, len(open_dataset(folder).index("train"))
    (10, 4)
    """
    if not shard_mb > 0:
        raise DataError(f"shard_mb is {shard_mb}; give a shard's size in megabytes, above 0, such as 256")
    address = str(out).rstrip("/")
    require_empty(address)
    unsplit = open_unsplit(source, classes, folder=folder)
    name, layout = unsplit.name, unsplit.layout
    if layout.bands is not None:
        raise DataError(
            f"{source}: the images have {layout.bands.of} bands, and shards hold RGB pictures; train on the "
            "folder, or copy it to where it is needed"
        )
    total = sum(map(len, layout.parts.values()))
    parts: dict[str, list[Row]] = {}
    done: list[Row] = []
    with _remove_new_folder_on_error(Path(address)):
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
def _remove_new_folder_on_error(folder: Path) -> Iterator[None]:
    """Remove `folder` if the block made it and fails before the first shard is complete."""
    existed = folder.exists()
    try:
        yield
    except BaseException:
        if not existed:
            with suppress(OSError):  # it holds complete shards, or is not on this machine
                folder.rmdir()
        raise


def key(stem: str) -> str:
    """Return the name of an entry's files without endings; its dots are escaped, as an ending starts at one.

    >>> key("val/a.b"), key("100%")
    ('val/a%2Eb', '100%25')
    """
    folder, slash, name = stem.rpartition("/")
    return folder + slash + name.replace("%", "%25").replace(".", "%2E")


def _encoded(layout: Layout, entries: Sequence[Entry]) -> Iterator[tuple[Row, Files]]:
    """Yield the index row of each entry and its files by ending, in order, encoding a few in parallel."""
    encode = partial(_encode, layout=layout)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(entries), _CHUNK):
            yield from pool.map(encode, entries[start : start + _CHUNK])


def _encode(entry: Entry, layout: Layout) -> tuple[Row, Files]:
    image, target = layout.reader(entry)
    ending, content = _image_file(_stored(entry), image)
    row = {"stem": entry.stem} | ({"group": entry.group} if entry.group is not None else {})
    if layout.task == "classification":
        return row | {"label": target}, {ending: content, "cls": str(target).encode()}
    counts = {"counts": layout.counts[entry.stem].tolist()} if entry.stem in layout.counts else {}
    return row | counts, {ending: content, "mask.png": _png(target)}


def _stored(entry: Entry) -> bytes | None:
    """Return the bytes of an image file, on disk or in a shard; None if the entry has no file of its own."""
    if isinstance(entry, Packed):
        return read_bytes(entry.shard, entry.image_span)
    own = entry.image is not None and entry.image.suffix.lower() in _SUFFIXES
    return entry.image.read_bytes() if own else None


def _image_file(stored: bytes | None, image: UInt8[np.ndarray, "h w 3"]) -> tuple[str, bytes]:
    """Return the ending and the bytes of an image file: the stored bytes if an ordinary decoder reads the
    same pixels from them, or else a PNG.
    """
    if stored is not None:
        with Image.open(io.BytesIO(stored)) as file:
            if file.format in _VERBATIM and np.array_equal(np.asarray(file.convert("RGB")), image):
                return _VERBATIM[file.format], stored
    return "png", _png(image)


def _png(pixels: UInt8[np.ndarray, "..."]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _write(address: str, part: str, samples: Iterator[tuple[Row, Files]], limit: float) -> Iterator[Row]:
    """Write samples to one shard after the other; yield the row of each with its shard and byte spans."""
    sample, number = next(samples, None), 0
    while sample:
        name = f"{part}-{number:06d}.tar"
        with (
            create(f"{address}/{name}") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar,
        ):
            while sample and (tar.offset == 0 or tar.offset + _tar_bytes(sample[1]) <= limit):
                row, files = sample
                spans = {ending: _add(tar, f"{key(row['stem'])}.{ending}", files[ending]) for ending in files}
                yield (
                    row
                    | {"shard": name, "image": next(iter(spans.values()))}
                    | ({"mask": spans["mask.png"]} if "mask.png" in spans else {})
                )
                sample = next(samples, None)
        number += 1


def _tar_bytes(files: Files) -> int:
    """Return an upper bound for the bytes of these files in a tar, headers and padding included."""
    return sum(2 * _HEADER + len(content) for content in files.values())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> tuple[int, int]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
    start = tar.offset - -(-len(content) // _HEADER) * _HEADER
    return start, start + len(content)
