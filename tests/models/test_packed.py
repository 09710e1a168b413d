import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import foveate
from foveate.cli.main import main
from foveate.errors import UserError
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.models.packed import LIST, opened, pack_run
from foveate.models.weights_file import run_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    model = create_model("mssa", classes=2)
    model.notes = {"classes": ["leaf", "soil"], "size": [32, 48]}
    folder = tmp_path_factory.mktemp("run")
    save_model(model, folder)
    (folder / "scores.json").write_text("{}")
    (folder / "last.ckpt").write_bytes(b"not packed")
    return folder


@pytest.fixture(scope="module")
def packed(run: Path, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("packed") / "run.zip"
    assert pack_run(run, target) == ("best.safetensors", "config.json", "scores.json")
    return target


def test_a_packed_run_predicts_what_the_run_predicts(run, packed):
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    one, other = (foveate.load(path, "cpu").predict(image, probabilities=True) for path in (run, packed))
    assert np.array_equal(one.mask, other.mask)
    assert np.array_equal(one.probabilities, other.probabilities)
    assert other.classes == ("leaf", "soil")


def test_equal_runs_are_packed_to_equal_bytes(run, packed, tmp_path):
    pack_run(run, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_nothing_of_an_opened_run_stays(packed):
    with opened(packed) as folder:
        assert (folder / "best.safetensors").is_file()
    assert not folder.exists()


def test_a_run_without_weights_is_not_packed(tmp_path):
    with pytest.raises(UserError, match=r"best\.safetensors: there is no such file; pack a finished run"):
        pack_run(tmp_path, tmp_path / "run.zip")
    assert list(tmp_path.iterdir()) == []


def rewritten(packed: Path, target: Path, **changes: bytes | None) -> Path:
    """A copy of a packed run in which members are replaced, added, or (None) left out."""
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(target, "w") as copy:
        contents = {name: source.read(name) for name in source.namelist()}
        for name, content in {**contents, **changes}.items():
            if content is not None:
                copy.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config.json": b"{}"}, r"'config\.json' was changed after packing, or is missing"),
        ({"best.safetensors": None}, r"'best\.safetensors' was changed after packing, or is missing"),
        ({"more.pkl": b"pickle"}, r"holds the file 'more\.pkl', which its list does not name"),
        ({LIST: None}, r"is not a packed run, its packed\.json is missing or damaged"),
        ({LIST: b"[1]"}, r"is not a packed run, its packed\.json is missing or damaged"),
        ({LIST: json.dumps({"format": 9, "files": {}}).encode()}, r"was packed in format 9"),
        ({"../out.txt": b"out"}, r"'\.\./out\.txt' would be written outside the folder"),
        ({"/out.txt": b"out"}, r"'/out\.txt' would be written outside the folder"),
    ],
)
def test_a_packed_run_that_was_changed_is_refused(packed, tmp_path, changes, message):
    path = rewritten(packed, tmp_path / "changed.zip", **changes)
    with pytest.raises(UserError, match=message):
        foveate.load(path)
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_list_may_not_name_files_outside(packed, tmp_path):
    (tmp_path / "secret").write_bytes(b"")
    listing = json.dumps({"format": 1, "files": {"../../secret": "0" * 64}}).encode()
    with pytest.raises(UserError, match=r"names .*secret.*, which is no file of a run"):
        foveate.load(rewritten(packed, tmp_path / "run.zip", **{LIST: listing}))


def test_a_truncated_packed_run_is_refused(packed, tmp_path):
    path = tmp_path / "cut.zip"
    path.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"cut\.zip: the archive is damaged or truncated"):
        foveate.load(path)


def test_the_command_packs_a_run_that_predict_takes(run, tmp_path, capsys):
    out, photos = tmp_path / "winner.zip", tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.zeros((40, 30, 3), np.uint8)).save(photos / "a.png")
    assert main(["pack", str(run), "--out", str(out)]) == 0
    assert "best.safetensors, config.json, scores.json" in capsys.readouterr().out
    assert main(["predict", str(out), str(photos), "--out", str(tmp_path / "masks")]) == 0
    with Image.open(tmp_path / "masks" / "a.png") as mask:
        assert mask.size == (30, 40)
    assert main(["pack", str(run), "--out", str(out)]) == 2
    assert "winner.zip is there already" in capsys.readouterr().err
    assert main(["pack", str(photos)]) == 2
    assert "there is no such checkpoint" in capsys.readouterr().err


def test_a_run_stands_for_its_best_weights(tmp_path):
    assert run_folder(tmp_path / "best.safetensors") == tmp_path
    with pytest.raises(UserError, match=r"last.safetensors: a run stands for its best.safetensors; name the"):
        run_folder(tmp_path / "last.safetensors")
