import shutil
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError

from .recorded import RECORDED
from .writers import (
    bmp,
    by_imageio,
    by_magick,
    by_opencv,
    by_pillow,
    by_tifffile,
    pgm,
    png,
    tiff,
    with_palette,
)

COLORS = np.random.default_rng(0).permutation(256 * 3).reshape(256, 3) % 256
GREYS = np.repeat(np.arange(256)[:, None], 3, axis=1)
THREE = [1, 1, 3]
PGMS = [(1, 1), (1, 2), (2, 3), (2, 7), (4, 100), (7, 254), (8, 255), (8, 256), (9, 4095), (16, 65535)]
"""Bits that all values fit in, and the largest value that the file states."""

WRITERS: dict[str, tuple[int, Callable[[np.ndarray], bytes]]] = {
    **{f"grey PNG, {bits} bits": (bits, lambda v, bits=bits: png(v, bits)) for bits in (1, 2, 4, 8, 16)},
    **{
        f"interlaced grey PNG, {bits} bits": (bits, lambda v, bits=bits: png(v, bits, interlaced=True))
        for bits in (1, 2, 4, 8, 16)
    },
    **{
        f"grey PNG with a transparent value, {bits} bits": (
            bits,
            lambda v, bits=bits: png(v, bits, transparent=b"\0\1"),
        )
        for bits in (1, 2, 4, 8, 16)
    },
    **{
        f"palette PNG, {bits} bits": (bits, lambda v, bits=bits: png(v, bits, 3, COLORS[: 2**bits]))
        for bits in (1, 2, 4, 8)
    },
    **{
        f"interlaced palette PNG, {bits} bits": (
            bits,
            lambda v, bits=bits: png(v, bits, 3, COLORS[: 2**bits], interlaced=True, transparent=b"\0\1"),
        )
        for bits in (1, 2, 4, 8)
    },
    "palette PNG of greys": (8, lambda v: png(v, 8, 3, GREYS[::-1])),
    "RGB PNG": (8, lambda v: png(np.tile(v[..., None], THREE), 8, 2)),
    "RGBA PNG": (8, lambda v: png(np.dstack([v, v, v, np.full_like(v, 255)]), 8, 6)),
    "grey PNG with alpha": (8, lambda v: png(np.dstack([v, np.full_like(v, 255)]), 8, 4)),
    **{f"PGM to {top}": (bits, lambda v, top=top: pgm(v, top)) for bits, top in PGMS},
    **{f"plain PGM to {top}": (bits, lambda v, top=top: pgm(v, top, plain=True)) for bits, top in PGMS},
    **{f"TIFF, {bits} bits": (bits, lambda v, bits=bits: tiff(v, bits)) for bits in (1, 2, 4)},
    **{
        f"TIFF in which 0 is white, {bits} bits": (
            bits,
            lambda v, bits=bits: tiff(v, bits, white_is_zero=True),
        )
        for bits in (1, 2, 4)
    },
    **{
        f"tifffile, {dtype}, {photometric}": (
            bits,
            lambda v, dtype=dtype, photometric=photometric: by_tifffile(
                v.astype(dtype), photometric=photometric
            ),
        )
        for photometric in ("minisblack", "miniswhite")
        for bits, dtype in (
            *(
                (1, "bool"),
                (8, "u1"),
                (16, "u2"),
                (16, ">u2"),
                (16, "u4"),
                (16, "u8"),
                (16, "i4"),
                (16, "i8"),
            ),
            *((7, "i1"), (15, "i2"), (8, "f2"), (16, "f4"), (16, "f8")),
        )
    },
    "tifffile, RGB of 16 bits": (16, lambda v: by_tifffile(np.tile(v[..., None], THREE).astype("u2"))),
    "tifffile, deflate": (16, lambda v: by_tifffile(v.astype("u2"), compression="zlib")),
    "tifffile, big": (8, lambda v: by_tifffile(v.astype("u1"), bigtiff=True)),
    "Pillow, PNG": (8, lambda v: by_pillow(v.astype("u1"), "PNG", optimize=True)),
    "Pillow, PNG of 16 bits": (16, lambda v: by_pillow(v.astype("u2"), "PNG")),
    "Pillow, PNG of 1 bit": (1, lambda v: by_pillow(v.astype(bool), "PNG")),
    "Pillow, PNG with a palette": (8, lambda v: by_pillow(with_palette(v, COLORS), "PNG")),
    **{
        f"Pillow, TIFF {compression}": (
            8,
            lambda v, compression=compression: by_pillow(v.astype("u1"), "TIFF", compression=compression),
        )
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
    },
    **{
        f"Pillow, fax {compression}": (
            1,
            lambda v, compression=compression: by_pillow(v.astype(bool), "TIFF", compression=compression),
        )
        for compression in ("group3", "group4")
    },
    "Pillow, TIFF of 16 bits": (16, lambda v: by_pillow(v.astype("u2"), "TIFF")),
    "Pillow, TIFF of floats": (16, lambda v: by_pillow(v.astype("f4"), "TIFF")),
    "Pillow, TIFF with a palette": (8, lambda v: by_pillow(with_palette(v, COLORS), "TIFF")),
    "Pillow, BMP": (8, lambda v: by_pillow(v.astype("u1"), "BMP")),
    "Pillow, BMP of 1 bit": (1, lambda v: by_pillow(v.astype(bool), "BMP")),
    "Pillow, BMP with a palette": (8, lambda v: by_pillow(with_palette(v, COLORS), "BMP")),
    "BMP of 4 bits, greys": (4, lambda v: bmp(v, GREYS[:16])),
    "BMP of 4 bits, stretched greys": (4, lambda v: bmp(v, GREYS[::17])),
    "BMP of 4 bits, colours": (4, lambda v: bmp(v, COLORS[:16])),
    "Pillow, GIF": (8, lambda v: by_pillow(v.astype("u1"), "GIF")),
    "Pillow, PGM": (8, lambda v: by_pillow(v.astype("u1"), "PPM")),
    "Pillow, PBM": (1, lambda v: by_pillow(v.astype(bool), "PPM")),
    "Pillow, lossless WebP": (
        8,
        lambda v: by_pillow(np.tile(v[..., None], THREE).astype("u1"), "WEBP", lossless=True, exact=True),
    ),
    **{
        f"OpenCV, {suffix} of {dtype}": (
            bits,
            lambda v, suffix=suffix, dtype=dtype: by_opencv(v.astype(dtype), suffix),
        )
        for suffix, kinds in {
            ".png": ((8, "u1"), (16, "u2")),
            ".tiff": ((8, "u1"), (16, "u2"), (15, "i2"), (16, "i4"), (16, "f4"), (16, "f8")),
            ".bmp": ((8, "u1"),),
            ".pgm": ((8, "u1"), (16, "u2")),
            ".pbm": ((1, "u1"),),
        }.items()
        for bits, dtype in kinds
    },
    **{
        f"OpenCV, {suffix} of three channels": (
            8,
            lambda v, suffix=suffix: by_opencv(np.tile(v[..., None], THREE).astype("u1"), suffix),
        )
        for suffix in (".png", ".tiff", ".bmp", ".ppm")
    },
    "OpenCV, PNG of 1 bit": (1, lambda v: by_opencv(v.astype("u1"), ".png", cv2.IMWRITE_PNG_BILEVEL, 1)),
    "OpenCV, plain PGM": (8, lambda v: by_opencv(v.astype("u1"), ".pgm", cv2.IMWRITE_PXM_BINARY, 0)),
    "OpenCV, lossless WebP": (8, lambda v: by_opencv(v.astype("u1"), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)),
    **{
        f"imageio, {suffix} of {dtype}": (
            bits,
            lambda v, suffix=suffix, dtype=dtype: by_imageio(v.astype(dtype), suffix),
        )
        for suffix, kinds in {
            ".png": ((1, "bool"), (8, "u1"), (16, "u2"), (16, "i4")),
            ".tif": ((1, "bool"), (8, "u1"), (16, "u2"), (16, "f4")),
            ".bmp": ((8, "u1"),),
            ".gif": ((8, "u1"),),
        }.items()
        for bits, dtype in kinds
    },
    "imageio, optimised PNG": (8, lambda v: by_imageio(v.astype("u1"), ".png", optimize=True)),
    "imageio, lossless WebP": (8, lambda v: by_imageio(v.astype("u1"), ".webp", lossless=True)),
}
if shutil.which("magick"):
    WRITERS |= {
        f"ImageMagick, {to}": (bits, lambda v, bits=bits, to=to, flags=flags: by_magick(v, bits, to, *flags))
        for bits, to, flags in (
            (8, "png", ("-define", "png:color-type=0", "-define", "png:bit-depth=8")),
            (8, "PNG24:png", ()),
            (8, "tif", ("-depth", "8", "-compress", "LZW")),
            (16, "tif", ("-depth", "16", "-compress", "Zip")),
            (8, "BMP3:bmp", ("-depth", "8")),
            (8, "pgm", ("-compress", "none")),
            (8, "webp", ("-define", "webp:lossless=true")),
        )
    }


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=6, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 17), seed=st.integers(0, 999), few=st.booleans())
def test_stored_values_survive_every_writer(writer, height, width, seed, few):
    bits, write = WRITERS[writer]
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 2**bits, (height, width))
    if few:
        values = draw.choice(values.ravel()[:3], values.shape)
    assert read_raw("mask", content=write(values)).tolist() == values.tolist()


@pytest.mark.parametrize("ids", [[0, 1, 2, 3], [0, 7, 11], [0, 255], [3, 200]])
def test_a_mask_is_the_same_from_every_file_that_can_hold_it(ids):
    values = np.random.default_rng(0).choice(ids, (7, 13))
    read = {
        name: read_raw("mask", content=write(values)).tolist()
        for name, (bits, write) in WRITERS.items()
        if max(ids) < 2**bits
    }
    assert {name for name, found in read.items() if found != values.tolist()} == set()


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.name)
def test_the_stored_values_of_files_of_optimisers_are_read(file):
    assert read_raw("mask", content=file.content).tolist() == file.values().tolist()


def test_values_are_bytes_where_they_fit():
    assert read_raw("m", content=png(np.array([[0, 255]]), 16)).dtype == np.uint8
    assert read_raw("m", content=png(np.array([[0, 256]]), 16)).dtype == np.uint16
    assert read_raw("m", content=by_tifffile(np.array([[0, 70_000]], "u4"))).tolist() == [[0, 70_000]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (by_tifffile(np.array([[-1, 1]], "i1")), "mask values run from -1 to 1 .* whole values from 0"),
        (by_tifffile(np.array([[0.5, 1]], "f4")), "mask values run from 0.5 to 1.0 .* whole values from 0"),
        (by_tifffile(np.array([[0, 2**40]])), "mask values run from 0 to 1099511627776"),
        (by_tifffile(np.array([[np.nan, 1]], "f4")), "mask values run from nan"),
        (png(np.ones((2, 2, 3), int), 16, 2), "16 bits in several channels.* save the mask with a single"),
        (by_pillow(np.zeros((8, 8, 3), "u1"), "WEBP"), "is a lossy WebP, .* export the masks again as PNG"),
        (by_pillow(np.zeros((8, 8, 4), "u1"), "WEBP"), "is a lossy WebP, .* export the masks again as PNG"),
    ],
)
def test_a_mask_whose_values_would_change_is_refused(content, words):
    with pytest.raises(DataError, match=words):
        read_raw("mask.file", content=content)


def test_a_turned_tiff_and_a_turned_png_are_upright():
    values = np.arange(6).reshape(2, 3) * 1000
    wide = by_tifffile(values.astype("u4"), extratags=[(274, "H", 1, 6, True)])
    assert read_raw("m", content=wide).tolist() == np.rot90(values, -1).tolist()


def test_a_coloured_mask_says_which_flags_would_name_its_colours(tmp_path):
    values = np.zeros((4, 4, 3), "u1")
    values[0] = 255, 0, 0
    (tmp_path / "m.png").write_bytes(by_pillow(values, "PNG"))
    with pytest.raises(DataError, match=r"in colour; .* such as name1=#000000 name2=#ff0000, or save"):
        read_raw(tmp_path / "m.png")


def test_a_cut_out_is_told_from_a_coloured_mask(tmp_path):
    photo = np.random.default_rng(0).integers(0, 255, (4, 4, 4)).astype("u1")
    (tmp_path / "m.png").write_bytes(by_pillow(photo, "PNG"))
    with pytest.raises(DataError, match=r"in colour .*its transparency varies: .* save the alpha channel"):
        read_raw(tmp_path / "m.png")
    assert read_raw(tmp_path / "m.png", alpha=True).tolist() == photo[..., 3].tolist()


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_one_channel_a_class_is_refused_with_what_to_save(tmp_path, channels):
    path = tmp_path / "mask.npy"
    np.save(path, np.eye(channels, dtype=np.uint8)[np.arange(600).reshape(20, 30) % channels])
    with pytest.raises(
        DataError, match=f"the mask has {channels} channels, perhaps one a class; save a single"
    ):
        read_raw(path)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_mask_of_several_frames_is_refused(kind):
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (0, 200)]
    content = by_pillow(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(DataError, match="holds a stack of several images of 8 x 8, and only the first"):
        read_raw("mask", content=content)
