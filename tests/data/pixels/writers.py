"""Write masks as other programs do: files of every bit depth, which Pillow itself cannot write."""

import struct
import subprocess
import zlib
from io import BytesIO

import cv2
import imageio.v3
import numpy as np
import tifffile
from PIL import Image

PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, row step and column step of the seven passes of an interlaced PNG."""


def packed(values: np.ndarray, bits: int) -> bytes:
    """One row of samples, the most significant bit first, padded to whole bytes."""
    places = np.arange(bits - 1, -1, -1)
    return np.packbits((values.astype(np.int64).reshape(-1, 1) >> places & 1).astype(np.uint8)).tobytes()


def png(
    values: np.ndarray,
    bits: int = 8,
    kind: int = 0,
    palette: np.ndarray | None = None,
    interlaced: bool = False,
    transparent: bytes = b"",
) -> bytes:
    """A PNG of any kind (0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA), as optimisers write them."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = values.shape[:2]
    parts = [values[r::down, c::right] for r, c, down, right in PASSES] if interlaced else [values]
    rows = b"".join(b"\0" + packed(row, bits) for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    chunks = [chunk(b"IHDR", header)]
    chunks += [chunk(b"PLTE", palette.astype(np.uint8).tobytes())] if palette is not None else []
    chunks += [chunk(b"tRNS", transparent)] if transparent else []
    chunks += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def pgm(values: np.ndarray, largest: int, plain: bool = False) -> bytes:
    """A PGM with any largest value, as text or as bytes."""
    head = f"P{2 if plain else 5}\n# made by hand\n{values.shape[1]} {values.shape[0]}\n{largest}\n".encode()
    if plain:
        return head + b"\n".join(b" ".join(b"%d" % value for value in row) for row in values.tolist())
    return head + values.astype(">u2" if largest > 255 else "u1").tobytes()


def tiff(values: np.ndarray, bits: int, white_is_zero: bool = False) -> bytes:
    """A grey TIFF of 1, 2 or 4 bits without compression."""
    height, width = values.shape
    rows = b"".join(packed(row, bits) for row in values)
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, int(not white_is_zero)),
    ]
    entries += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(rows))]
    rows += b"\0" * (len(rows) % 2)
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return (
        struct.pack("<2sHI", b"II", 42, 8 + len(rows))
        + rows
        + struct.pack("<H", len(entries))
        + table
        + bytes(4)
    )


def bmp(values: np.ndarray, palette: np.ndarray) -> bytes:
    """A BMP of 4 bits."""
    rows = [packed(row, 4) for row in values[::-1]]
    pixels = b"".join(row + bytes(-len(row) % 4) for row in rows)
    colors = b"".join(bytes([blue, green, red, 0]) for red, green, blue in palette.tolist())
    start = 54 + len(colors)
    head = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    about = (40, values.shape[1], values.shape[0], 1, 4, 0, len(pixels), 0, 0, len(palette), 0)
    return head + struct.pack("<IiiHHIIiiII", *about) + colors + pixels


def by_pillow(image: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def by_tifffile(values: np.ndarray, **options) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def by_opencv(values: np.ndarray, suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, values, options)[1].tobytes()


def by_imageio(values: np.ndarray, suffix: str, **options) -> bytes:
    return imageio.v3.imwrite("<bytes>", values, extension=suffix, **options)


def by_magick(values: np.ndarray, bits: int, to: str, *options: str) -> bytes:
    """A file of ImageMagick's, which converts a PGM. to: its suffix, perhaps behind a form and a colon."""
    form, _, suffix = to.rpartition(":")
    command = ["magick", "pgm:-", *options, f"{form or suffix}:-"]
    content = pgm(values, 2**bits - 1)
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def with_palette(values: np.ndarray, palette: np.ndarray) -> Image.Image:
    image = Image.fromarray(values.astype(np.uint8))
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image
