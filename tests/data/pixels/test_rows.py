import numpy as np
import pytest
import rasterio
import tifffile

from foveate.data.pixels import rows
from foveate.data.pixels.raster import read_header, read_values
from foveate.data.pixels.rows import obstacle, read_rows
from foveate.errors import DataError

PLACE = {"transform": rasterio.Affine(0.5, 0, 10, 0, -0.5, 20)}
"""Where on Earth an image lies: rasterio warns of a GeoTIFF without."""


def image(bands: int = 3, dtype: type = np.uint8, size: tuple[int, int] = (75, 60)) -> np.ndarray:
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (np.random.default_rng(0).random((*size, bands)) * min(top, 60_000)).astype(dtype)


def whole(path, first: int = 0) -> np.ndarray:
    parts = list(read_rows(path, first))
    ends = [part.first + len(part.values) for part in parts]
    assert [part.first for part in parts[1:]] == ends[:-1]
    assert parts[0].first <= first < ends[0]
    return np.concatenate([part.values for part in parts])[first - parts[0].first :]


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"tile": (16, 32), "compression": "zlib"},
        {"tile": (16, 32)},
        {"rowsperstrip": 8, "compression": "zlib", "predictor": True},
        {"rowsperstrip": 8},
        {"bigtiff": True, "tile": (32, 16), "compression": "zlib"},
        {"byteorder": ">"},
    ],
)
@pytest.mark.parametrize(("bands", "dtype"), [(3, np.uint8), (3, np.uint16), (5, np.uint16)])
def test_rows_are_those_of_the_whole_image(tmp_path, monkeypatch, planar, form, bands, dtype):
    monkeypatch.setattr(rows, "_ROWS", 20)
    stored = image(bands, dtype)
    written = stored if planar == "contig" else np.moveaxis(stored, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif",
        written,
        photometric="rgb" if bands == 3 else "minisblack",
        planarconfig=planar,
        **form,
    )
    assert np.array_equal(whole(tmp_path / "a.tif"), stored)
    assert np.array_equal(whole(tmp_path / "a.tif", 41), stored[41:])
    assert np.array_equal(whole(tmp_path / "a.tif"), read_values(tmp_path / "a.tif"))


@pytest.mark.parametrize("shape", [(75, 60), (75, 60, 3), (3, 75, 60)])
def test_rows_of_an_array_are_those_of_the_whole_array(tmp_path, monkeypatch, shape):
    monkeypatch.setattr(rows, "_ROWS", 20)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert np.array_equal(whole(tmp_path / "a.npy", 30), read_values(tmp_path / "a.npy")[30:])


def test_every_block_is_read_once(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", image(), photometric="rgb", tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        stored = sum(tiff.pages[0].databytecounts)
    read = []
    monkeypatch.setattr(rows, "_read", lambda file, size: read.append(size) or file.read(size))
    whole(tmp_path / "a.tif")
    assert sum(read) == stored


@pytest.mark.parametrize("options", [{"compress": "lzw"}, {"compress": "jpeg", "photometric": "ycbcr"}])
def test_compressions_that_gdal_knows_are_read_with_the_extra_geo(tmp_path, options):
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=64, height=80, count=3, dtype="uint8", **PLACE,
        tiled=True, blockxsize=16, blockysize=16, **options,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(image(3, size=(80, 64)), -1, 0))
    with rasterio.open(tmp_path / "a.tif") as file:
        assert np.array_equal(whole(tmp_path / "a.tif"), np.moveaxis(file.read(), 0, -1))


def test_blocks_that_a_file_leaves_out_are_0(tmp_path):
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=64, height=80, count=1, dtype="uint8", **PLACE,
        tiled=True, blockxsize=16, blockysize=16, sparse_ok=True, compress="deflate",
    ) as file:  # fmt: skip
        file.write(np.full((16, 16), 7, np.uint8), 1, window=rasterio.windows.Window(16, 32, 16, 16))
    values = whole(tmp_path / "a.tif")
    assert values.shape == (80, 64, 1)
    assert values.sum() == 7 * 256
    assert (values[32:48, 16:32] == 7).all()


def test_a_file_that_is_shorter_than_its_header_says_is_named(tmp_path):
    for form in ({}, {"tile": (16, 16), "compression": "zlib"}):
        tifffile.imwrite(tmp_path / "a.tif", image(), photometric="rgb", **form)
        content = (tmp_path / "a.tif").read_bytes()
        (tmp_path / "b.tif").write_bytes(content[: len(content) * 3 // 4])
        with pytest.raises(DataError, match=r"b\.tif: the image is damaged or truncated"):
            whole(tmp_path / "b.tif")


def test_what_cannot_be_read_in_parts_is_said(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", image(), photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    with pytest.raises(DataError, match=r"a\.tif: an image that is stored turned or mirrored, which cannot"):
        whole(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", image(1)[..., 0], photometric="miniswhite")
    with pytest.raises(DataError, match="an image in miniswhite"):
        whole(tmp_path / "b.tif")
    monkeypatch.setattr(rows, "LARGEST_BLOCK", 1000)
    tifffile.imwrite(tmp_path / "c.tif", image(), photometric="rgb", compression="zlib")
    assert obstacle(tmp_path / "c.tif", read_header(tmp_path / "c.tif")).startswith("an image that is comp")
    tifffile.imwrite(tmp_path / "d.tif", np.stack([image()] * 2), photometric="rgb")
    with pytest.raises(DataError, match="a stack of several images"):
        whole(tmp_path / "d.tif")
    (tmp_path / "e.tif").write_bytes(b"no image at all")
    with pytest.raises(DataError, match="neither a TIFF nor a NumPy array"):
        whole(tmp_path / "e.tif")
