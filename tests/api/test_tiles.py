"""Images in tiles, from the file to the mask, through kills and repetitions."""

import json
import os
import signal

import numpy as np
import pytest
import rasterio
import tifffile
import torch
from PIL import Image

from foveate.api import tiles
from foveate.api.predict import predict
from foveate.errors import UserError
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.prediction.predictor import load

PLACE = (rasterio.transform.from_origin(600_000, 5_000_000, 10, 10), "EPSG:32633")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose network sees at most 8 pixels to each side."""
    torch.manual_seed(0)
    model = create_model("unet", "tu-test_resnet", classes=3, encoder_depth=1, decoder_channels=[8])
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data.mul_(1.5)
    folder = tmp_path_factory.mktemp("run")
    save_model(model, folder)
    return folder


@pytest.fixture
def photo(tmp_path):
    """A georeferenced photo of 200 x 150 pixels."""
    path = tmp_path / "map.tif"
    values = np.random.default_rng(0).integers(0, 256, (3, 200, 150), dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", width=150, height=200, count=3, dtype="uint8", photometric="rgb",
        tiled=True, blockxsize=32, blockysize=32, compress="deflate", transform=PLACE[0], crs=PLACE[1],
    ) as file:  # fmt: skip
        file.write(values)
    return path


def test_the_mask_of_tiles_is_that_of_the_whole_and_keeps_the_place(run, photo, tmp_path):
    done = predict(run, photo, tmp_path / "out", tile=96, overlap=32)
    assert done.left_out == ()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["map.tif"]
    assert "map.tif: 200 x 150 pixels (height x width) in 6 tiles of 96, which overlap by 32" in done.notes[0]
    with rasterio.open(tmp_path / "out" / "map.tif") as file:
        mask, palette = file.read(1), file.colormap(1)
        assert (file.transform, file.crs.to_string()) == PLACE
    network = load(run)
    assert np.array_equal(mask, network.predict(photo).mask)
    assert len(np.unique(mask)) > 1
    assert palette[1][:3] == network.colors[1]


def test_bands_are_predicted_in_tiles_as_whole(tmp_path):
    from foveate.data.bands import BandScale
    from foveate.data.dataset import BandSet
    from foveate.plain import to_plain

    model = create_model(
        "unet", "tu-test_resnet", classes=3, in_channels=2, encoder_depth=1, decoder_channels=[8]
    )
    scale = BandScale(BandSet(("a", "b"), (3, 1), 4), (0.0, 0.0), (9e3, 9e3), (0.5, 0.5), (0.3, 0.3))
    model.notes = {"bands": to_plain(scale)}
    (tmp_path / "run").mkdir()
    save_model(model, tmp_path / "run")
    values = np.random.default_rng(0).integers(0, 9000, (150, 120, 4), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", planarconfig="contig",
                     tile=(32, 32), extratags=[(42113, "s", 0, "17", True)])  # fmt: skip
    predict(tmp_path / "run", tmp_path / "a.tif", tmp_path / "out", tile=96, overlap=32)
    whole = load(tmp_path / "run").predict(tmp_path / "a.tif").mask
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "a.tif"), whole)


def test_an_image_beyond_the_memory_is_cut_without_being_asked(run, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "BYTES_PER_PIXEL", 10**12)
    monkeypatch.setattr(tiles, "TILE", 96)
    done = predict(run, photo, tmp_path / "out")
    assert "in 6 tiles of 96, which overlap by 24" in done.notes[0]
    assert predict(run, photo, tmp_path / "npz", format="npz").left_out == ()
    with np.load(tmp_path / "npz" / "map.npz") as file:
        assert np.array_equal(file["mask"], tifffile.imread(tmp_path / "out" / "map.tif"))


@pytest.mark.parametrize("step", [2, 3])
def test_a_killed_command_is_continued_at_the_row_of_tiles_that_it_had_reached(
    step, run, photo, tmp_path, begin
):
    whole = predict(run, photo, tmp_path / "whole", tile=64, overlap=16)
    code = (
        "import os, signal\n"
        "from foveate.api import tiles\n"
        "from foveate.api.predict import predict\n"
        "written, real = [], os.fsync\n"
        "def fsync(file):\n"
        "    real(file)\n"
        "    written.append(file)\n"
        "    if len(written) == step:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = fsync\n"
        "predict(run, photo, out, tile=64, overlap=16)\n"
    )
    process = begin(code, run=str(run), photo=str(photo), out=str(tmp_path / "out"), step=step)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".map.tiles"]
    again = predict(run, photo, tmp_path / "out", tile=64, overlap=16)
    # The second file to be written is the state of the first row of tiles, the third the next rows.
    assert (", continued at row 48" in again.notes[0]) == (step > 2)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["map.tif"]
    assert (tmp_path / "out" / "map.tif").read_bytes() == (whole.folder / "map.tif").read_bytes()


@pytest.mark.parametrize("change", ["image", "tiles", "network", "state"])
def test_unfinished_work_of_something_else_is_not_continued(change, run, photo, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("foveate.api.masks_out.MasksOut.add_tiled", stop)
    with pytest.raises(KeyboardInterrupt):
        predict(run, photo, tmp_path / "out", tile=96, overlap=32)
    monkeypatch.undo()
    work = tmp_path / "out" / ".map.tiles"
    assert json.loads((work / "state.json").read_text())["rows"] == 200
    tile = 96
    if change == "image":
        os.utime(photo, ns=(1, 1))
    elif change == "network":
        os.utime(run / "best.safetensors", ns=(1, 1))
    elif change == "tiles":
        tile = 128
    else:
        (work / "state.json").write_text('{"rows": ')
        (work / "mask.rows").write_bytes(b"")
    done = predict(run, photo, tmp_path / "out", tile=tile, overlap=32)
    assert "continued" not in done.notes[0]
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "map.tif"), load(run).predict(photo).mask)


def test_a_file_that_ends_early_is_left_out_and_nothing_is_half_written(run, photo, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(photo.read_bytes()[:-20_000])
    done = predict(run, broken, tmp_path / "out", tile=64, overlap=16)
    assert "broken.tif: the image is damaged or truncated" in str(*done.left_out)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == []


def test_what_takes_no_tiles_is_said(fitted, run, photo, tmp_path):
    with pytest.raises(UserError, match="'bmp'"):
        predict(run, photo, tmp_path / "out", format="bmp")
    done = predict(run, photo, tmp_path / "out", tile=64, overlap=60)
    assert "more than half of --tile 64" in str(*done.left_out)


def test_progress_goes_on_within_an_image(run, photo, tmp_path):
    said = []
    predict(run, photo, tmp_path / "out", tile=96, overlap=32,
            progress=lambda done, total, name: said.append(round(done, 2)))  # fmt: skip
    assert said == [0.17, 0.33, 0.5, 0.67, 0.83, 1.0, 1.0]


def test_photographs_of_other_kinds_are_cut_too(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (120, 100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    predict(run, tmp_path / "a.png", tmp_path / "out", tile=64, overlap=32)
    with Image.open(tmp_path / "out" / "a.tif") as mask:
        assert np.array_equal(np.asarray(mask), load(run).predict(pixels).mask)
