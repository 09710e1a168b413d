import json
import math
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning import Callback
from PIL import Image

from foveate.data.errors import DataError
from foveate.data.module import DataModule, DataSpec
from foveate.errors import UserError
from foveate.models.checkpoints import load_model
from foveate.training.averaging import ema_decay
from foveate.training.build import build_loss, count_classes, seeded_model
from foveate.training.callbacks import LossNotFinite
from foveate.training.run import Interrupted, fit
from foveate.training.run_directory import Run
from foveate.training.spec import ModelSpec, RunSpec, TrainingSpec


class FirstBatch(Callback):
    """Keeps the first batch and the weights before the first step."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == 0:
            self.image, self.stems = batch["image"].clone(), batch["stem"]
            self.weights = {name: value.clone() for name, value in module.model.state_dict().items()}


class NaiveAverage(Callback):
    """Averages the weights one by one, in float64, as the definition says."""

    def on_train_start(self, trainer, module):
        self.average = {k: v.double() for k, v in module.model.state_dict().items()}

    def on_train_batch_end(self, trainer, module, *_):
        decay = ema_decay(trainer.global_step, 0.99)
        for name, value in module.model.state_dict().items():
            self.average[name] = decay * self.average[name] + (1 - decay) * value.double()


def test_run_directory_holds_what_it_promises(small_spec, tmp_path, capfd):
    spec, events, average = small_spec(), [], NaiveAverage()
    # The loss falls as the first steps go, so that the weights of the last epoch are the best.
    result = fit(
        replace(spec, training=replace(spec.training, monitor="loss")),
        tmp_path / "a",
        callbacks=[average],
        progress=events.append,
    )
    run = Run(tmp_path / "a")

    assert capfd.readouterr() == ("", "")
    assert run.is_complete
    assert run.result == result
    assert run.spec == replace(spec, training=replace(spec.training, monitor="loss"))
    assert {len(run.splits[split]) > 0 for split in ("train", "val", "test")} == {True}
    assert run.environment["precision"] == "32-true"
    assert json.loads((run.folder / "config.json").read_text())["notes"]["size"] == [32, 64]
    assert list((run.folder / "tb").glob("events*"))
    assert not list(run.folder.glob(".*"))

    rows = run.metrics()
    assert list(rows[0])[:6] == ["epoch", "step", "lr", "train_loss", "val_loss", "val_miou"]
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6)]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert result.best_score == rows[result.best_epoch - 1]["val_miou"]

    assert [e.step for e in events] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert {(e.epochs, e.steps) for e in events} == {(2, 6)}
    assert (events[0].score, events[-1].score) == (None, rows[-1]["val_miou"])
    assert events[-1].seconds_left == 0 < events[0].seconds_left

    assert result.best_epoch == 2
    for name, value in load_model(run.folder).state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, average.average[name].float(), rtol=1e-4, atol=1e-5)


def test_arms_of_one_seed_begin_alike(small_spec, tmp_path):
    spec, seen = small_spec(epochs=1), {}
    for arm in ("none", "cbam@decoder"):
        seen[arm] = FirstBatch()
        fit(replace(spec, model=replace(spec.model, arm=arm)), tmp_path / arm, callbacks=[seen[arm]])
    host, attended = seen["none"], seen["cbam@decoder"]
    assert host.stems == attended.stems
    assert torch.equal(host.image, attended.image)
    assert set(host.weights) < set(attended.weights)
    assert all(torch.equal(value, attended.weights[name]) for name, value in host.weights.items())


def test_another_seed_draws_other_weights():
    weights = [seeded_model(ModelSpec("unet", "mobilenet_v2"), 2, seed).state_dict() for seed in (0, 1)]
    name = "network.encoder.features.0.0.weight"
    assert not torch.equal(weights[0][name], weights[1][name])


def test_nan_loss_stops_with_step_and_stems(small_spec, tmp_path):
    with pytest.raises(LossNotFinite) as caught:
        fit(small_spec(epochs=3, lr=1e20, clip=0.0, warmup=0.0), tmp_path / "a")
    stems = Run(tmp_path / "a").splits["train"]
    assert "the loss became nan at step " in str(caught.value)
    assert sum(stem in str(caught.value) for stem in stems) == 4
    assert not Run(tmp_path / "a").is_complete


def test_patience_ends_the_run_early(small_spec, tmp_path):
    spec = small_spec(epochs=6, patience=2, monitor="loss", lr=1e-12, ema=0.0)

    class Worse(Callback):
        """After the first epoch the weights only get worse."""

        def on_train_epoch_start(self, trainer, module):
            if trainer.current_epoch:
                module.model.network.segmentation_head[0].weight.data.mul_(30)

    result = fit(spec, tmp_path / "a", callbacks=[Worse()])
    assert (result.epochs, result.best_epoch) == (3, 1)


def test_ctrl_c_leaves_a_run_that_goes_on(small_spec, tmp_path):
    def press(event):
        if event.step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(
        Interrupted, match=r"interrupted in epoch 2 of 2; resume the run in .* from the end of epoch 1"
    ):
        fit(small_spec(), tmp_path / "a", progress=press)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not Run(tmp_path / "a").is_complete

    steps = []
    result = fit(small_spec(), tmp_path / "a", resume=True, progress=lambda event: steps.append(event.step))
    assert (result.epochs, steps) == (2, [4, 5, 6, 6])
    assert fit(small_spec(), tmp_path / "a", resume=True, progress=steps.append) == result
    assert len(steps) == 4
    with pytest.raises(UserError, match="exists and is not empty; resume the run in it, or choose another"):
        fit(small_spec(), tmp_path / "a")
    with pytest.raises(UserError, match=r"another spec: training.lr was 0.001 and is now 0.1. Resume it"):
        fit(small_spec(lr=0.1), tmp_path / "a", resume=True)


def test_folders_that_cannot_be_used(small_spec, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/run: cannot write there \(Not a directory\); choose another"):
        fit(small_spec(), tmp_path / "file" / "run")
    with pytest.raises(UserError, match=r"holds files but no spec.yaml: no run to resume"):
        fit(small_spec(), tmp_path, resume=True)


def test_bad_input_leaves_no_folder_behind(small_spec, tmp_path):
    spec = small_spec()
    for model, words in [
        (replace(spec.model, arch="unett"), "unknown arch 'unett'; did you mean 'unet'"),
        (
            ModelSpec("classifier", "resnet18"),
            "synthetic:12 has masks but the host 'classifier' is for labels",
        ),
    ]:
        with pytest.raises(UserError, match=words):
            fit(replace(spec, model=model), tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()


def test_image_that_breaks_in_a_worker_is_named(small_spec, tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for i in range(10):
        noise = Image.fromarray(rng.integers(0, 256, (32, 64, 3), dtype=np.uint8))
        noise.save(tmp_path / "data" / "images" / f"{i}.jpg")
        Image.fromarray(rng.integers(0, 2, (32, 64), dtype=np.uint8)).save(
            tmp_path / "data/masks" / f"{i}.png"
        )
    data = DataSpec(str(tmp_path / "data"), size=(32, 64), batch=4, workers=1, memory_gb=0.0)
    module = DataModule(data)
    module.setup()
    broken = module.dataset.index("train")[0].image
    broken.write_bytes(broken.read_bytes()[:-400])
    with pytest.raises(DataError) as caught:
        fit(replace(small_spec(), data=data), tmp_path / "run")
    assert str(caught.value).startswith(str(broken))
    assert "Traceback" not in str(caught.value)


def test_class_weights_count_the_training_masks():
    data = DataModule(DataSpec("synthetic:4", size=(32, 64)))
    counts = count_classes(data.dataset)
    by_hand = [
        np.bincount(data.dataset.read(entry)[1].ravel(), minlength=256)[: len(data.classes)]
        for entry in data.dataset.index("train")
    ]
    assert counts.tolist() == np.stack(by_hand).tolist()
    loss = build_loss(TrainingSpec(class_weights="enet"), data)
    assert loss.class_weights.mean().item() == pytest.approx(1.0)
    assert loss.class_weights.argmin() == counts.sum(0).argmax()


def test_loss_for_masks_is_refused_for_labels(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(8):
            picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
            picture.save(tmp_path / "data" / label / f"{label}{i}.png")
    spec = RunSpec(
        DataSpec(str(tmp_path / "data"), size=(32, 32), batch=4),
        ModelSpec("classifier", "resnet18", options={"stem": "small"}),
        TrainingSpec(epochs=1, class_weights="inverse_sqrt"),
    )
    with pytest.raises(UserError, match="unknown loss for classification 'dice'"):
        fit(replace(spec, training=replace(spec.training, loss="dice")), tmp_path / "a")
    result = fit(spec, tmp_path / "a")
    assert result.score_name == "val_accuracy"
    assert 0 <= result.best_score <= 1


def test_epochs_between_validations_are_told_apart(small_spec, tmp_path):
    spec = small_spec(epochs=4, validate_every=2, patience=1)
    result = fit(spec, tmp_path / "run")
    rows = Run(tmp_path / "run").metrics()
    assert [math.isfinite(row["val_miou"]) for row in rows] == [False, True, False, True][: len(rows)]
    assert all(math.isfinite(row["train_loss"]) for row in rows)
    assert result.best_epoch in (2, 4)


def test_validation_interval_must_end_with_the_run(small_spec):
    with pytest.raises(UserError, match="validate_every is 3; it must be a divisor of epochs \\(4\\)"):
        small_spec(epochs=4, validate_every=3)
