from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError

from .writers import bmp, by_pillow, by_tifffile, pgm, png, tiff, with_palette

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
}


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_stored_values_survive_every_writer(writer, data):
    bits, write = WRITERS[writer]
    shapes = st.tuples(st.integers(1, 9), st.integers(1, 17))
    values = data.draw(
        shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(0, 2**bits - 1)))
    )
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
