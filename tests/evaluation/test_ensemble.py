import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import foveate
from foveate.api.ensemble import evaluate_ensemble
from foveate.cli.main import main
from foveate.errors import UserError
from foveate.loading.module import DataModule
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.training.run_directory import Run

SPEC = RunSpec(DataSpec("synthetic:20:16x24", size=(16, 24), batch=4, workers=0), ModelSpec("unet"))


@pytest.fixture(scope="module")
def data() -> DataModule:
    module = DataModule(SPEC.data)
    module.setup()
    return module


def save(folder: Path, seed: int, data: DataModule, **splits: list[str]) -> Path:
    """A run directory with weights of chance: enough to be scored."""
    torch.manual_seed(seed)
    count = len(data.classes)
    model = create_model(
        "unet", "tu-test_resnet", encoder_weights=None, classes=count, encoder_depth=1, decoder_channels=[8]
    )
    model.notes = {"classes": list(data.classes), "size": [16, 24]}
    folder.mkdir(parents=True)
    save_model(model, folder)
    Run(folder).write_spec(replace(SPEC, seed=seed))
    Run(folder).write_splits({**data.dataset.split_table(), **splits})
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data) -> list[Path]:
    root = tmp_path_factory.mktemp("arm")
    return [save(root / f"seed{seed}", seed, data) for seed in range(2)]


def test_an_ensemble_is_scored_beside_its_runs(runs):
    found = evaluate_ensemble(runs)
    singles = [foveate.evaluate(run).miou for run in runs]
    assert [single.miou for single in found.singles] == pytest.approx(singles)
    assert found.gain.singles == pytest.approx(singles)
    assert found.gain.score == pytest.approx(found.scores.miou)
    assert found.gain.difference.mean == pytest.approx(found.scores.miou - np.mean(singles))
    assert found.notes == ()
    assert found.times > 0.5


def test_the_ensemble_that_is_scored_is_the_one_that_predicts(runs, data):
    weights = [3, 1]
    found = evaluate_ensemble(runs, weights=weights, temperature=2.0)
    predictor = foveate.load(runs, "cpu", weights=weights, temperature=2.0)
    hits = counted = 0
    for entry in data.dataset.index("test"):
        image, mask = data.dataset.read(entry)
        hits += int((predictor.predict_pixels(image).mask == mask)[mask != 255].sum())
        counted += int((mask != 255).sum())
    assert found.scores.accuracy == pytest.approx(hits / counted)


def test_identical_runs_gain_nothing(runs, tmp_path, capsys):
    copy = shutil.copytree(runs[0], tmp_path / "copy")
    found = evaluate_ensemble([runs[0], copy])
    change = found.gain.difference
    assert (change.mean, change.low, change.high, found.gain.verdict) == (0, 0, 0, "no difference")
    assert main(["evaluate", str(runs[0]), "--ensemble", str(copy), "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert "Ensemble of 2 runs; " in output
    assert "Gain over the mean single run (" in output
    assert "): no difference." in output
    assert "times the time of a single run for an image." in output


def test_a_folder_of_runs_is_scored_as_their_ensemble(runs, capsys):
    assert main(["evaluate", str(runs[0].parent), "--temperature", "1.5", "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert "Ensemble of 2 runs, temperature 1.50; " in output
    assert str(runs[1]) in output


def test_images_that_a_run_was_trained_with_are_warned_of(runs, data, tmp_path):
    table = data.dataset.split_table()
    fold = save(tmp_path / "fold", 5, data, train=[*table["test"], *table["val"]], test=table["train"][:3])
    result = evaluate_ensemble([runs[0], fold])
    (note,) = result.notes
    assert result.gain.verdict == "no verdict"
    assert (
        f"{len(table['test'])} of these {len(table['test'])} images have names of images that some of" in note
    )
    assert "scores and gain are too high" in note
    with pytest.raises(
        UserError, match="no validation image that none of the runs was trained with, as with fold"
    ):
        evaluate_ensemble([runs[0], fold], temperature="auto")
    (note,) = evaluate_ensemble(runs, split="val").notes
    assert note.startswith("The best epoch was chosen on these images too")
    unseen = evaluate_ensemble(runs, data="synthetic:20:16x24")
    assert not unseen.notes
    assert unseen.gain.verdict != "no verdict"
    (note,) = evaluate_ensemble([runs[0], fold], data="synthetic:20:16x24").notes
    assert "scores and gain are too high" in note


def test_a_fitted_temperature_makes_probabilities_fit_better(runs):
    plain, fitted = (evaluate_ensemble(runs, split="val", temperature=t) for t in (1.0, "auto"))
    assert fitted.temperature != 1
    assert fitted.scores.calibration.error < plain.scores.calibration.error
    assert fitted.scores.miou == plain.scores.miou
    count = len(Run(runs[0]).splits["val"])
    assert f"The temperature was fitted on {count} of these {count} images" in fitted.notes[-1]
    assert not any("fitted" in note for note in plain.notes)
    assert not evaluate_ensemble(runs, temperature="auto").notes


def test_a_run_in_the_place_of_data_is_told_of_the_flag(runs, capsys):
    assert main(["evaluate", str(runs[0]), str(runs[1])]) == 2
    said = capsys.readouterr().err
    assert f"{runs[1]}: is a run, and not data" in said
    assert f"foveate evaluate {runs[0]} --ensemble {runs[1]}" in said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--ensemble", "{run}"], "is given twice"),
        (["--weights", "1", "1"], "is a single run; name others with --ensemble"),
        (["--temperature", "2"], "is a single run; name others with --ensemble"),
        (["--ensemble", "{other}", "--weights", "1"], "--weights: 1 for 2 runs; give one for each"),
        (
            ["--ensemble", "{other}", "--temperature", "-1"],
            "--temperature: -1 is none; give auto, or a number",
        ),
        (["--ensemble", "{other}", "--split", "tset"], "unknown split 'tset'; did you mean 'test'"),
        (["--ensemble", "nowhere"], "nowhere: there is no such file or folder"),
    ],
)
def test_wrong_ensembles_are_told(runs, flags, words, capsys):
    filled = [flag.format(run=runs[0], other=runs[1]) for flag in flags]
    assert main(["evaluate", str(runs[0]), *filled]) == 2
    assert words in capsys.readouterr().err


def test_nothing_is_written_into_the_runs(runs, data, tmp_path):
    pair = [shutil.copytree(run, tmp_path / run.name) for run in runs]
    before = sorted(path.name for path in tmp_path.rglob("*"))
    evaluate_ensemble(pair, judge="dice:" + data.classes[0], margin=2.0)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert json.loads((pair[0] / "splits.json").read_text()) == data.dataset.split_table()
    with pytest.raises(UserError, match="margin is 0; give a number of points above 0"):
        evaluate_ensemble(pair, margin=0)
