"""Whether the data of an image file are as large as its header says; decoders leave missing rows black.

Not found are a JPEG with fewer rows than its header says, whose decoder invents them, and rows beyond those
of the header.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By the colour type of a PNG, its values a pixel."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, step of columns and of rows of each pass of an interlaced PNG."""

_PIECE = 1 << 20
_COMPRESSION, _BITS, _COUNTS = 259, 258, (279, 325)
"""Tags of TIFF; the bytes of each strip and of each tile."""


def lacks_rows(image: Image.Image, path: str | Path, content: bytes | None = None) -> bool:
    """Whether the file of an image has fewer rows than its header says.

    image: decoded, or opened alone; then a PNG counts as whole. content: as of `images.read_image`. A PNG is
    read again only if its last row is black.
    """
    if image.format == "TIFF":
        return _tiff_lacks_rows(image)
    if image.format != "PNG" or image.tile:  # not decoded
        return False
    if np.asarray(image.crop((0, image.height - 1, *image.size))).any():
        return False
    with open(path, "rb") if content is None else io.BytesIO(content) as file:
        return _png_bytes(file) < _png_bytes_needed(file)


def _tiff_lacks_rows(image: Image.Image) -> bool:
    tags = image.tag_v2
    counts = next((tags[tag] for tag in _COUNTS if tag in tags), ())
    if tags.get(_COMPRESSION, 1) != 1 or not counts or 0 in counts:
        return False
    return sum(counts) < image.height * (image.width * sum(tags.get(_BITS, (1,))) // 8)


def _chunks(file: io.BufferedIOBase) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of the first chunks of a PNG, up to the end of its pixels."""
    file.seek(8)
    begun = False
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if begun and name != b"IDAT":
            return
        begun = begun or name == b"IDAT"
        yield name, file.read(length)
        file.seek(4, 1)


def _png_bytes_needed(file: io.BufferedIOBase) -> int:
    _, header = next(_chunks(file))
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for column, row, columns, rows in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        across, down = -(-(width - column) // columns), -(-(height - row) // rows)
        if across > 0 and down > 0:
            total += down * (1 + -(-across * bits * _CHANNELS[kind] // 8))
    return total


def _png_bytes(file: io.BufferedIOBase) -> int:
    """Return the bytes that the pixels of a PNG unpack to, without holding them."""
    stream, total = zlib.decompressobj(), 0
    for name, content in _chunks(file):
        while name == b"IDAT" and content and not stream.eof:
            total += len(stream.decompress(content, _PIECE))
            content = stream.unconsumed_tail
    return total
