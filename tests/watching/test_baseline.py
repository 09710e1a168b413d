"""The signs of a run's validation images, kept with the run, and what `predict` tells of new images."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from foveate.api.pack import pack
from foveate.cli.main import main
from foveate.data.synthetic.streets import draw_scene
from foveate.errors import UserError
from foveate.prediction.predictor import Predictor, load
from foveate.watching.baseline import baseline_of, make_baseline, read_baseline
from foveate.watching.drift import drift
from foveate.watching.signs import Signs, signs_of
from foveate.watching.watcher import watched_batch, watched_prediction


def scene(number: int) -> np.ndarray:
    return draw_scene(number, size=(32, 48))[0]


def dark(image: np.ndarray) -> np.ndarray:
    return (image * 0.6).astype(np.uint8)


def blurred(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.5)))


def tinted(image: np.ndarray) -> np.ndarray:
    return (image * np.array([1.0, 0.8, 0.6])).astype(np.uint8)


def same(image: np.ndarray) -> np.ndarray:
    return image


def signs_of_scenes(predictor: Predictor, change) -> list[Signs]:
    images = torch.cat([predictor.prepared(change(scene(n))) for n in range(400, 440)])
    return [
        signs_of(image[None], p, (32, 48), predictor.classes, changes)
        for image, (p, changes) in zip(images, watched_batch(predictor, images), strict=True)
    ]


def folder(root: Path, change, count: int = 16) -> Path:
    root.mkdir()
    for number in range(300, 300 + count):
        Image.fromarray(change(scene(number))).save(root / f"{number}.png")
    return root


def test_fit_keeps_the_signs_of_the_validation_images(run):
    baseline = read_baseline(run)
    assert len(baseline.images) == 12
    names = baseline.images[0].values
    assert {"brightness", "sharpness", "confidence", "uncertain"} < set(names)
    assert any(name.startswith("attention se@decoder") for name in names)
    assert sum(v for name, v in names.items() if name.startswith("share of")) == pytest.approx(1)
    assert sum(baseline.images[0].confidence) == pytest.approx(1)


def test_signs_do_not_change_the_prediction(run):
    predictor, image = load(run, "cpu"), scene(7)
    watched, _ = watched_prediction(predictor, image)
    plain = predictor.predict(image)
    np.testing.assert_array_equal(watched.mask, plain.mask)
    np.testing.assert_array_equal(watched.confidence, plain.confidence)


def test_drift_of_images_is_found_and_none_where_there_is_none(run):
    """Over 20 random divisions of drawn streets into 20 before and 20 now, at the defaults."""
    predictor = load(run, "cpu")
    signs = {change: signs_of_scenes(predictor, change) for change in (same, dark, blurred, tinted)}
    generator = np.random.default_rng(0)
    found = dict.fromkeys(signs, 0)
    for _ in range(20):
        order = generator.permutation(40)
        before = [signs[same][n] for n in order[:20]]
        for change, all_signs in signs.items():
            found[change] += any(sign.found for sign in drift(before, [all_signs[n] for n in order[20:]]))
    assert found[same] <= 1
    assert min(found[dark], found[blurred], found[tinted]) >= 18, found


@pytest.mark.parametrize(("change", "code", "words"), [(same, 0, "No drift"), (dark, 1, "brightness: index")])
def test_predict_tells_of_a_folder(run, tmp_path, capsys, change, code, words):
    photos = folder(tmp_path / "photos", change)
    command = [
        "predict",
        str(run),
        str(photos),
        "--out",
        str(tmp_path / "out"),
        "--check-drift",
        "--device",
        "cpu",
    ]
    assert main(command) == code
    assert words in capsys.readouterr().out


def test_a_few_images_are_refused_before_anything_is_written(run, tmp_path, capsys):
    photos = folder(tmp_path / "photos", same, count=3)
    assert main(["predict", str(run), str(photos), "--out", str(tmp_path / "out"), "--check-drift"]) == 2
    assert "from 3 new images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_packed_run_holds_its_baseline(run, tmp_path):
    packed = pack(run, tmp_path / "a.zip").path
    assert baseline_of(packed) == read_baseline(run).images


def test_a_baseline_of_other_weights_is_made_anew(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "a")
    weights = copy / "best.safetensors"
    told = json.loads((copy / "baseline.json").read_text())
    (copy / "baseline.json").write_text(json.dumps({**told, "weights": "0" * 64}))
    assert read_baseline(copy) is None
    assert make_baseline(copy) == read_baseline(run)
    assert weights.is_file()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"weights": "a", "images": 3}', "[" * 10_000])
def test_a_damaged_baseline_is_named(run, tmp_path, text):
    copy = shutil.copytree(run, tmp_path / "a")
    (copy / "baseline.json").write_text(text)
    with pytest.raises(UserError, match=r"baseline.json cannot be read"):
        read_baseline(copy)


def test_an_exported_file_is_told_to_name_its_run(tmp_path):
    with pytest.raises(UserError, match="--baseline"):
        read_baseline(tmp_path / "a.onnx")
