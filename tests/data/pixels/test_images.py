import struct
import sys
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from foveate.data.pixels.images import image_files, read_image, read_size
from foveate.data.pixels.stored import read_raw
from foveate.errors import DataError


def test_rgb_png_comes_back_as_it_was_saved(make):
    photo = make.photo(0)
    assert np.array_equal(read_image(make.save("a.png", photo)), photo)


def test_grey_is_repeated_into_three_channels(make):
    grey = make.photo(0)[..., 0]
    assert np.array_equal(read_image(make.save("a.png", grey)), np.stack([grey] * 3, axis=-1))


def test_alpha_is_dropped(make):
    photo = make.photo(0)
    alpha = np.full((*photo.shape[:2], 1), 7, dtype=np.uint8)
    assert np.array_equal(read_image(make.save("a.png", np.concatenate([photo, alpha], axis=-1))), photo)


def test_cmyk_jpeg_has_the_colours_of_its_rgb_original(tmp_path, make):
    photo = make.photo(0, (32, 32))
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    difference = np.abs(read_image(tmp_path / "a.jpg").astype(int) - photo)
    assert difference.mean() < 5


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_by_the_full_range(tmp_path, suffix):
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    assert read_image(tmp_path / f"a.{suffix}")[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_16_bit_rgb_tiff_is_scaled_by_the_full_range(tmp_path, make, planar):
    photo = make.photo(1)
    deep = photo.astype(np.uint16) * 257
    stored = deep if planar == "contig" else np.moveaxis(deep, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    assert np.array_equal(read_image(tmp_path / "a.tif"), photo)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_rgb_tiff_is_turned_upright_and_its_header_agrees(tmp_path, make, orientation, bits):
    photo = make.photo(3, (16, 24))
    stored = turned(photo, orientation) if bits == 8 else turned(photo, orientation).astype(np.uint16) * 257
    tag = (0x0112, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=[tag])
    assert np.array_equal(read_image(tmp_path / "a.tif"), photo)
    assert read_size(tmp_path / "a.tif") == photo.shape[:2]


def test_compression_that_needs_another_package_is_not_called_damage(tmp_path, make, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, make.photo(1).astype(np.float32) / 255, photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(tifffile.COMPRESSION.LZW)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(
        DataError,
        match=r"a\.tif: a TIFF of 3 bands of 32-bit floats with LZW compression needs .*'foveate\[geo\]'",
    ):
        read_image(path)


def test_16_bit_rgb_png_is_scaled_by_the_full_range(tmp_path, make):
    photo = make.photo(2)
    rows = b"".join(b"\0" + row.tobytes() for row in (photo.astype(">u2") * 257).astype(">u2"))
    (tmp_path / "a.png").write_bytes(png(photo.shape[1], photo.shape[0], 16, 2, rows))
    assert np.array_equal(read_image(tmp_path / "a.png"), photo)


def test_float_tiff_in_0_to_1_is_read_and_other_values_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0.0, 1.0]], dtype=np.float32))
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 255]
    tifffile.imwrite(tmp_path / "b.tif", np.array([[0.0, 300.0]], dtype=np.float32))
    with pytest.raises(DataError, match=r"b\.tif: values from 0.0 to 300.0 .* save the image as 8-bit"):
        read_image(tmp_path / "b.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotated_jpeg_is_turned_upright_and_its_header_agrees(tmp_path, make, orientation):
    photo = make.photo(3, (16, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(turned(photo, orientation)).save(tmp_path / "a.jpg", quality=98, subsampling=0, exif=exif)
    upright = read_image(tmp_path / "a.jpg")
    assert read_size(tmp_path / "a.jpg") == upright.shape[:2] == photo.shape[:2]
    assert np.abs(upright.astype(int) - photo).mean() < 4


def test_an_exif_tag_that_names_no_orientation_turns_nothing(tmp_path, make):
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(make.photo(3, (16, 24))).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (16, 24, 3)
    assert read_size(tmp_path / "a.jpg") == (16, 24)


@pytest.mark.filterwarnings("error")
def test_palette_with_transparency_gives_its_colours_without_a_warning(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), mode="P")
    image.putpalette([9, 8, 7, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128, 255]))
    assert read_image(tmp_path / "a.png").tolist() == [[[9, 8, 7], [255, 0, 0], [0, 255, 0]]]
    assert np.array_equal(read_raw(tmp_path / "a.png", colored=True), read_image(tmp_path / "a.png"))
    assert read_raw(tmp_path / "a.png").tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_truncated_file(tmp_path, make, suffix):
    path = make.save(f"a.{suffix}", make.photo(0, (64, 64)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix}: the image is damaged or truncated .* copy it again"):
        read_image(path)


def test_rows_that_the_header_promises_must_be_there(tmp_path, make):
    rows = np.full((4, 1 + 3 * 5), 7, np.uint8)
    rows[:, 0] = 0
    path = tmp_path / "a.png"
    path.write_bytes(png(5, 4, 8, 2, rows.tobytes()))
    assert (read_image(path) == 7).all()
    message = r"a\.png: has fewer rows of pixels than the 6 that its header says; copy it again"
    for bits, kind in ((8, 2), (8, 0), (4, 0), (16, 0)):
        path.write_bytes(
            png(5, 6, bits, kind, rows[:, : 1 + -(-5 * bits * (3 if kind else 1) // 8)].tobytes())
        )
        for read in (read_image, read_raw):
            with pytest.raises(DataError, match=message):
                read(path)
        with pytest.raises(DataError, match="fewer rows"):
            read_image("sent.png", path.read_bytes())
    make.save("black.png", np.zeros((9, 5, 3), np.uint8))
    assert not read_image(tmp_path / "black.png").any()

    content = bytearray(make.save("b.tif", make.photo(0)).read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    for at in range(first + 2, first + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", content, at)[0] == 257:  # its height
            struct.pack_into("<HHII", content, at, 257, 4, 1, 20)
    (tmp_path / "b.tif").write_bytes(content)
    with pytest.raises(DataError, match=r"b\.tif: has fewer rows of pixels than the 20"):
        read_image(tmp_path / "b.tif")


def test_damaged_png(tmp_path, make):
    path = make.save("a.png", make.photo(0, (64, 64)))
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png: the image is damaged or truncated"):
        read_image(path)


def test_zero_byte_file(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match=r"a\.jpg: the file is empty \(0 bytes\); copy it again or remove it"):
        read_image(tmp_path / "a.jpg")


def test_text_file_named_png(tmp_path):
    (tmp_path / "a.png").write_text("not an image at all")
    with pytest.raises(DataError, match=r"a\.png: not an image that can be read, despite its suffix"):
        read_image(tmp_path / "a.png")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"a\.png: there is no such file"):
        read_image(tmp_path / "a.png")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [10_000, 50_000])
def test_decompression_bomb_is_refused_from_its_header(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png(side, side, 8, 2, bytes(1000)))
    start = time.perf_counter()
    for read in (read_image, read_size, read_raw):
        with pytest.raises(DataError, match=r"bomb\.png: .*pixels are more than the limit of 89478485; cut"):
            read(tmp_path / "bomb.png")
    assert time.perf_counter() - start < 1


def test_mask_values_survive_palette_grey_and_one_bit_files(tmp_path, make):
    ids = make.mask(0, [0, 1, 2, 255])
    palette = Image.fromarray(ids).copy()
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    palette.save(tmp_path / "palette.png")
    assert palette.mode == "P"
    assert np.array_equal(read_raw(tmp_path / "palette.png"), ids)
    assert np.array_equal(read_raw(make.save("grey_as_rgb.png", np.stack([ids] * 3, axis=-1))), ids)
    assert np.array_equal(read_raw(make.save("deep.png", ids.astype(np.uint16))), ids)
    Image.fromarray(ids == 1).save(tmp_path / "bits.png")
    assert np.array_equal(read_raw(tmp_path / "bits.png"), ids == 1)


def test_mask_saved_as_jpeg(make):
    path = make.save("m.jpg", make.mask(0, [0, 255]))
    with pytest.raises(DataError, match=r"m\.jpg: the mask is a JPEG, .* export the masks again as PNG"):
        read_raw(path)


def test_a_stack_of_images_is_refused_and_a_preview_beside_one_is_not(make):
    pages = [Image.fromarray(make.photo(number)) for number in range(3)]
    path = make.save("a.tif", make.photo(0), save_all=True, append_images=pages[1:])
    for read in (read_image, read_raw, read_size):
        with pytest.raises(DataError, match=r"a\.tif: holds a stack of several images of 12 x 16"):
            read(path)
    path = make.save("b.tif", make.photo(0), save_all=True, append_images=[pages[1].resize((4, 3))])
    assert np.array_equal(read_image(path), make.photo(0))


@pytest.mark.parametrize("suffix", [".jfif", ".JPE", ".avif", ".jp2", ".pbm"])
def test_images_with_less_usual_endings_are_found(make, suffix):
    black = np.zeros((12, 16), dtype=bool)
    path = make.save(f"a{suffix}", black if suffix == ".pbm" else make.photo(0))
    assert image_files([path]) == [path]
    assert read_image(path).shape == (12, 16, 3)


def test_coloured_mask_without_its_table(make):
    path = make.save("m.png", make.photo(0))
    with pytest.raises(DataError, match=r"m\.png: the mask is in colour; add a class_dict\.csv"):
        read_raw(path)
    with pytest.raises(DataError, match=r"a\.tar/m\.png: the mask is in colour; save masks as 8-bit"):
        read_raw("a.tar/m.png", content=path.read_bytes())


def turned(photo: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera stores that will be shown as `photo` by a reader of its orientation tag."""
    return np.ascontiguousarray({
        1: photo, 2: photo[:, ::-1], 3: photo[::-1, ::-1], 4: photo[::-1], 5: photo.swapaxes(0, 1),
        6: np.rot90(photo), 7: photo[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(photo, -1),
    }[orientation])  # fmt: skip


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """A PNG file with any header and any rows."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("suffix", "name"), [("jpg", "JPEG"), ("avif", "AVIF"), ("jp2", "JPEG2000")])
def test_masks_in_formats_that_change_values(make, suffix, name):
    path = make.save(f"m.{suffix}", make.mask(0, [0, 1]))
    with pytest.raises(DataError, match=rf"the mask is a {name}, and {name} compression changes"):
        read_raw(path)


@pytest.mark.parametrize("offset", [7, 100_000])
def test_a_tiff_whose_next_page_is_not_there(make, offset):
    path = make.save("a.tif", make.photo(0))
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * entries, offset)
    path.write_bytes(content)
    assert np.array_equal(read_image(path), make.photo(0))


def test_a_mask_of_transparency_behind_a_tiff_is_no_image(make):
    path = make.root / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(make.photo(0), photometric="rgb")
        file.write(np.ones((12, 16), dtype=bool), photometric="mask", subfiletype=4)
    assert np.array_equal(read_image(path), make.photo(0))
