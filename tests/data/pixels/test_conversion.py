import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from foveate.data.pixels.conversion import array_to_rgb, image_to_rgb
from foveate.data.pixels.images import read_image
from foveate.errors import DataError

RAMP = np.array([[0, 255, 256, 4095, 32768, 65535]], dtype=np.uint16)
HIGH_BYTE = [0, 0, 1, 15, 128, 255]


def opened(path) -> np.ndarray:
    with Image.open(path) as image:
        return image_to_rgb(image, path)


def test_16_bit_grey_is_the_same_as_a_path_a_pillow_image_and_an_array(tmp_path):
    for suffix in ("png", "tif"):
        Image.fromarray(RAMP).save(tmp_path / f"a.{suffix}")
        for pixels in (read_image(tmp_path / f"a.{suffix}"), opened(tmp_path / f"a.{suffix}")):
            assert pixels[0, :, 1].tolist() == HIGH_BYTE
    assert array_to_rgb(RAMP, "x")[0, :, 2].tolist() == HIGH_BYTE
    assert array_to_rgb(RAMP.astype(np.int64), "x")[0, :, 2].tolist() == HIGH_BYTE


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_16_bit_rgb_tiff_has_the_pixels_that_pillow_reads(tmp_path, planar):
    deep = np.stack([RAMP, RAMP[:, ::-1], RAMP], -1)
    stored = deep if planar == "contig" else np.moveaxis(deep, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == HIGH_BYTE
    assert np.array_equal(read_image(tmp_path / "a.tif"), array_to_rgb(deep, "x"))
    if planar == "contig":
        assert np.array_equal(opened(tmp_path / "a.tif"), read_image(tmp_path / "a.tif"))


def test_floats_in_0_to_1_are_the_same_as_a_path_a_pillow_image_and_an_array(tmp_path):
    values = np.linspace(0, 1, 256, dtype=np.float32)[None]
    Image.fromarray(values).save(tmp_path / "a.tif")
    for pixels in (read_image(tmp_path / "a.tif"), opened(tmp_path / "a.tif"), array_to_rgb(values, "x")):
        assert pixels[0, :, 0].tolist() == list(range(256))
    assert np.array_equal(array_to_rgb(values.astype(np.float64), "x"), array_to_rgb(values, "x"))
    colour = np.stack([values, values[:, ::-1], values * 0], -1)
    tifffile.imwrite(tmp_path / "rgb.tif", colour, photometric="rgb")
    assert np.array_equal(read_image(tmp_path / "rgb.tif"), array_to_rgb(colour, "x"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_of_pillow_is_the_same_as_its_file(tmp_path, make, mode):
    photo = Image.fromarray(make.photo(0))
    if mode in ("I;16", "I", "F"):
        grey = np.asarray(photo.convert("L"))
        deep = {
            "I;16": grey.astype(np.uint16) * 257,
            "I": grey.astype(np.int32) * 257,
            "F": grey / np.float32(255),
        }
        image = Image.fromarray(deep[mode])
    else:
        image = photo.convert(mode)
    assert image.mode == mode
    path = tmp_path / "a.tif"
    image.save(path)
    expected = read_image(path)
    assert np.array_equal(opened(path), expected)
    assert np.array_equal(image_to_rgb(image.copy(), "x"), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_image_is_turned_upright_once(tmp_path, make, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(make.photo(3, (16, 24))).save(tmp_path / "a.png", exif=exif)
    upright = read_image(tmp_path / "a.png")
    assert np.array_equal(opened(tmp_path / "a.png"), upright)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(image_to_rgb(ImageOps.exif_transpose(image), "x"), upright)


def test_arrays_of_grey_rgb_and_rgba_in_either_order(make):
    photo = make.photo(0)
    alpha = np.dstack([photo, photo[..., :1]])
    for same in (photo, alpha, np.moveaxis(photo, -1, 0), photo / 255, photo.astype(np.uint16) * 257):
        assert np.array_equal(array_to_rgb(same, "x"), photo)
    grey = photo[..., 0]
    for same in (grey, grey[..., None], grey[None]):
        assert np.array_equal(array_to_rgb(same, "x"), np.stack([grey] * 3, -1))
    assert array_to_rgb(grey > 99, "x").max() == 255


def test_whole_numbers_that_could_be_8_or_16_bits_are_refused(tmp_path):
    values = np.array([[0, 200]], dtype=np.int32)
    with pytest.raises(
        DataError, match=r"x: values from 0 to 200 of type int32: is 200 bright, as in 8 bits, or"
    ):
        array_to_rgb(values, "x")
    with pytest.raises(DataError, match="Convert to uint8 or to uint16"):
        image_to_rgb(Image.fromarray(values), "x")
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: values from 0 to 200 of type int32"):
        read_image(tmp_path / "a.tif")
    assert array_to_rgb(values * 0, "x").max() == 0


@pytest.mark.parametrize(
    "values",
    [[[0.0, 255.0]], [[-0.1, 0.5]], [[np.nan, 0.5]], [[-1, 300]], [[0, 70_000]]],
)
def test_values_beyond_the_range_are_refused(values):
    with pytest.raises(DataError, match=r"x: values from .* to .* where 0 to (1|65535) was expected"):
        array_to_rgb(np.array(values), "x")


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="values of type complex128 are no pixels"):
        array_to_rgb(np.ones((2, 2), dtype=complex), "x")


def test_a_pgm_of_16_bits_is_no_riddle(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 65535\n" + np.array([7, 255], dtype=">u2").tobytes())
    assert read_image(tmp_path / "a.pgm").max() == 0


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_a_tiff_in_which_0_is_white_is_inverted_at_every_depth(tmp_path, dtype):
    top = {"u1": 255, "u2": 65535}.get(dtype, 1)
    grey = (np.random.default_rng(0).random((6, 8)) * top).astype(dtype)
    for name, photometric in (("low", "miniswhite"), ("high", "minisblack")):
        tifffile.imwrite(tmp_path / f"{name}.tif", grey, photometric=photometric)
    seen = {name: read_image(tmp_path / f"{name}.tif") for name in ("low", "high")}
    assert np.array_equal(seen["low"], 255 - seen["high"])
    if dtype != "f8":  # which Pillow does not open
        assert np.array_equal(opened(tmp_path / "low.tif"), seen["low"])
