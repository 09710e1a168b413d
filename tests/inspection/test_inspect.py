"""From a run to figures and numbers, on one small run with two mechanisms."""

import base64
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.errors import UserError
from foveate.inspection.image import inspect_image
from foveate.inspection.inspect import Drawing, Inspection, inspect
from foveate.inspection.record import record
from foveate.inspection.subjects import cell_of, coverage, default_pixels, sampled_rows
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor, load
from foveate.report.inspection import write_page
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.run import fit

SMALL = {"decoder_channels": [16, 16, 8, 8, 8]}
PHOTO = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inspect") / "run"
    model = ModelSpec("unet", "tu-test_resnet", arm="smooth@encoder5+cbam@decoder", options=SMALL)
    data = DataSpec("synthetic:6:64x64", size=(64, 64), batch=3)
    fit(RunSpec(data, model, TrainingSpec(epochs=1, precision="32")), folder)
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(PHOTO).save(folder / name)
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_runs_own_images_come_with_their_truth_and_every_figure(run, tmp_path):
    found = inspect(run, tmp_path, limit=1)
    ((name, drawings),) = found.drawings.items()
    pairs = ["pixels", "matrix", "surface", "scatter", "bars", "bubbles", "grid", "cumulative", "smoothing"]
    assert names(tmp_path) == {
        f"{name}/panels.png",
        f"{name}/maps.npz",
        f"{name}/maps.json",
        f"{name}/cbam@decoder/channels.png",
        f"{name}/cbam@decoder/spatial.png",
        *(f"{name}/smooth@encoder5/{figure}.png" for figure in pairs),
    }
    assert {drawing.attention for drawing in drawings} == {"", "smooth@encoder5", "cbam@decoder"}
    assert (found.available, found.arm) == (3, "smooth@encoder5+cbam@decoder")
    assert all(Image.open(drawing.path).width > 400 for drawing in drawings)


def test_the_numbers_are_those_of_the_mechanisms(run, tmp_path, photos):
    inspect(run, tmp_path / "out", photos / "a.png", pixels=[(80, 10)], figures=["spatial"])
    arrays = np.load(tmp_path / "out/a/maps.npz")
    about = json.loads((tmp_path / "out/a/maps.json").read_text())
    predictor = load(run, "cpu")
    with record(predictor.model, queries=lambda h, w: torch.tensor([2 * (80 * 2 // 90) // 2])) as recording:
        predictor.predict(PHOTO)
    (pairs,), (channel, spatial) = recording.maps["smooth@encoder5"], recording.maps["cbam@decoder"]
    assert np.array_equal(arrays["cbam@decoder-1-channel"], channel.values[0])
    assert np.array_equal(arrays["cbam@decoder-2-spatial"], spatial.values[0])
    found = arrays["smooth@encoder5-1-pairwise"]
    meaning = about["maps"]["smooth@encoder5-1-pairwise"]
    assert (about["size"], meaning["grid"], meaning["pixels"]) == ([90, 70], [2, 2], [[80, 10]])
    assert meaning["queries"] == [2, 0, 1, 2, 3]
    assert list(found.shape) == meaning["shape"] == [1, 5, 4]
    assert np.array_equal(found[:, 0], found[:, 3])
    beside = {f"{name}-{extra}" for name, map in about["maps"].items() for extra in map.get("beside", [])}
    assert {*about["maps"], *beside} == set(arrays.files)
    assert beside == {"smooth@encoder5-1-pairwise-raw"}
    assert pairs.grid == (2, 2)


def test_images_are_drawn_without_truth_and_those_that_cannot_be_read_are_left_out(run, tmp_path, photos):
    calls = []
    (photos / "b.png").write_text("no image")
    found = inspect(
        run, tmp_path / "out", photos, figures=["panels"], progress=lambda *now: calls.append(now)
    )
    assert list(found.drawings) == ["a"]
    assert calls == [(1, 2, "a"), (2, 2, "b")]
    assert names(tmp_path / "out") == {"a/panels.png", "a/maps.npz", "a/maps.json"}
    assert "b.png: not an image" in str(found.left_out[0])


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"pixels": [(90, 0)]}, "pixel 90,0 lies outside a, which is 90x70 .*rows from 0 to 89"),
        ({"figures": ["matrx"]}, "unknown figure 'matrx'; did you mean 'matrix'?"),
        ({"figures": ["mask"]}, "none of mask suits .* choose from: bars, bubbles, channels,"),
        ({"limit": 0}, "limit is 0; at least 1 image"),
        ({"images": "nowhere"}, "nowhere: there is no such folder"),
        ({"images": None, "split": "tset"}, "unknown split 'tset'; did you mean 'test'?"),
    ],
)
def test_wrong_arguments_raise_and_write_nothing(about, words, run, tmp_path, photos):
    with pytest.raises(UserError, match=words):
        inspect(run, tmp_path / "out", **{"images": photos, **about})
    assert not (tmp_path / "out").exists()


def test_a_model_without_attention_has_a_view_and_no_maps():
    view, maps = inspect_image(
        Predictor(create_model("unet", "tu-test_resnet", classes=3, **SMALL), "cpu"), "photo", PHOTO
    )
    assert (view.size, view.prediction.mask.shape, maps) == ((90, 70), (90, 70), [])


def test_maps_of_a_padded_image_cover_more_than_the_image():
    model = create_model("unet", "tu-test_resnet", classes=3, arm="se@encoder2+cbam@logits", **SMALL)
    _, maps = inspect_image(Predictor(model, "cpu"), "photo", PHOTO)
    covers = {(recorded.label, recorded.map.kind): recorded.covers for recorded in maps}
    assert covers["se@encoder2", "channel"] == (90 / 96, 70 / 96)
    assert covers["cbam@logits", "spatial"] == (1.0, 1.0)
    assert [recorded.gate for recorded in maps] == [0.0, 0.0, 0.0]


def test_patches_across_levels_cover_the_part_of_the_image_they_were_cut_from():
    model = create_model(
        "unet", "tu-test_resnet", classes=3, arm="afma@logits(level=1,patch_size=4)", **SMALL
    )
    _, (recorded,) = inspect_image(
        Predictor(model, "cpu"), "photo", PHOTO[:, :54], pixels=[(10, 10), (89, 53)]
    )
    found = recorded.map
    assert (found.grid, found.feature_grid, found.queries[:2].tolist()) == ((22, 13), (11, 6), [28, 285])
    assert recorded.covers == (90 / 88, 54 / 52)
    assert recorded.key_covers == (90 / 88, 54 / 48)


def test_pixels_and_cells():
    assert cell_of((89, 69), (90, 70), (3, 3), (90 / 96, 70 / 96)) == 8
    assert coverage((90, 70), (90, 70), (96, 96)) == (1.0, 1.0)
    assert default_pixels((1, 1)) == ((0, 0),)
    rows = sampled_rows(100, 100)
    assert len(rows) == 64
    assert (rows.diff() > 0).all()


def test_the_page_holds_every_figure_and_needs_nothing_else(tmp_path):
    path = tmp_path / "b" / "panels.png"
    path.parent.mkdir()
    Image.fromarray(PHOTO).save(path)
    drawing = Drawing(path, "panels", "", "the image")
    page = write_page(Inspection("runs/a", "se@<b>", tmp_path, 4, {"<b>&": [drawing]})).read_text()
    data = base64.b64encode(path.read_bytes()).decode()
    assert f'src="data:image/png;base64,{data}"' in page
    assert 'href="b/panels.png"' in page
    assert "1 of 4" in page
    assert "http" not in page
    assert "<b>" not in page


def test_links_of_the_page_lead_to_files_whatever_their_names(tmp_path):
    folders = [
        "a b#1%20",
        "\u65e5\u672c",
        "q'uote",
        "semi;colon",
        "amp&lt",
        "tab\tname",
        "new\nline",
        "-dash",
        "trail ",
    ]
    drawings = {}
    for name in folders:
        path = tmp_path / name / "panels.png"
        path.parent.mkdir()
        Image.fromarray(PHOTO).save(path)
        drawings[name] = [Drawing(path, "panels", "", "the image")]
    page = write_page(Inspection("runs/a", "se", tmp_path, 9, drawings)).read_text()
    links = [unquote(unescape(link)) for link in re.findall(r'href="([^"#]+)"', page)]
    assert {f"{name}/panels.png" for name in folders} <= set(links)
