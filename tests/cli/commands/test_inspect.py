"""`foveate inspect` on a model with attention, saved as a run is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.api.pack import pack
from foveate.cli.main import main
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, arm in (("se", "se@decoder(reduction=4)"), ("none", "none")):
        (folder / name).mkdir()
        model = create_model("unet", "tu-test_resnet", classes=2, arm=arm, decoder_channels=[16, 16, 8, 8, 8])
        save_model(model, folder / name)
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 52, 3), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(folder / name)
    return folder


def test_it_ends_with_the_page_and_says_how_many(runs, photos, tmp_path, capsys):
    out = tmp_path / "looks"
    argv = ["inspect", str(runs / "se"), str(photos), "--out", str(out), "--limit", "1"]
    assert main(argv) == 0
    output = capsys.readouterr().out.splitlines()
    assert output == ["1 of 2 images, 2 figures of se@decoder(reduction=4)", str(out / "index.html")]
    assert (out / "a/se@decoder/channels.png").is_file()

    assert main(argv) == 2
    output = capsys.readouterr().err
    assert f"--out: {out / 'a'} and 1 more of the results are there already" in output
    assert "add --overwrite" in output
    assert main([*argv, "--overwrite", "--figures", "panels"]) == 0


def test_a_packed_run_is_inspected_as_the_run(runs, photos, tmp_path, capsys):
    packed = pack(runs / "se", tmp_path / "se.zip").path
    argv = ["inspect", str(packed), str(photos), "--out", str(tmp_path / "looks"), "--figures", "panels"]
    assert main(argv) == 0
    assert "figures of se@decoder(reduction=4)" in capsys.readouterr().out
    assert main(["inspect", str(packed), "--out", str(tmp_path / "other")]) == 2
    assert f"{packed}: does not say which images are its own" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_an_image_that_cannot_be_read_is_reported(runs, photos, tmp_path, capsys):
    (photos / "b.png").write_text("no image")
    out = tmp_path / "looks"
    assert main(["inspect", str(runs / "se"), str(photos), "--out", str(out), "--figures", "panels"]) == 2
    output = capsys.readouterr()
    assert "left out: " in output.err
    assert output.out.splitlines()[-1] == str(out / "index.html")


@pytest.mark.parametrize(
    ("run", "flags", "words"),
    [
        ("none", [], "the run has no attention to look at (its arm is none); inspect one with an arm"),
        ("se", ["--pixels", "3x4"], "--pixels: '3x4' is not a pixel; write ROW,COLUMN"),
        ("se", ["--pixels", "40,0"], "pixel 40,0 lies outside a, which is 40x52"),
        ("se", ["--figures", "surfaces"], "unknown figure 'surfaces'; did you mean 'surface'?"),
        ("gone", [], "there is no such file or folder; give the folder of a trained run"),
    ],
)
def test_wrong_flags_are_reported_and_leave_no_folder(run, flags, words, runs, photos, tmp_path, capsys):
    out = tmp_path / "looks"
    assert main(["inspect", str(runs / run), str(photos), "--out", str(out), *flags]) == 2
    output = capsys.readouterr().err
    assert output.startswith("foveate: error: ")
    assert words in output
    assert not out.exists()


def test_figures_never_land_among_the_images(runs, photos, capsys):
    assert main(["inspect", str(runs / "se"), str(photos), "--out", str(photos)]) == 2
    assert "holds the images" in capsys.readouterr().err
    assert len(list(photos.iterdir())) == 2
