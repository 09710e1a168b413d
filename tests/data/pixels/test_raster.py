import numpy as np
import pytest
import tifffile

from foveate.data.pixels.images import read_image, read_size
from foveate.data.pixels.raster import read_bands, read_header, read_values
from foveate.errors import DataError

GDAL = (
    '<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">blue</Item>'
    '<Item name="DESCRIPTION" sample="1" role="description">near infrared</Item></GDALMetadata>'
)


def values(bands: int, dtype: type, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (np.random.default_rng(0).random((*size, bands)) * min(top, 30_000)).astype(dtype)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    ("bands", "dtype", "words"),
    [
        (8, np.uint16, "TIFF of 8 bands of 16 bits"),
        (5, np.uint8, "TIFF of 5 bands of 8 bits"),
        (2, np.uint8, "TIFF of 2 bands of 8 bits"),
        (2, np.float32, "TIFF of 2 bands of 32-bit floats"),
        (13, np.int16, "TIFF of 13 bands of 16 bits with sign"),
    ],
)
def test_a_tiff_of_several_bands_is_named_and_its_values_are_read(tmp_path, planar, bands, dtype, words):
    stored = values(bands, dtype)
    written = stored if planar == "contig" else np.moveaxis(stored, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", written, photometric="minisblack", planarconfig=planar)
    assert str(read_header(tmp_path / "a.tif")) == words
    assert np.array_equal(read_values(tmp_path / "a.tif"), stored)
    assert np.array_equal(read_bands(tmp_path / "a.tif", (1, 0)), stored[..., [1, 0]].astype(np.float32))
    assert read_size(tmp_path / "a.tif") == (12, 16)
    with pytest.raises(DataError, match=rf"a\.tif: a {words}, and grey or RGB is needed here"):
        read_image(tmp_path / "a.tif")


def test_five_bands_of_which_three_are_marked_as_rgb_are_not_read_as_rgb(tmp_path):
    stored = values(5, np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", planarconfig="contig", extrasamples=[0, 0]
    )
    with pytest.raises(DataError, match="a TIFF of 5 bands of 8 bits"):
        read_image(tmp_path / "a.tif")
    assert np.array_equal(read_values(tmp_path / "a.tif"), stored)


def test_a_fourth_band_is_alpha_where_it_is_marked_or_the_same_everywhere(tmp_path):
    stored = values(4, np.uint8)
    tifffile.imwrite(tmp_path / "alpha.tif", stored, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_image(tmp_path / "alpha.tif"), stored[..., :3])
    assert read_header(tmp_path / "alpha.tif").bands == 3
    tifffile.imwrite(tmp_path / "infrared.tif", stored, photometric="rgb", extrasamples=["unspecified"])
    with pytest.raises(DataError, match=r"infrared\.tif: a TIFF of 4 bands of 8 bits"):
        read_image(tmp_path / "infrared.tif")
    stored[..., 3] = 255
    tifffile.imwrite(tmp_path / "opaque.tif", stored, photometric="rgb", extrasamples=["unspecified"])
    assert np.array_equal(read_image(tmp_path / "opaque.tif"), stored[..., :3])


def test_three_bands_of_8_bits_are_rgb_whatever_the_file_calls_them(tmp_path):
    stored = values(3, np.uint8)
    for planar in ("contig", "separate"):
        written = stored if planar == "contig" else np.moveaxis(stored, -1, 0)
        tifffile.imwrite(tmp_path / "a.tif", written, photometric="minisblack", planarconfig=planar)
        assert np.array_equal(read_image(tmp_path / "a.tif"), stored)


def test_band_names_and_missing_values(tmp_path):
    stored = values(2, np.int16)
    stored[0, 0] = -9999
    tags = [(42112, "s", 0, GDAL, True), (42113, "s", 0, "-9999", True)]
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="minisblack", planarconfig="contig", extratags=tags
    )
    header = read_header(tmp_path / "a.tif")
    assert (header.names, header.nodata) == (("blue", "near infrared"), -9999)
    pixels = read_bands(tmp_path / "a.tif", (0, 1))
    assert np.isnan(pixels[0, 0]).all()
    assert np.array_equal(pixels[1:], stored[1:])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_bands_are_turned_upright(tmp_path, orientation):
    photo = values(3, np.uint8)
    tag = (0x0112, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "rgb.tif", photo, photometric="rgb", extratags=[tag])
    tifffile.imwrite(
        tmp_path / "bands.tif", np.dstack([photo, photo]), photometric="minisblack", planarconfig="contig",
        extratags=[tag],
    )  # fmt: skip
    assert np.array_equal(read_values(tmp_path / "bands.tif")[..., :3], read_image(tmp_path / "rgb.tif"))
    assert read_size(tmp_path / "bands.tif") == read_size(tmp_path / "rgb.tif")


def test_numpy_arrays_are_read_in_either_order(tmp_path):
    stored = values(5, np.float32)
    np.save(tmp_path / "last.npy", stored)
    np.save(tmp_path / "first.npy", np.moveaxis(stored, -1, 0))
    for name in ("last.npy", "first.npy"):
        assert np.array_equal(read_values(tmp_path / name), stored)
        assert str(read_header(tmp_path / name)) == "NumPy array of 5 bands of 32-bit floats"
    photo = values(3, np.uint8)
    np.save(tmp_path / "rgb.npy", photo)
    assert np.array_equal(read_image(tmp_path / "rgb.npy"), photo)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((12, 16, 12)),
        np.zeros((2, 3, 12, 16)),
        np.zeros((12, 16), complex),
        np.zeros((0, 4)),
        np.array(["a"]),
    ],
)
def test_numpy_arrays_that_are_no_images_are_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=r"a\.npy: a NumPy array of shape .* which is no image; save"):
        read_image(tmp_path / "a.npy")


def test_no_pickle_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="type object, which is no image"):
        read_image(tmp_path / "a.npy")


def test_truncated_and_oversized_rasters(tmp_path):
    np.save(tmp_path / "a.npy", values(5, np.float32))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-9])
    tifffile.imwrite(
        tmp_path / "a.tif", values(8, np.uint16), photometric="minisblack", planarconfig="contig"
    )
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-2000])
    for name in ("a.npy", "a.tif"):
        with pytest.raises(DataError, match="damaged or truncated"):
            read_values(tmp_path / name)
    with open(tmp_path / "huge.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**5, 10**5, 8)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(DataError, match="more than the limit of 89478485"):
        read_values(tmp_path / "huge.npy")


def test_a_stack_of_pages_is_refused(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", values(1, np.float32)[..., 0][None].repeat(4, 0), photometric="minisblack"
    )
    with pytest.raises(DataError, match=r"a\.tif: holds a stack of several images of 12 x 16"):
        read_image(tmp_path / "a.tif")


def test_nothing_is_written_to_the_console(tmp_path, capfd):
    tifffile.imwrite(
        tmp_path / "a.tif", values(8, np.uint16), photometric="minisblack", planarconfig="contig"
    )
    for content in (None, (tmp_path / "a.tif").read_bytes()[:-2000]):
        with pytest.raises(DataError):
            read_image(tmp_path / "a.tif", content)
    tifffile.imwrite(tmp_path / "b.tif", values(3, np.uint8), photometric="rgb", compression="zlib")
    with pytest.raises(DataError):
        read_image(tmp_path / "b.tif", (tmp_path / "b.tif").read_bytes().replace(b"\x78", b"\x00"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("compress", ["lzw", "deflate", "zstd"])
def test_compressed_tiffs_of_gdal(tmp_path, compress):
    rasterio = pytest.importorskip("rasterio")
    stored = values(6, np.uint16)
    shape = {"count": 6, "height": 12, "width": 16, "dtype": "uint16"}
    options = {"compress": compress, "predictor": 2, "interleave": "pixel", "driver": "GTiff"}
    with rasterio.open(tmp_path / "a.tif", "w", **shape, **options) as file:
        file.write(np.moveaxis(stored, -1, 0))
        file.set_band_description(1, "blue")
    assert np.array_equal(read_values(tmp_path / "a.tif"), stored)
    assert np.array_equal(read_values("x", (tmp_path / "a.tif").read_bytes()), stored)
