from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from foveate.data.bands import BandScale, measure_scale
from foveate.data.dataset import BandSet
from foveate.data.open import open_dataset
from foveate.data.pack import pack
from foveate.errors import DataError


def write(root: Path, stored: list[np.ndarray], suffix: str = "tif", **options) -> Path:
    """Images of bands in images/, and masks of 0 and 1 of the same size in masks/."""
    (root / "images").mkdir(parents=True), (root / "masks").mkdir()
    for number, values in enumerate(stored):
        path = root / f"images/{number}.{suffix}"
        if suffix == "npy":
            np.save(path, values)
        else:
            tifffile.imwrite(
                path, values, **{"photometric": "minisblack", "planarconfig": "contig"} | options
            )
        mask = np.zeros(values.shape[:2], np.uint8)
        mask[:5] = 1
        Image.fromarray(mask).save(root / f"masks/{number}.png")
    return root


def images(bands: int, dtype: type = np.uint16, top: int = 4000, count: int = 6) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [(random.random((20, 24, bands)) * top).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize(
    ("bands", "dtype", "top"), [(8, np.uint16, 4000), (5, np.uint8, 255), (2, np.int16, 90)]
)
@pytest.mark.parametrize("suffix", ["tif", "npy"])
def test_images_of_several_bands_are_read_with_their_own_values(tmp_path, bands, dtype, top, suffix):
    stored = images(bands, dtype, top)
    dataset = open_dataset(write(tmp_path, stored, suffix))
    assert (dataset.channels, dataset.bands.of) == (bands, bands)
    for entry in dataset.index("train"):
        pixels, mask = dataset.read(entry)
        assert np.array_equal(pixels, stored[int(entry.stem)].astype(np.float32))
        assert mask.sum() == 5 * 24
        assert dataset.size_of(entry) == (20, 24)
    assert f"{bands} bands (1, 2" in dataset.describe()


@pytest.mark.parametrize("values", [(-3.0, 5.0), (0.0, 4000.0), (0.0, 1.0)])
def test_floats_are_bands_if_their_values_are_no_pictures(tmp_path, values):
    low, high = values
    stored = [low + (high - low) * image for image in images(3, np.float32, 1)]
    dataset = open_dataset(write(tmp_path, stored, photometric="rgb"))
    pixels, _ = dataset.read(dataset.index("train")[0])
    stem = int(dataset.index("train")[0].stem)
    if values == (0.0, 1.0):
        assert dataset.bands is None
        assert np.array_equal(pixels, np.rint(stored[stem] * 255).astype(np.uint8))
    else:
        assert dataset.channels == 3
        assert np.array_equal(pixels, stored[stem])


def test_a_fourth_band_counts_unless_it_is_alpha(tmp_path):
    stored = images(4, np.uint8, 255)
    infrared = write(tmp_path / "infrared", stored, photometric="rgb", extrasamples=["unspecified"])
    dataset = open_dataset(infrared)
    assert dataset.channels == 4
    assert "the fourth is not marked as alpha" in dataset.describe()
    marked = write(tmp_path / "marked", stored, photometric="rgb", extrasamples=["unassalpha"])
    assert open_dataset(marked).bands is None
    for values in stored:
        values[..., 3] = 255
    opaque = write(tmp_path / "opaque", stored, photometric="rgb", extrasamples=["unspecified"])
    assert open_dataset(opaque).bands is None


def test_files_of_different_numbers_of_bands_are_refused_by_name(tmp_path):
    write(tmp_path, [*images(5, count=5), *images(4, count=1)])
    with pytest.raises(
        DataError, match=r"differ in their number of bands: 5 of 5 bands, .* 1 of 4 bands.*5\.tif"
    ):
        open_dataset(tmp_path)


def test_bands_beside_pictures_are_refused_by_name(tmp_path, make):
    write(tmp_path, images(5))
    make.save("images/p.png", make.photo(0, (20, 24)))
    make.save("masks/p.png", make.mask(0, [0, 1], (20, 24)))
    with pytest.raises(
        DataError, match=r"is a TIFF of 5 bands of 16 bits, and .*p\.png is not; 1 of 7 images"
    ):
        open_dataset(tmp_path)


def test_chosen_bands_come_in_their_order(tmp_path):
    stored = images(6)
    dataset = open_dataset(write(tmp_path, stored), bands=(4, 1))
    entry = dataset.index("train")[0]
    assert np.array_equal(dataset.read(entry)[0], stored[int(entry.stem)][..., [3, 0]])
    assert dataset.bands == BandSet(("4", "1"), (3, 0), 6)
    with pytest.raises(DataError, match="--bands 7: there are 1 to 6"):
        open_dataset(tmp_path, bands=(7,))


def test_bands_of_grey_16_bit_files_can_be_chosen(tmp_path):
    stored = images(1, np.uint16, 4095)
    root = write(tmp_path, [values[..., 0] for values in stored])
    assert open_dataset(root).bands is None
    assert open_dataset(root, bands=(1,)).channels == 1


def test_bands_in_class_folders(tmp_path):
    for name in ("forest", "water"):
        (tmp_path / name).mkdir()
        for number, values in enumerate(images(13, count=5)):
            tifffile.imwrite(
                tmp_path / f"{name}/{number}.tif", values, photometric="minisblack", planarconfig="contig"
            )
    dataset = open_dataset(tmp_path)
    assert (dataset.task, dataset.channels) == ("classification", 13)
    assert dataset.read(dataset.index("test")[0])[0].shape == (20, 24, 13)


def test_the_scale_is_measured_over_the_training_images_and_outliers_do_not_move_it(tmp_path):
    stored = images(2, np.float32, 100)
    for values in stored:
        values[..., 1] = values[..., 1] * 10 - 500
        values[0, 0] = 1e9
        values[1, 1] = np.nan
    dataset = open_dataset(write(tmp_path, stored))
    scale = measure_scale(dataset.index("train"), dataset.bands)
    train = np.concatenate([stored[int(entry.stem)].reshape(-1, 2) for entry in dataset.index("train")])
    assert scale.low == pytest.approx(np.nanquantile(train, 0.01, axis=0), rel=1e-5)
    assert scale.high == pytest.approx(np.nanquantile(train, 0.99, axis=0), rel=1e-5)
    assert scale.high[0] < 101
    scaled = scale(stored[0])
    assert np.isfinite(scaled).all()
    assert scaled[0, 0].tolist() == [2, 2]
    assert scaled[1, 1].tolist() == pytest.approx(scale.mean)
    assert scale.shown(stored[0]).shape == (20, 24, 3)


def test_a_band_without_values_is_named(tmp_path):
    stored = images(2, np.float32, 100)
    for values in stored:
        values[..., 1] = np.nan
    dataset = open_dataset(write(tmp_path, stored))
    with pytest.raises(DataError, match="band 2 holds no value in any training image"):
        measure_scale(dataset.index("train"), dataset.bands)


def test_the_picture_of_bands_is_the_first_three_stretched():
    scale = BandScale(
        BandSet(("a", "b", "c", "d"), (0, 1, 2, 3), 4),
        (0.0,) * 4,
        (10.0, 20.0, 40.0, 1.0),
        (0.5,) * 4,
        (1.0,) * 4,
    )
    pixels = np.array([[[10, 10, 10, 7]]], dtype=np.float32)
    assert scale.shown(pixels).tolist() == [[[255, 128, 64]]]


def test_bands_are_not_packed(tmp_path):
    write(tmp_path / "data", images(5))
    with pytest.raises(
        DataError, match="the images have 5 bands, and shards hold RGB pictures; train on the folder"
    ):
        pack(tmp_path / "data", tmp_path / "shards")
    assert not (tmp_path / "shards").exists()
