"""fit, evaluate and predict, on one small run."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.cli.main import main
from foveate.files import folder_lock

SMALL = ["--size", "32x48", "--batch", "4", "--encoder", "tu-test_resnet"]
SMALL += ["--options", "{encoder_depth: 2, decoder_channels: [16, 8]}"]
FIT = ["fit", "synthetic:8:32x48", *SMALL, "--epochs", "1", "--precision", "32", "--arm", "se@decoder"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "run"
    assert main([*FIT, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("classes")
    random = np.random.default_rng(0)
    for name, value in (("dark", 40), ("light", 200)):
        folder = root / "data" / name
        folder.mkdir(parents=True)
        for number in range(8):
            pixels = (random.normal(value, 20, (32, 32, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    out = root / "run"
    argv = [
        "fit",
        str(root / "data"),
        "--arch",
        "test_resnet",
        "--epochs",
        "1",
        "--batch",
        "5",
        "--precision",
        "32",
        "--out",
        str(out),
    ]
    assert main(argv) == 0
    return out


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(1)
    for name, size in (("a.png", (40, 52)), ("b.jpg", (33, 21))):
        Image.fromarray(random.integers(0, 255, (*size, 3), dtype=np.uint8)).save(folder / name)
    return folder


def test_fit_leaves_a_run_with_its_scores(run):
    files = {path.name for path in run.iterdir()}
    assert {"spec.yaml", "metrics.csv", "best.safetensors", "config.json", "scores.json"} <= files
    assert json.loads((run / "scores.json").read_text())["split"] == "test"


def test_fit_draws_the_page_of_the_run(run, classifier):
    page = (run / "report.html").read_text()
    assert "se@decoder on synthetic:8:32x48" in page
    for text in ("8 train, 3 val, 3 test", "frames a second", "Pedestrian", "SignSymbol", "drawn on demand"):
        assert text.lower() in page.lower()
    assert page.count('class="exhibit"') == 3
    assert page.count("Errors: scene") == page.count("Prediction: scene") == 3
    assert set(re.findall(r'(?:src|href)="(.{5})', page)) == {"data:"}
    labels = (classifier / "report.html").read_text()
    assert "Balanced" in labels or "balanced accuracy" in labels
    assert re.search(r"% sure: (right|wrong, it is (dark|light))", labels)


def test_training_and_validation_accuracy_are_recorded(run, classifier):
    for folder in (run, classifier):
        (row,) = csv.DictReader((folder / "metrics.csv").open())
        assert 0 <= float(row["train_accuracy"]) <= 1
        assert 0 <= float(row["val_accuracy"]) <= 1


def test_report_refuses_a_folder_without_a_finished_run(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert f"{tmp_path}: holds no run of fit and no comparison" in capsys.readouterr().err


def test_fit_says_what_it_read_and_where_the_run_is_and_resumes(run, capsys):
    assert main([*FIT, "--out", str(run), "--resume"]) == 0
    output = capsys.readouterr().out
    assert "8 train" in output
    assert "fit in memory" in output
    assert "Random changes in training: light: scale 0.75 to 1.5, flip 0.5, color 0.2." in output
    assert "mIoU" in output
    assert output.splitlines()[-1] == str(run)


def test_fit_refuses_a_folder_in_which_another_process_works(tmp_path, capsys):
    with folder_lock(tmp_path):
        assert main([*FIT, "--out", str(tmp_path), "--resume"]) == 2
    assert f"{tmp_path}: another foveate process is writing to this folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_fit_does_not_write_over_a_run(run, capsys):
    before = (run / "best.safetensors").read_bytes()
    assert main([*FIT, "--out", str(run)]) == 2
    assert "exists and is not empty" in capsys.readouterr().err
    assert (run / "best.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--arch", "unett"], "did you mean 'unet'?"),
        (["--encoder", "resnet19"], "'resnet19'; did you mean 'resnet18'?"),
        (["--arm", "sse@decoder"], "unknown attention 'sse'"),
        (["--arm", "se@decodre"], "did you mean 'decoder'?"),
        (["--arm", "se@decoder(reduktion=4)"], "reduction"),
        (["--loss", "dise"], "unknown loss 'dise'; did you mean 'dice'?"),
        (["--size", "small"], "--size: 'small' is not a size"),
        (["--epochs", "0"], "epochs is 0"),
        (["--encoder-weights", "missing.safetensors"], "missing.safetensors"),
        (["--devices", "0"], "--devices: 0 is too few"),
        (["--crop-schedule", "soon:32x32"], "'soon:32x32' is not a stage"),
    ],
)
def test_a_wrong_value_is_reported_before_anything_is_written(flags, words, tmp_path, capsys):
    out = tmp_path / "deep" / "run"
    assert main([*FIT, *flags, "--out", str(out)]) == 2
    output = capsys.readouterr().err
    assert output.startswith("foveate: error: ")
    assert words in output
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--arm", "sse@decoder"], "unknown attention 'sse'"),
        (["--arm", "se@decoder(reduktion=4)"], "did you mean 'reduction'?"),
        (["--arch", "unet", "--arm", "se@decodre"], "did you mean 'decoder'?"),
        (["--arm", "se@decodre"], "Without --arch the host for segmentation is unet: --arm,"),
        (["--loss", "dise"], "did you mean 'dice'?"),
        (
            ["--test-scales", "1", "40"],
            "test_scales is 1.0 40.0; give one or more factors above 0 and up to 4",
        ),
        (["--out", "{tmp}"], "exists and is not empty"),
    ],
)
def test_wrong_flags_are_reported_before_the_data_is_read(flags, words, tmp_path, capsys):
    (tmp_path / "images").mkdir()  # without masks, which reading it would tell
    given = [flag.format(tmp=tmp_path) for flag in flags]
    assert main(["fit", str(tmp_path), "--out", str(tmp_path / "run"), *given]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


@pytest.mark.parametrize("command", ["fit", "compare"])
def test_a_missing_folder_is_reported_before_anything_is_loaded(command, tmp_path):
    argv = [sys.executable, "-X", "importtime", "-m", "foveate", command, str(tmp_path / "nowhere")]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 2
    assert "nowhere: there is no such folder" in done.stderr
    assert not re.search(r"\| +torch$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--arm", "cbam@skip1"],
            ["'skip1'", "Without --arch the host for classification is classifier: --arm,"],
        ),
        (
            ["--options", "{decoder_channels: [16, 8, 8, 8, 4]}"],
            ["'decoder_channels'", "--options must fit it, or --arch"],
        ),
        (["--arch", "unet"], ["has labels but the host 'unet' is for masks; choose an arch (--arch) for"]),
    ],
)
def test_a_host_that_does_not_suit_the_data_names_the_flag(flags, words, classifier, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["fit", str(classifier.parent / "data"), *flags, "--epochs", "1", "--out", str(out)]) == 2
    output = capsys.readouterr().err
    assert all(word in output for word in words)
    assert not out.exists()


@pytest.mark.parametrize("command", ["fit", "compare", "predict"])
@pytest.mark.parametrize("place", ["{tmp}/file/run", "{tmp}/file", "/proc/run"])
def test_an_out_that_cannot_be_written_is_reported(command, place, run, photos, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out = place.format(tmp=tmp_path)
    argv = {
        "fit": FIT,
        "compare": ["compare", "synthetic:8:32x48", *SMALL, "--epochs", "1", "--arms", "se@decoder"],
        "predict": ["predict", str(run), str(photos)],
    }[command]
    assert main([*argv, "--out", out]) == 2
    output = capsys.readouterr().err
    assert output.startswith("foveate: error: ")
    assert output.count("\n") == 1
    assert out in output
    assert "choose another folder" in output or "name another folder" in output or "name a folder" in output
    assert (tmp_path / "file").read_text() == ""


def test_evaluate_prints_every_class(run, capsys):
    assert main(["evaluate", str(run), "--split", "val"]) == 0
    output = capsys.readouterr().out
    assert "images: mIoU" in output
    assert all(name in output for name in ("Sky", "Pole", "Bicyclist"))
    assert (run / "scores-val.json").exists()


def test_evaluate_says_where_the_images_also_chose_the_epoch(run, tmp_path, capsys):
    words = "The best epoch was chosen on these images too"
    assert main(["evaluate", str(run)]) == 0
    assert words not in capsys.readouterr().out
    assert main(["evaluate", str(run), "--split", "val"]) == 0
    assert words in capsys.readouterr().out
    both = tmp_path / "both"
    shutil.copytree(run, both)
    splits = json.loads((both / "splits.json").read_text())
    (both / "splits.json").write_text(json.dumps({**splits, "test": splits["val"]}))
    assert main(["evaluate", str(both)]) == 0
    assert words in capsys.readouterr().out


def test_evaluate_says_how_many_images_of_other_data_the_run_was_trained_with(run, classifier, capsys):
    assert main(["evaluate", str(classifier), str(classifier.parent / "data")]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "14 of these 16 images have names of images that the run was trained with" in output
    assert f"`foveate evaluate {classifier}` scores its own test images" in output


def test_predict_says_where_images_are_instead(run, photos, tmp_path, capsys):
    out = ["--out", str(tmp_path / "masks")]
    assert main(["predict", str(run), str(photos.parent), *out]) == 2
    assert f"did you mean {photos}?" in capsys.readouterr().err
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", photos)
    assert main(["predict", str(run), archive, *out]) == 2
    assert "all.zip: an archive; unpack it" in capsys.readouterr().err
    assert not (tmp_path / "masks").exists()


def test_an_error_in_the_data_points_to_the_doctor(tmp_path, capsys):
    for folder, names in (("images", "ab"), ("masks", "a")):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for name in names:
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "data" / folder / f"{name}.png")
    assert main(["fit", str(tmp_path / "data"), "--out", str(tmp_path / "run")]) == 2
    assert f". `foveate doctor {tmp_path / 'data'}` lists all such problems" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "data"), "--out", str(tmp_path / "data" / "masks")]) == 2
    assert "foveate doctor" not in capsys.readouterr().err, "the data is not at fault"
    shutil.copytree(tmp_path / "data", tmp_path / "all" / "roads")
    shutil.copytree(tmp_path / "data", tmp_path / "all" / "cells")
    assert main(["fit", str(tmp_path / "all"), "--out", str(tmp_path / "run")]) == 2
    assert "holds several datasets: cells (paired), roads (paired)" in (output := capsys.readouterr().err)
    assert "foveate doctor" not in output, "which would say the same"


def test_evaluate_takes_other_data(run, capsys):
    assert main(["evaluate", str(run), "synthetic:6:32x48", "--device", "cpu"]) == 0
    assert "images: mIoU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [(["nowhere"], "nowhere"), (["{run}", "--split", "tset"], "unknown split 'tset'; did you mean 'test'?")],
)
def test_evaluate_reports_wrong_arguments(argv, words, run, capsys):
    assert main(["evaluate", *(word.format(run=run) for word in argv)]) == 2
    assert words in capsys.readouterr().err


def test_predict_writes_ids_colours_and_overlay_at_the_size_of_each_image(run, photos, tmp_path, capsys):
    assert main(["predict", str(run), str(photos), "--out", str(tmp_path / "masks")]) == 0
    assert capsys.readouterr().out.startswith("2 of 2 images predicted")
    for name, size in (("a", (52, 40)), ("b", (21, 33))):
        ids = Image.open(tmp_path / "masks" / f"{name}.png")
        assert (ids.mode, ids.size) == ("L", size)
        assert np.asarray(ids).max() < 11
        assert Image.open(tmp_path / "masks" / f"{name}_color.png").size == size
        assert Image.open(tmp_path / "masks" / f"{name}_overlay.jpg").size == size


def test_predict_replaces_results_only_when_told(run, photos, tmp_path, capsys):
    argv = ["predict", str(run), str(photos / "a.png"), "--out", str(tmp_path / "masks")]
    assert main(argv) == 0
    output = capsys.readouterr().out.splitlines()
    assert (output[0], *output[2:]) == ("1 of 1 images predicted", "", str(tmp_path / "masks"))
    assert output[1].startswith("NAME.png holds class ids")
    (tmp_path / "masks" / "a.png").write_text("mine")
    assert main(argv) == 2
    output = capsys.readouterr().err
    assert f"{tmp_path / 'masks' / 'a.png'} and 2 more of the results are there already" in output
    assert (tmp_path / "masks" / "a.png").read_text() == "mine"
    assert main([*argv, "--overwrite"]) == 0
    assert Image.open(tmp_path / "masks" / "a.png").size == (52, 40)


def test_predict_leaves_out_and_reports_files_that_are_not_images(run, photos, tmp_path, capsys):
    (photos / "broken.png").write_text("no image")
    assert main(["predict", str(run), str(photos), "--out", str(tmp_path / "masks")]) == 2
    output = capsys.readouterr()
    assert "left out: " in output.err
    assert "broken.png" in output.err
    assert output.out.startswith("2 of 3 images predicted, 1 left out")
    assert not list((tmp_path / "masks").glob("broken*"))
    assert (tmp_path / "masks" / "a.png").exists()


def test_predict_keeps_images_of_one_name_apart(run, photos, tmp_path):
    Image.open(photos / "a.png").save(photos / "a.jpg")
    assert main(["predict", str(run), str(photos), "--out", str(tmp_path / "masks")]) == 0
    assert {"a.png.png", "a.jpg.png", "b.png"} <= {path.name for path in (tmp_path / "masks").iterdir()}


@pytest.mark.parametrize(
    "names",
    [
        ("a.jpg", "a_color.png"),
        ("a.png", "a.jpg", "a.jpg.png", "a.jpg.bmp"),
        ("a.png", "a_color.png", "a_color_color.png", "a_overlay.png"),
        ("a.png", "a.jpg", "a_jpg.png"),
    ],
)
def test_predict_writes_no_file_twice(names, run, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate(names, start=20):
        Image.new("RGB", (number, number)).save(photos / name)
    assert main(["predict", str(run), str(photos), "--out", str(tmp_path / "masks")]) == 0
    sizes = [Image.open(path).width for path in (tmp_path / "masks").iterdir()]
    assert sorted(sizes) == sorted([*range(20, 20 + len(names))] * 3)


def test_predict_ignores_hidden_files(run, photos, tmp_path, capsys):
    (photos / "._a.png").write_bytes(b"what macOS leaves beside a.png")
    assert main(["predict", str(run), str(photos), "--out", str(tmp_path / "masks")]) == 0
    assert capsys.readouterr().out.startswith("2 of 2 images predicted")


def test_predict_never_writes_among_the_images(run, photos, capsys):
    before = sorted(photos.iterdir())
    for images in (photos, photos / "a.png"):
        assert main(["predict", str(run), str(images), "--out", str(photos)]) == 2
        assert "holds the images" in capsys.readouterr().err
    assert sorted(photos.iterdir()) == before


@pytest.mark.parametrize(
    ("images", "words"), [("nothing", "no such image or folder"), ("empty", "holds no images")]
)
def test_predict_reports_missing_images(images, words, run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(run), str(tmp_path / images), "--out", str(tmp_path / "masks")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "masks").exists()


def test_a_classifier_is_trained_scored_and_writes_a_table(classifier, photos, tmp_path, capsys):
    assert main(["evaluate", str(classifier)]) == 0
    assert "images: accuracy" in capsys.readouterr().out
    assert main(["predict", str(classifier), str(photos), "--out", str(tmp_path / "labels")]) == 0
    rows = list(csv.DictReader((tmp_path / "labels" / "predictions.csv").open()))
    assert [row["image"] for row in rows] == ["a.png", "b.jpg"]
    for row in rows:
        assert row["label"] in ("dark", "light")
        assert float(row["dark"]) + float(row["light"]) == pytest.approx(1, abs=1e-5)
        assert float(row["confidence"]) == max(float(row["dark"]), float(row["light"]))
