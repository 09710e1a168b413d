import json
import os
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.api.evaluate import score_run
from foveate.api.predict import predict
from foveate.data.pixels.images import read_image
from foveate.errors import UserError
from foveate.evaluation.errors import boundary_counts
from foveate.evaluation.evaluate import evaluate, evaluate_model, is_scored, read_per_image, read_scores
from foveate.evaluation.scored_data import absent_note, data_of
from foveate.evaluation.scores import scores
from foveate.loading.module import DataModule
from foveate.models.checkpoints import load_model
from foveate.prediction.predictor import load
from foveate.specs.bindings import written_names
from foveate.specs.data import DataSpec, FolderChoice
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.run import fit
from foveate.training.run_directory import Run

HOST = ModelSpec("unet", "tu-test_resnet", options={"encoder_depth": 2, "decoder_channels": [8, 8]})
SPEC = RunSpec(
    DataSpec("synthetic:4", size=(32, 64), batch=2, workers=0),
    HOST,
    TrainingSpec(epochs=1),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "a"
    fit(SPEC, folder)
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "a")


def write_classes(root, names):
    """Class folders with two images each in train and test."""
    for split in ("train", "test"):
        for name in names:
            (root / split / name).mkdir(parents=True)
            for k in range(3):
                pixels = np.random.default_rng(k).integers(0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{name}{k}.png")
    return root


def write_pairs(root, count, values):
    """Images and masks of unnamed class ids; every value occurs in every mask."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for k in range(count):
        rng = np.random.default_rng(k)
        mask = rng.choice(np.array(values, dtype=np.uint8), (32, 32))
        mask.flat[: len(values)] = values
        Image.fromarray(mask).save(root / "masks" / f"{k}.png")
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(root / "images" / f"{k}.png")
    return root


def test_scores_equal_counts_by_hand_with_the_best_weights(run):
    found = evaluate(run)
    module = DataModule(SPEC.data, SPEC.seed)
    model = load_model(run)
    total = np.zeros((len(module.classes), len(module.classes)), dtype=np.int64)
    boundaries = 0
    for batch in module.eval_dataloader("test"):
        with torch.no_grad():
            called = model(batch["image"]).argmax(1)
        for prediction, truth in zip(called.numpy(), batch["mask"].numpy(), strict=True):
            counted = truth != 255
            np.add.at(total, (truth[counted], prediction[counted]), 1)
            boundaries = boundaries + boundary_counts(prediction, truth, len(module.classes))
    expected = scores(total, module.classes)
    assert found.miou == pytest.approx(expected.miou)
    assert found.iou == pytest.approx(expected.iou, nan_ok=True)
    shared, union = boundaries
    assert np.nan_to_num(found.boundary_iou) == pytest.approx(shared / np.maximum(union, 1))
    assert found.images == len(module.dataset.index("test"))
    assert 0 <= found.calibration.error <= 1
    assert sum(b.objects for b in found.objects) > 0
    assert 0 <= found.near_half.share <= 1


def test_files_hold_what_was_returned(run):
    found = evaluate(run)
    stems, confusions, _ = read_per_image(run)
    module = DataModule(SPEC.data, SPEC.seed)
    assert stems == tuple(entry.stem for entry in module.dataset.index("test"))
    assert scores(confusions.sum(0), module.classes).miou == pytest.approx(found.miou)
    assert str(asdict(read_scores(run))) == str(asdict(found))
    about = json.loads((run / "scores.json").read_text())
    assert (about["split"], about["size"], about["data"]) == ("test", [32, 64], "synthetic:4")


def test_whether_scores_are_of_the_present_result_does_not_depend_on_clocks(run):
    assert not is_scored(run)
    evaluate(run)
    result = Run(run).result_file
    os.utime(result, ns=(2**62, 2**62))  # written by a machine whose clock is ahead
    assert is_scored(run)
    result.write_text(result.read_text().replace('"best_epoch": 1', '"best_epoch": 2'))
    os.utime(result, ns=(1, 1))
    assert not is_scored(run)
    (run / "scores.json").write_text("{")
    assert not is_scored(run)


def test_other_splits_sizes_and_data_have_own_file_names(run):
    evaluate(run, split="val")
    evaluate(run, size=(64, 64))
    evaluate(run, data="synthetic:3")
    names = {path.name for path in run.glob("scores*.json")}
    assert names == {"scores-val.json", "scores-64x64.json", "scores-synthetic-3-test.json"}
    assert len(list(run.glob("per_image*.npz"))) == 3


def test_progress_counts_images(run):
    calls = []
    evaluate(run, progress=lambda done, total: calls.append((done, total)))
    total = len(DataModule(SPEC.data).dataset.index("test"))
    assert calls[-1] == (total, total)


def test_other_data_is_scored_whole_and_may_lack_a_class(tmp_path):
    spec = RunSpec(
        DataSpec(str(write_pairs(tmp_path / "own", 6, (0, 1, 2))), size=(32, 32), batch=2, workers=0),
        HOST,
        TrainingSpec(epochs=1),
    )
    run = tmp_path / "run"
    fit(spec, run)
    found = evaluate(run, data=write_pairs(tmp_path / "new", 9, (0, 2)))
    stems, confusions, _ = read_per_image(run, "per_image-new-test.npz")
    assert found.images == 9
    assert sorted(stems) == [str(k) for k in range(9)]
    assert (confusions.sum((0, 2)) > 0).tolist() == [True, False, True]
    assert np.isnan(found.iou[1])
    assert found.miou == np.mean([found.iou[0], found.iou[2]])
    assert absent_note(found) == "Absent from these data: class 1. Means are over the other 2 of 3 classes."
    few = evaluate(run, data=write_pairs(tmp_path / "few", 2, (1,)))
    assert few.images == 2
    stranger = write_pairs(tmp_path / "stranger", 2, (0, 3))
    with pytest.raises(
        UserError, match=r"\.png: no class is bound to 3 \(.*% of all pixels, in 2 of 2 masks\)"
    ):
        evaluate(run, data=stranger)
    words = {"class 0": 0, "class 1": 3}
    found = evaluate(run, data=stranger, classes=written_names(words))
    assert found.classes[1].share > 0


def test_255_keeps_the_meaning_that_it_had_in_training(tmp_path):
    own = write_pairs(tmp_path / "own", 6, (0, 1, 255))
    spec = DataSpec(str(own), size=(32, 32), batch=2, workers=0)
    run = tmp_path / "run"
    fit(RunSpec(spec, HOST, TrainingSpec(epochs=1)), run)
    assert Run(run).spec.data.classes == ("background=0", "foreground=1", "ignore=255")
    assert load(run).facts.table == Run(run).spec.data.classes
    found = evaluate(run, data=write_pairs(tmp_path / "new", 3, (0, 255)))
    assert found.classes[0].share == 1
    assert np.isnan(found.iou[1])
    assert not any("were taken for" in note for note in score_run(run, tmp_path / "new").notes)


def test_a_run_that_does_not_record_its_values_says_that_they_are_guessed(tmp_path):
    own = write_pairs(tmp_path / "own", 6, (0, 1, 255))
    spec = DataSpec(str(own), size=(32, 32), batch=2, workers=0)
    run = tmp_path / "run"
    fit(RunSpec(spec, HOST, TrainingSpec(epochs=1)), run)
    older = Run(run).spec
    Run(run).write_spec(replace(older, data=replace(older.data, classes=None)))
    new = write_pairs(tmp_path / "new", 3, (0, 255))
    scored = score_run(run, new)
    assert scored.scores.classes[1].share > 0
    assert any("were taken for background=0, foreground=255" in note for note in scored.notes)


def test_data_with_other_classes_is_refused(run, tmp_path):
    folder = write_classes(tmp_path / "animals", ("cat", "dog"))
    with pytest.raises(
        UserError, match=r"animals: the data hold 'cat', 'dog', and .* was trained on .*rename what means"
    ):
        evaluate(run, data=folder)
    assert not list(run.glob("scores*"))


def test_an_unknown_split_is_refused(run):
    with pytest.raises(UserError, match="unknown split 'tets'; did you mean 'test'"):
        evaluate(run, split="tets")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        evaluate(tmp_path)
    with pytest.raises(UserError, match="run `foveate evaluate"):
        read_scores(tmp_path)


def test_evaluation_restores_the_mode_of_the_model(trained):
    module = DataModule(SPEC.data)
    model = load_model(trained).train()
    first = evaluate_model(model, module.eval_dataloader("val"), module.classes, device="cpu")
    assert all(m.training for m in model.modules())
    second = evaluate_model(model, module.eval_dataloader("val"), module.classes, device="cpu")
    assert np.array_equal(first.confusions, second.confusions)


def test_no_images_to_score_is_refused(trained):
    with pytest.raises(ValueError, match="not a single image"):
        evaluate_model(load_model(trained), [], ("a", "b"))


def test_prediction_at_the_runs_size_equals_the_scored_one(trained):
    module = DataModule(SPEC.data, SPEC.seed)
    entry = module.dataset.index("test")[0]
    batch = next(iter(module.eval_dataloader("test")))
    with torch.no_grad():
        expected = load_model(trained)(batch["image"])[0].argmax(0).numpy()
    image = (batch["image"][0] * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    found = load(trained).predict(image)
    assert batch["stem"][0] == entry.stem
    assert np.array_equal(found.mask, expected)
    assert found.classes == module.classes
    assert found.colors == module.dataset.colors


def test_the_mean_iou_is_the_one_counted_from_predicted_files(run, tmp_path):
    truth, found = {}, {}
    (tmp_path / "new").mkdir()
    for batch in DataModule(SPEC.data, SPEC.seed).eval_dataloader("test"):
        for image, mask, stem in zip(batch["image"], batch["mask"], batch["stem"], strict=True):
            name = stem.replace("/", "_")
            pixels = (image * 255).round().to(torch.uint8).movedim(0, -1).numpy()
            Image.fromarray(pixels).save(tmp_path / "new" / f"{name}.png")
            truth[name] = mask.numpy()
    predict(run, tmp_path / "new", tmp_path / "masks")
    for name in truth:
        with Image.open(tmp_path / "masks" / f"{name}.png") as file:
            found[name] = np.asarray(file)
    true, said = (np.stack([masks[name] for name in truth]) for masks in (truth, found))
    counted = true != 255
    ious = []
    for number in range(len(DataModule(SPEC.data, SPEC.seed).classes)):
        both, either = (true == number) & (said == number), (true == number) | (said == number)
        ious += [both[counted].sum() / either[counted].sum()] if either[counted].any() else []
    assert evaluate(run).miou == pytest.approx(np.mean(ious), abs=1e-6)


def test_an_image_of_another_size_is_prepared_as_for_scoring(trained, tmp_path):
    write_pairs(tmp_path / "data", 3, (0, 1))
    module = DataModule(DataSpec(str(tmp_path / "data"), size=(32, 64), batch=3, workers=0), to_score=True)
    (batch,) = module.eval_dataloader("test")
    paths = [entry.image for entry in module.dataset.index("test")]
    prepared = torch.cat([load(trained, "cpu").prepared(read_image(path)) for path in paths])
    assert torch.equal(prepared, batch["image"])


def test_a_mask_has_the_images_own_size_and_probabilities_add_up(trained, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (45, 77, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    predictor = load(trained)
    found = predictor.predict(tmp_path / "photo.png", probabilities=True)
    assert found.mask.shape == found.confidence.shape == (45, 77)
    assert found.probabilities.sum(0) == pytest.approx(np.ones((45, 77)), abs=1e-5)
    assert np.array_equal(found.mask, found.probabilities.argmax(0))
    assert np.array_equal(found.confidence, found.probabilities.max(0))
    for same in (pixels, Image.fromarray(pixels), np.dstack([pixels, pixels[..., :1]])):
        assert np.array_equal(predictor.predict(same).mask, found.mask)
    assert predictor.predict(pixels[..., 0]).mask.shape == (45, 77)
    assert predictor.predict(pixels).probabilities is None


def test_prediction_needs_only_two_files(trained, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("best.safetensors", "config.json"):
        shutil.copy(trained / name, alone)
    assert load(alone).predict(np.zeros((8, 8, 3), dtype=np.uint8)).mask.shape == (8, 8)


@pytest.mark.parametrize("shape", [(8, 8, 2), (8,), (1, 8, 8, 3)])
def test_arrays_that_are_not_images_are_refused(trained, shape):
    with pytest.raises(UserError, match=r"is not an image; give \(height, width, 3\) in RGB"):
        load(trained).predict(np.zeros(shape, dtype=np.uint8))


def test_floats_beyond_0_to_1_are_refused(trained):
    with pytest.raises(UserError, match=r"the array: values from 7\.0 to 7\.0 where 0 to 1 was expected"):
        load(trained).predict(np.full((8, 8, 3), 7.0))


def test_a_classifier_is_scored_and_predicts_labels(tmp_path):
    root = write_classes(tmp_path / "animals", ("cat", "dog"))
    spec = RunSpec(
        DataSpec(str(root), size=(32, 32), batch=2, workers=0),
        ModelSpec(arch="classifier", encoder="test_resnet"),
        TrainingSpec(epochs=1),
    )
    run = tmp_path / "run"
    fit(spec, run)
    found = evaluate(run)
    _, confusions, _ = read_per_image(run)
    assert confusions.sum((1, 2)).tolist() == [1] * found.images
    assert found.accuracy == pytest.approx(np.trace(confusions.sum(0)) / found.images)
    assert found.boundary_iou is None
    assert found.calibration is not None
    prediction = load(run).predict(next((root / "test" / "dog").iterdir()))
    assert prediction.label in ("cat", "dog")
    assert prediction.mask is None
    assert prediction.probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert float(prediction.confidence) == prediction.probabilities.max()


def test_what_was_said_of_the_runs_folder_holds_for_other_data(tmp_path):
    write_pairs(tmp_path, 6, (0, 1))
    shutil.copytree(tmp_path / "masks", tmp_path / "labels")
    run = tmp_path / "run"
    run.mkdir()
    Run(run).write_spec(RunSpec(DataSpec(str(tmp_path), (32, 32), masks="labels"), SPEC.model))
    with pytest.raises(UserError, match="labels/ and masks/ could both hold the masks"):
        _ = DataModule(DataSpec(str(tmp_path), (32, 32))).dataset
    for folder, name in ((FolderChoice(), "labels"), (FolderChoice(masks="masks"), "masks")):
        dataset = data_of(run, tmp_path, None, (), folder).dataset
        assert {entry.mask.parent.name for entry in dataset.index("test")} == {name}
    shutil.rmtree(tmp_path / "labels")
    with pytest.raises(UserError, match="there is no folder called labels/"):
        _ = data_of(run, tmp_path, None, ()).dataset
    dataset = data_of(run, tmp_path, None, (), FolderChoice(masks="none")).dataset
    assert {entry.mask.parent.name for entry in dataset.index("test")} == {"masks"}
