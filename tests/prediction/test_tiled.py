"""Prediction in tiles, against the whole image and against the blending written out."""

import numpy as np
import pytest
import tifffile
import torch

from foveate.errors import UserError
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor
from foveate.prediction.rows import PixelRows, image_size, pixel_rows
from foveate.prediction.tiled import first_seen, predict_tiles
from foveate.prediction.tiling import Tiling


def local_host(**options):
    """A host whose output depends on at most 8 pixels to each side."""
    torch.manual_seed(0)
    model = create_model("unet", "resnet18", classes=5, encoder_depth=1, decoder_channels=[8], **options)
    for module in model.modules():  # so that classes vary from place to place
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data.mul_(1.5)
    return model.eval()


@pytest.fixture(scope="module")
def predictor():
    return Predictor(local_host(), "cpu")


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def in_parts(pixels: np.ndarray, first: int = 0, step: int = 37):
    return (PixelRows(row, pixels[row : row + step]) for row in range(first, len(pixels), step))


def tiled(predictor, pixels: np.ndarray, tiling: Tiling) -> np.ndarray:
    rows = list(predict_tiles(predictor, in_parts(pixels), pixels.shape[:2], tiling))
    assert [part.first for part in rows] == [0, *np.cumsum([len(part.mask) for part in rows])[:-1]]
    return np.concatenate([part.mask for part in rows])


def blended(predictor, pixels: np.ndarray, tiling: Tiling) -> np.ndarray:
    """The class probabilities: of every tile, times its weights, summed up over the whole image."""
    height, width = pixels.shape[:2]
    total = np.zeros((len(predictor.classes), height, width), np.float32)
    for row, row_weight in weights(tiling, height):
        for column, column_weight in weights(tiling, width):
            seen = pixels[row.seen : row.seen + tiling.tile, column.seen : column.seen + tiling.tile]
            with torch.inference_mode():
                p = predictor.model(torch.from_numpy(seen).movedim(-1, 0)[None] / 255)[0].softmax(0).numpy()
            p = p[:, row.start - row.seen :, column.start - column.seen :]
            weight = row_weight[:, None] * column_weight
            total[:, row.start : row.stop, column.start : column.stop] += weight * p
    return total


def weights(tiling: Tiling, length: int):
    spans = tiling.spans(length)
    for number, span in enumerate(spans):
        weight = np.ones(span.stop - span.start, np.float32)
        if number:
            weight[: tiling.overlap] *= tiling.rise()
        if number + 1 < len(spans):
            weight[len(weight) - tiling.overlap :] *= 1 - tiling.rise()
        yield span, weight


def test_weights_of_all_tiles_sum_to_1():
    for length in (40, 64, 65, 100, 177, 512):
        total = np.zeros(length)
        for span, weight in weights(Tiling(64, 32, 4), length):
            total[span.start : span.stop] += weight
            assert span.seen % 4 == 0
            assert span.seen <= span.start
            assert span.stop - span.seen <= 64
        np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("size", [(151, 130), (75, 165), (45, 35), (64, 65)])
@pytest.mark.parametrize("tiling", [Tiling(64, 16, 4), Tiling(48, 24, 4), Tiling(64, 0, 4)], ids=str)
def test_tiles_are_blended_by_their_weights(predictor, size, tiling):
    pixels = photo(*size)
    p = blended(predictor, pixels, tiling)
    first, second = np.sort(p, axis=0)[:-3:-1]
    sure = first - second > 1e-5
    assert sure.mean() > 0.99
    assert np.array_equal(tiled(predictor, pixels, tiling)[sure], p.argmax(0)[sure])


def test_tiles_give_the_mask_of_the_whole_image_where_the_overlap_is_four_receptive_radii(predictor):
    pixels = photo(170, 150)
    whole = predictor.predict_pixels(pixels).mask
    assert len(np.unique(whole)) > 2
    assert np.array_equal(tiled(predictor, pixels, Tiling(96, 32, 4)), whole)
    assert not np.array_equal(tiled(predictor, pixels, Tiling(64, 0, 4)), whole)
    near = tiled(predictor, pixels, Tiling(64, 8, 4))
    assert (near != whole).mean() < 0.02


def test_an_image_of_one_tile_is_predicted_whole(predictor):
    pixels = photo(45, 57)
    assert np.array_equal(tiled(predictor, pixels, Tiling(64, 16, 4)), predictor.predict_pixels(pixels).mask)


def test_views_of_the_run_are_those_of_each_tile():
    host = local_host()
    host.notes = {"test_scales": [1.0, 0.5], "test_flip": True}
    predictor = Predictor(host, "cpu")
    pixels = photo(150, 120)
    whole = predictor.predict_pixels(pixels).mask
    assert (tiled(predictor, pixels, Tiling(96, 48, 8)) != whole).mean() < 0.002
    plain = Predictor(local_host(), "cpu").predict_pixels(pixels).mask
    assert (plain != whole).mean() > 0.02


@pytest.mark.parametrize("first", [0, 40, 80, 120])
def test_a_mask_is_continued_at_a_row_of_tiles(predictor, first):
    pixels, tiling = photo(151, 70), Tiling(64, 24, 4)
    whole = tiled(predictor, pixels, tiling)
    seen = first_seen((151, 70), tiling, first)
    assert seen <= first
    rest = list(predict_tiles(predictor, in_parts(pixels, seen), (151, 70), tiling, first=first))
    assert np.array_equal(np.concatenate([whole[:first], *(part.mask for part in rest)]), whole)


def test_progress_counts_tiles(predictor):
    said = []
    list(predict_tiles(predictor, in_parts(photo(100, 100)), (100, 100), Tiling(64, 16, 4),
                       progress=lambda *counts: said.append(counts)))  # fmt: skip
    assert said == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_data_of_another_size_than_the_header_says_are_refused(predictor):
    for pixels in (photo(50, 90), photo(95, 90), photo(90, 80)):
        with pytest.raises(UserError, match=r"a\.tif: its data are not of the 90 x 90 pixels that its head"):
            list(predict_tiles(predictor, in_parts(pixels), (90, 90), Tiling(64, 16, 4), "a.tif"))


def test_sizes_that_are_no_tiling_are_refused():
    with pytest.raises(UserError, match="--overlap 96: is more than half of --tile 128"):
        Tiling(128, 90)
    with pytest.raises(UserError, match="--tile 0 --overlap 0: give numbers of pixels"):
        Tiling(0, 0)


@pytest.mark.parametrize("kind", ["grey", "grey16", "rgb", "rgb16", "rgba", "float"])
def test_rows_of_pixels_are_those_of_the_picture(tmp_path, kind):
    values = photo(70, 50).astype(np.uint16) * 257
    stored = {
        "grey": values[..., 0] // 257,
        "grey16": values[..., 0],
        "rgb": values // 257,
        "rgb16": values,
        "rgba": np.dstack([values, values[..., :1]]) // 257,
        "float": (values[..., 0] / 65535).astype(np.float32),
    }[kind]
    stored = stored if kind.endswith("16") or kind == "float" else stored.astype(np.uint8)
    options = {"extrasamples": ["unassalpha"]} if kind == "rgba" else {}
    photometric = "rgb" if kind.startswith("rgb") else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, tile=(16, 16),
                     compression="zlib", **options)  # fmt: skip
    parts = list(pixel_rows(tmp_path / "a.tif"))
    assert len(parts) == 5
    assert image_size(tmp_path / "a.tif") == (70, 50)
    read = Predictor(local_host(), "cpu").read(tmp_path / "a.tif")
    assert np.array_equal(np.concatenate([part.pixels for part in parts]), read)
