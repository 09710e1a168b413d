"""Images of several bands, from training to prediction."""

import json

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from foveate.api.compare import compare
from foveate.data.bands import BandScale
from foveate.errors import UserError
from foveate.evaluation.evaluate import evaluate
from foveate.inspection.inspect import inspect
from foveate.loading.module import DataModule
from foveate.plain import from_json
from foveate.prediction.predictor import load
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.run import fit

OPTIONS = {"encoder_depth": 2, "decoder_channels": [8, 8]}


def write(root, bands: int, count: int = 8):
    (root / "images").mkdir(parents=True), (root / "masks").mkdir()
    random = np.random.default_rng(bands)
    for number in range(count):
        values = random.integers(0, 4000, (32, 32, bands)).astype(np.uint16)
        mask = np.zeros((32, 32), np.uint8)
        mask[: 8 + number] = 1
        values[..., -1] = 500 + 3000 * mask.astype(np.uint16)
        tifffile.imwrite(
            root / f"images/{number}.tif", values, photometric="minisblack", planarconfig="contig"
        )
        Image.fromarray(mask).save(root / f"masks/{number}.png")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data"), 6)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    spec = RunSpec(
        DataSpec(str(data), size=(32, 32), batch=2, rotation=20.0),
        ModelSpec("unet", "tu-test_resnet", "none", arm="se@decoder", options=OPTIONS),
        TrainingSpec(epochs=1),
    )
    fit(spec, out)
    return out


def test_the_network_has_as_many_inputs_as_there_are_bands(run, data):
    predictor = load(run, "cpu")
    assert predictor.model.config["in_channels"] == 6
    module = DataModule(DataSpec(str(data), size=(32, 32), batch=2))
    assert predictor.facts.bands == module.scale
    assert predictor.model.config["mean"] == pytest.approx(module.scale.mean)
    assert predictor.model.config["std"] == pytest.approx(module.scale.std)


def test_evaluation_prediction_and_inspection_see_what_training_saw(run, data, tmp_path):
    assert evaluate(run, device="cpu").images == 1
    assert evaluate(run, data, device="cpu").images == 8
    predictor = load(run, "cpu")
    module = DataModule(
        DataSpec(str(data), size=(32, 32), batch=1), scale=predictor.facts.bands, to_score=True
    )
    batch = next(iter(module.eval_dataloader("test")))
    path = data / "images" / f"{batch['stem'][0]}.tif"
    assert torch.equal(predictor.prepared(predictor.read(path)), batch["image"])
    found = predictor.predict(path).mask
    values = tifffile.imread(path)
    for same in (
        values,
        np.moveaxis(values, -1, 0),
        values.astype(np.float32),
        torch.from_numpy(values.astype(np.int32)),
    ):
        assert np.array_equal(predictor.predict(same).mask, found)
    drawn = inspect(run, tmp_path / "looks", path, figures=["panels"], device="cpu")
    assert (tmp_path / "looks" / path.stem / "panels.png").is_file()
    assert not drawn.left_out


def test_images_in_memory_and_from_disk_are_the_same(data):
    kept = DataModule(DataSpec(str(data), size=(16, 24), batch=3), seed=1)
    read = DataModule(DataSpec(str(data), size=(16, 24), batch=3, memory_gb=0.0, workers=0), seed=1)
    assert (kept.in_memory, read.in_memory) == (True, False)
    for one, other in zip(kept.train_dataloader(), read.train_dataloader(), strict=True):
        assert one["image"].shape == (3, 6, 16, 24)
        assert torch.equal(one["image"], other["image"])


def test_other_bands_are_refused(run, data, tmp_path):
    five = write(tmp_path / "five", 5, 4)
    with pytest.raises(UserError, match=r"has images of 5 bands, but .* was trained on images of 6 bands"):
        evaluate(run, five, device="cpu")
    predictor = load(run, "cpu")
    with pytest.raises(UserError, match=r"0\.tif: has 5 bands, and the run was trained on images of 6"):
        predictor.predict(five / "images/0.tif")
    with pytest.raises(UserError, match="the array: has 3 bands, and the run was trained on images of 6"):
        predictor.predict(Image.new("RGB", (32, 32)))


def test_values_of_any_size_can_be_recorded(run):
    notes = json.loads((run / "config.json").read_text())["notes"]["bands"]
    notes["high"] = [1e30] * 6
    assert from_json(BandScale, notes).high[0] == 1e30


def test_arms_are_compared_on_bands_with_a_report(data, tmp_path):
    out = tmp_path / "comparison"
    small = {"size": (32, 32), "batch": 4, "encoder": "tu-test_resnet", "encoder_weights": "none"}
    small |= {"options": OPTIONS, "seeds": 2, "epochs": 1, "folds": 0}
    compare(data, ["none", "se@decoder"], out=out, jobs=1, **small)
    assert (out / "report.html").is_file()
    with np.load(out / "gallery.npz", allow_pickle=False) as gallery:
        assert gallery["0/image"].shape == (32, 32, 3)
