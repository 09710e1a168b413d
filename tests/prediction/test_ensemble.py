import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import foveate
from foveate.api.pack import pack
from foveate.cli.main import main
from foveate.data.bands import BandScale
from foveate.data.dataset import BandSet
from foveate.errors import UserError
from foveate.models.checkpoints import load_model, save_model
from foveate.models.create import create_model
from foveate.plain import to_plain
from foveate.prediction.ensemble import Ensemble, Member

TINY = {"encoder_depth": 1, "decoder_channels": [8]}
IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def save(folder: Path, seed: int, classes=("sky", "road", "car"), size=(16, 24), **notes) -> Path:
    torch.manual_seed(seed)
    model = create_model("unet", "tu-test_resnet", encoder_weights=None, classes=len(classes), **TINY)
    model.notes = {"classes": list(classes), "size": list(size), **notes}
    folder.mkdir(parents=True)
    save_model(model, folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("arm")
    return [save(root / f"seed{seed}", seed) for seed in range(3)]


def probabilities(*runs, **options):
    source = runs[0] if len(runs) == 1 else list(runs)
    return foveate.load(source, "cpu", **options).predict(IMAGE, probabilities=True).probabilities


def test_an_ensemble_predicts_the_mean_of_its_runs(runs):
    apart = [probabilities(run) for run in runs]
    assert np.allclose(probabilities(*runs), np.mean(apart, axis=0), atol=1e-6)
    weighted = probabilities(*runs, weights=[2, 1, 1])
    assert np.allclose(weighted, np.average(apart, axis=0, weights=[2, 1, 1]), atol=1e-6)
    large = probabilities(*runs, weights=[1.6e308, 0.8e308, 0.8e308])
    assert np.allclose(large, weighted, atol=1e-6)
    only = probabilities(*runs, weights=[0, 5, 0])
    assert np.allclose(only, apart[1], atol=1e-6)


def test_a_folder_of_runs_and_a_pack_of_runs_are_the_ensemble(runs, tmp_path, capsys):
    expected = probabilities(*runs)
    assert np.array_equal(probabilities(runs[0].parent), expected)
    words = ["pack", str(runs[0]), "--ensemble", *map(str, runs[1:]), "--out", str(tmp_path / "all.zip")]
    assert main(words) == 0
    assert "ensemble.json, run-1.zip, run-2.zip, run-3.zip" in capsys.readouterr().out
    assert np.allclose(probabilities(tmp_path / "all.zip"), expected, atol=1e-6)
    predictor = foveate.load(tmp_path / "all.zip", "cpu")
    assert (predictor.classes, predictor.size, predictor.task) == (
        ("sky", "road", "car"),
        (16, 24),
        "segmentation",
    )


def test_a_pack_keeps_weights_and_temperature(runs, tmp_path):
    packed = pack(runs, tmp_path / "all.zip", weights=[3, 1, 0], temperature=2.0)
    expected = probabilities(*runs, weights=[3, 1, 0], temperature=2.0)
    assert np.allclose(probabilities(packed.path), expected, atol=1e-6)
    assert not np.allclose(expected, probabilities(*runs, weights=[3, 1, 0]), atol=1e-3)


def test_a_temperature_keeps_the_mask_and_changes_how_sure_it_is(runs):
    cool, warm = (foveate.load(runs, "cpu", temperature=t) for t in (1.0, 4.0))
    batch = cool.prepared(IMAGE)
    before, after = cool.probabilities(batch), warm.probabilities(batch)
    assert torch.equal(before.argmax(1), after.argmax(1))
    assert (after.amax(1) < before.amax(1)).all()
    assert torch.allclose(after.sum(1), torch.ones(1, 16, 24))


def test_classes_are_matched_by_name(tmp_path):
    first = save(tmp_path / "a", 0)
    second = save(tmp_path / "b", 1, ("car", "sky", "road"))
    p, other = probabilities(first), probabilities(second)
    assert np.allclose(probabilities(first, second), (p + other[[1, 2, 0]]) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"classes": ("sky", "road")},
            r"b predicts masks of sky, road, and .*a masks of sky, road, car; the runs",
        ),
        ({"classes": ("sky", "road", "bus")}, "predicts masks of sky, road, bus, and"),
        (
            {"size": (16, 32)},
            r"b predicts at 16x32, and .*a at 16x24; the runs of an ensemble see images of one",
        ),
        ({"bands": True}, "was trained on other bands than"),
    ],
)
def test_runs_that_do_not_go_together_are_told(tmp_path, options, words):
    if options.get("bands"):
        scale = BandScale(
            BandSet(("1", "2", "3"), (0, 1, 2), 3), (0.0,) * 3, (9.0,) * 3, (0.5,) * 3, (0.2,) * 3
        )
        options = {"bands": to_plain(scale)}
    with pytest.raises(UserError, match=words):
        foveate.load([save(tmp_path / "a", 0), save(tmp_path / "b", 1, **options)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": [1, 2]}, "--weights: 2 for 3 runs; give one for each"),
        ({"weights": [0, 0, 0]}, "--weights: 0 0 0; give numbers from 0 on, at least one above 0"),
        ({"weights": [1, -1, 1]}, "at least one above 0"),
        ({"weights": [1, float("nan"), 1]}, "at least one above 0"),
        ({"temperature": 0.0}, "--temperature: 0 is none"),
        ({"temperature": 1e-30}, "--temperature: 1e-30 is none"),
        ({"temperature": 1e9}, "--temperature: 1e\\+09 is none"),
    ],
)
def test_weights_and_temperatures_that_are_none(runs, options, words):
    with pytest.raises(UserError, match=words):
        foveate.load(runs, **options)


def test_a_run_given_twice_is_told(runs):
    with pytest.raises(UserError, match=r"seed0 is given twice; give each run once, and --weights"):
        foveate.load([runs[0], runs[0].parent / "seed1" / ".." / "seed0"])
    with pytest.raises(UserError, match=r"best\.safetensors is given twice"):
        foveate.load([runs[0], runs[0] / "best.safetensors"])


def test_bands_are_scaled_as_each_run_was_trained(tmp_path):
    bands = BandSet(("1", "2", "3"), (0, 1, 2), 3)
    scales = [BandScale(bands, (low,) * 3, (low + 100.0,) * 3, (0.5,) * 3, (0.2,) * 3) for low in (0.0, 20.0)]
    paths = [save(tmp_path / name, 5, bands=to_plain(s)) for name, s in zip("ab", scales, strict=True)]
    values = np.random.default_rng(1).uniform(10, 90, (16, 24, 3)).astype(np.float32)
    apart = [foveate.load(path, "cpu").predict(values, True).probabilities for path in paths]
    together = foveate.load(paths, "cpu").predict(values, True).probabilities
    assert np.allclose(together, np.mean(apart, axis=0), atol=1e-5)
    assert not np.allclose(*apart, atol=1e-3)


def test_each_run_keeps_its_own_views(tmp_path, runs):
    flipped = save(tmp_path / "flipped", 7, test_flip=True, test_scales=[1.0, 1.5])
    apart = [probabilities(runs[0]), probabilities(flipped)]
    assert np.allclose(probabilities(runs[0], flipped), np.mean(apart, axis=0), atol=1e-5)


def test_what_needs_a_single_run_says_so_of_a_pack(runs, tmp_path, capsys):
    pack(runs, tmp_path / "all.zip")
    for words in (["export", "{}"], ["evaluate", "{}"], ["pack", "{}"], ["inspect", "{}", "--out", "{}x"]):
        argv = [word.format(tmp_path / "all.zip") for word in words]
        assert main(argv) == 2, words
        assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(
        UserError, match=r"all\.zip: is an ensemble of several runs, which predict and serve take"
    ):
        load_model(tmp_path / "all.zip")
    with pytest.raises(UserError, match="is an ensemble itself; name the runs"):
        foveate.load([tmp_path / "all.zip", runs[0]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["../run-1.zip"]}, "cannot be read"),
        ({"names": ["run-9.zip"]}, "cannot be read"),
        ({"weights": [1.0]}, "cannot be read"),
        ({"temperature": "hot"}, "cannot be read"),
        ({"temperature": 10**400}, "cannot be read"),
        ({"format": 2}, "an ensemble of format 2, this foveate reads format 1"),
    ],
)
def test_a_changed_pack_is_refused(runs, tmp_path, change, words):
    from foveate.models.packed import ENSEMBLE, LIST, write_pack

    packed = pack(runs[:2], tmp_path / "all.zip").path
    with zipfile.ZipFile(packed) as file:
        contents = {name: file.read(name) for name in file.namelist() if name != LIST}
    about = json.loads(contents[ENSEMBLE]) | change
    write_pack({**contents, ENSEMBLE: json.dumps(about).encode()}, packed)
    with pytest.raises(UserError, match=words):
        foveate.load(packed)


def test_no_pack_is_written_that_cannot_be_read(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("foveate.prediction.ensemble_file.MOST", 2)
    with pytest.raises(UserError, match="a packed ensemble holds 2 runs at most, and these are 3"):
        pack(runs, tmp_path / "all.zip")
    assert not list(tmp_path.iterdir())


def test_predict_takes_several_runs(runs, tmp_path, capsys):
    from PIL import Image

    (tmp_path / "in").mkdir()
    Image.fromarray(IMAGE).save(tmp_path / "in" / "a.png")
    words = ["predict", str(runs[0]), str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*words, "--ensemble", *map(str, runs[1:]), "--weights", "2", "1", "1"]) == 0
    mask = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert np.array_equal(mask, foveate.load(runs, "cpu", weights=[2, 1, 1]).predict(IMAGE).mask)
    for flags, said in (
        (["--weights", "1"], "is a single run; name others with --ensemble"),
        (["--temperature", "hot"], "--temperature: hot is none; give auto, or a number from 0.01"),
        (["--ensemble", str(runs[1]), "--check-drift"], "an ensemble has no validation images of its own"),
        (["--ensemble", str(runs[1]), "--check-tiling"], "--check-tiling: is for one run"),
        (["--ensemble", str(tmp_path / "nowhere")], "nowhere: there is no such file or folder"),
    ):
        assert main([*words, "--overwrite", *flags]) == 2
        assert said in capsys.readouterr().err


def test_a_damaged_run_in_an_ensemble_is_named(runs, tmp_path):
    broken = shutil.copytree(runs[1], tmp_path / "broken")
    (broken / "best.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"broken.*best\.safetensors: not a readable safetensors file"):
        foveate.load([runs[0], broken])


def test_no_runs_are_no_ensemble():
    with pytest.raises(UserError, match="an ensemble needs at least one run"):
        Ensemble([])
    with pytest.raises(UserError, match="an ensemble needs at least one run"):
        foveate.load([])


def test_a_single_run_can_have_a_temperature(runs):
    assert isinstance(foveate.load(runs[0], temperature=2.0).model, Ensemble)
    assert Ensemble([Member("a", load_model(runs[0]))]).weights == (1.0,)
