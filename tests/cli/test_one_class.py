"""One named class of a dataset, through every command: it is told from the rest of the pixels or images."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.cli.main import main
from foveate.models.checkpoints import load_model
from foveate.prediction.predictor import load

from ..data.published.imitations import IMITATIONS

SMALL = ["--size", "32x32", "--batch", "4", "--epochs", "1", "--workers", "0", "--precision", "32"]
SMOOTH = [*SMALL, "--arch", "smooth_unet", "--encoder", "tu-test_resnet"]
UNET = [
    *SMALL,
    "--encoder",
    "tu-test_resnet",
    "--options",
    '{"encoder_depth": 2, "decoder_channels": [16, 8]}',
]


@pytest.fixture(scope="module")
def fire(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fsid")
    IMITATIONS["fsid"](root)
    return root


@pytest.fixture(scope="module")
def comparison(fire, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "c"
    given = [*SMOOTH, "--gate", "none", "--loss", "bce", "--arms", "smooth@encoder5", "--no-placebo"]
    command = ["compare", str(fire), "--classes", "fire", *given, "--seeds", "2", "--out", str(out)]
    assert main(command) == 0
    return out


@pytest.fixture(scope="module")
def run(comparison) -> Path:
    return comparison / "runs/smooth@encoder5/seed0"


def names(scores: Path) -> list[str]:
    return [row["name"] for row in json.loads(scores.read_text())["classes"]]


def test_compare_trains_one_logit_where_the_work_has_one_and_reports_the_class(comparison, run):
    model = load_model(run)
    assert model.network.segmentation_head[0].out_channels == 1
    assert (model.config["classes"], model.notes["classes"]) == (2, ["rest", "fire"])
    assert json.loads((comparison / "comparison.json").read_text())["classes"] == ["rest", "fire"]
    assert "fire" in (comparison / "report.html").read_text()


def test_evaluate_scores_other_data_with_the_class(run, fire, make, capsys):
    assert main(["evaluate", str(run), "--split", "val"]) == 0
    assert names(run / "scores-val.json") == ["rest", "fire"]
    assert main(["evaluate", str(run), "--data", str(make.pairs())]) == 0  # masks without names
    assert "fire" in capsys.readouterr().out


def test_predict_writes_masks_of_0_and_1(run, fire, tmp_path):
    image = fire / "Image/Fire/Img_0.jpg"
    assert main(["predict", str(run), str(image), "--out", str(tmp_path / "output")]) == 0
    ids = np.asarray(Image.open(next((tmp_path / "output").rglob("*Img_0.png"))))
    prediction = load(run).predict(image, probabilities=True)
    assert set(np.unique(ids)) <= {0, 1}
    assert np.array_equal(ids, prediction.probabilities[1] > 0.5)
    assert prediction.classes == ("rest", "fire")


def test_inspect_draws_the_class(run, tmp_path):
    out = tmp_path / "seen"
    assert main(["inspect", str(run), "--limit", "1", "--out", str(out)]) == 0
    assert (out / "index.html").is_file()


@pytest.mark.parametrize(
    ("source", "name", "flags"),
    [
        ("kvasir_instrument", "instrument", [*UNET, "--class-weights", "enet"]),
        ("lits", "tumour", [*SMOOTH, "--test-flip"]),
        ("cassava", "Healthy", [*SMALL, "--arch", "mobilenetv3_small_050"]),
    ],
)
def test_a_class_of_any_dataset(source, name, flags, tmp_path):
    IMITATIONS[source](tmp_path / source)
    out = str(tmp_path / "run")
    assert main(["fit", str(tmp_path / source), "--classes", name, *flags, "--out", out]) == 0
    assert main(["evaluate", out, "--split", "train"]) == 0
    assert names(tmp_path / "run/scores-train.json") == ["rest", name]
    prediction = load(out).predict(np.zeros((20, 30, 3), np.uint8))
    assert prediction.classes == ("rest", name)
