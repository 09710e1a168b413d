import json
import math
import os
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning import Callback
from PIL import Image

from foveate.errors import DataError, UserError
from foveate.loading.module import DataModule
from foveate.models.checkpoints import load_model
from foveate.models.create import resolve_encoder
from foveate.models.host import two_logits
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.averaging import ema_decay
from foveate.training.build import build_loss, build_task, seeded_model
from foveate.training.callbacks import LossNotFinite
from foveate.training.run import Interrupted, fit
from foveate.training.run_directory import Run


class FirstBatch(Callback):
    """Record the first batch and the weights before the first step."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == 0:
            self.image, self.stems = batch["image"].clone(), batch["stem"]
            self.weights = {name: value.clone() for name, value in module.model.state_dict().items()}


class NaiveAverage(Callback):
    """Average the weights one by one, in float64, by the definition."""

    def setup(self, trainer, module, stage):
        module._apply(lambda tensor: tensor.clone())  # as a move to a GPU does: the buffers are new objects

    def on_train_start(self, trainer, module):
        self.average = {k: v.double() for k, v in module.model.state_dict().items()}

    def on_train_batch_end(self, trainer, module, *_):
        decay = ema_decay(trainer.global_step, 0.99)
        for name, value in module.model.state_dict().items():
            self.average[name] = decay * self.average[name] + (1 - decay) * value.double()


def test_run_directory_holds_the_documented_files(small_spec, tmp_path, capfd):
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
    training = replace(spec.training, monitor="loss")
    assert run.spec == replace(spec, model=resolve_encoder(spec.model), training=training)
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


def test_without_tensorboard_a_run_lacks_only_its_files(small_spec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where it is not installed
    fit(small_spec(epochs=1), tmp_path / "a")
    run = Run(tmp_path / "a")
    assert run.is_complete
    assert len(run.metrics()) == 1
    assert not (run.folder / "tb").exists()


def test_arms_of_one_seed_begin_alike(small_spec, tmp_path):
    spec, first = small_spec(epochs=1), {}
    for arm in ("none", "cbam@decoder"):
        first[arm] = FirstBatch()
        fit(replace(spec, model=replace(spec.model, arm=arm)), tmp_path / arm, callbacks=[first[arm]])
    host, attended = first["none"], first["cbam@decoder"]
    assert host.stems == attended.stems
    assert torch.equal(host.image, attended.image)
    assert set(host.weights) < set(attended.weights)
    assert all(torch.equal(value, attended.weights[name]) for name, value in host.weights.items())


def test_another_seed_draws_other_weights():
    weights = [seeded_model(ModelSpec("unet", "tu-test_resnet"), 2, seed).state_dict() for seed in (0, 1)]
    name = "network.encoder.model.conv1.0.weight"
    assert not torch.equal(weights[0][name], weights[1][name])


def test_options_that_are_not_of_the_host_are_refused():
    with pytest.raises(UserError, match="'arch' is no option of a host"):
        seeded_model(ModelSpec(options={"arch": "fpn"}), 2, 0)


def test_nan_loss_stops_with_step_and_stems(small_spec, tmp_path):
    with pytest.raises(LossNotFinite) as caught:
        fit(small_spec(epochs=3, lr=1e20, clip=0.0, warmup=0.0), tmp_path / "a")
    stems = Run(tmp_path / "a").splits["train"]
    assert "the loss became nan at step " in str(caught.value)
    assert sum(stem in str(caught.value) for stem in stems) == 4
    assert not Run(tmp_path / "a").is_complete


class Diverge(Callback):
    """Make the weights NaN after a step, as a gradient that is too large does."""

    def __init__(self, step):
        self.step, self.best = step, b""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        best = Run(trainer.loggers[0].root_dir).best_weights
        self.best = best.read_bytes() if best.exists() else b""
        if trainer.global_step == self.step:
            module.model.network.segmentation_head[0].weight.data.fill_(math.nan)


@pytest.mark.parametrize("step", [4, 6])
@pytest.mark.parametrize("ema", [0.0, 0.99])
def test_non_finite_weights_never_become_the_best(small_spec, tmp_path, step, ema):
    diverge = Diverge(step)
    with pytest.raises(
        LossNotFinite, match=r"epoch 2\) on the images .*best weights so far are kept in .*best"
    ):
        fit(small_spec(epochs=2, ema=ema), tmp_path / "a", callbacks=[diverge])
    run = Run(tmp_path / "a")
    assert not run.is_complete
    assert run.best_weights.read_bytes() == diverge.best != b""
    last = torch.load(run.last_checkpoint, weights_only=True)
    assert last["global_step"] == 3
    assert all(value.isfinite().all() for value in last["state_dict"].values())


def test_before_the_first_validation_the_error_promises_no_best_weights(small_spec, tmp_path):
    with pytest.raises(LossNotFinite, match="was stopped and there are no best weights yet"):
        fit(small_spec(validate_every=2), tmp_path / "a", callbacks=[Diverge(4)])


def test_patience_ends_the_run_early(small_spec, tmp_path):
    spec = small_spec(epochs=6, patience=2, monitor="loss", lr=1e-12, ema=0.0)

    class Worse(Callback):
        """After the first epoch the weights only get worse."""

        def on_train_epoch_start(self, trainer, module):
            if trainer.current_epoch:
                module.model.network.segmentation_head[0].weight.data.mul_(30)

    result = fit(spec, tmp_path / "a", callbacks=[Worse()])
    assert (result.epochs, result.best_epoch) == (3, 1)


def press(event, step):
    """Press Ctrl-C at a step."""
    if event.step == step:
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_a_run_that_can_be_resumed(small_spec, tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(
        Interrupted, match=r"interrupted in epoch 2 of 2; resume the run in .* from the end of epoch 1"
    ):
        fit(small_spec(), tmp_path / "a", progress=lambda event: press(event, 4))
    assert signal.getsignal(signal.SIGINT) is handler
    assert not Run(tmp_path / "a").is_complete

    steps = []
    result = fit(small_spec(), tmp_path / "a", resume=True, progress=lambda event: steps.append(event.step))
    assert (result.epochs, steps) == (2, [4, 5, 6, 6])
    assert fit(small_spec(), tmp_path / "a", resume=True, progress=steps.append) == result
    assert len(steps) == 4
    with pytest.raises(UserError, match="exists and is not empty; resume the run in it with --resume, or"):
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


@pytest.fixture
def photos(tmp_path) -> DataSpec:
    """Ten JPEGs of noise with masks."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for i in range(10):
        noise = Image.fromarray(rng.integers(0, 256, (32, 64, 3), dtype=np.uint8))
        noise.save(tmp_path / "data" / "images" / f"{i}.jpg")
        Image.fromarray(rng.integers(0, 2, (32, 64), dtype=np.uint8)).save(
            tmp_path / "data/masks" / f"{i}.png"
        )
    return DataSpec(str(tmp_path / "data"), size=(32, 64), batch=4, workers=1)


class Truncate(Callback):
    """Truncate an image after the run has begun."""

    def __init__(self, image):
        self.image = image

    def setup(self, trainer, module, stage):
        self.image.write_bytes(self.image.read_bytes()[:-400])


def test_image_that_breaks_in_a_worker_is_named(photos, small_spec, tmp_path):
    spec = replace(small_spec(), data=replace(photos, memory_gb=0.0))
    image = DataModule(photos).dataset.index("train")[0].image
    with pytest.raises(DataError) as caught:
        fit(spec, tmp_path / "run", callbacks=[Truncate(image)])
    assert str(caught.value).startswith(str(image))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("memory_gb", [0.0, 1.0])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_broken_image_of_any_split_is_reported_before_training(
    photos, small_spec, tmp_path, split, memory_gb
):
    image = DataModule(photos).dataset.index(split)[-1].image
    image.write_bytes(image.read_bytes()[:-400])
    spec = replace(small_spec(), data=replace(photos, memory_gb=memory_gb))
    with pytest.raises(DataError, match=f"{image.name}: the image is damaged or truncated"):
        fit(spec, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_decoded_images_are_shared_by_runs_with_their_own_order(photos, small_spec, tmp_path):
    spec = replace(small_spec(), data=replace(photos, workers=0), seed=1)
    fit(spec, tmp_path / "alone")
    data = DataModule(spec.data, seed=0)
    data.decode()
    for path in (tmp_path / "data" / "images").iterdir():
        path.write_bytes(b"")
    fit(spec, tmp_path / "shared", data=data)
    weights = [(tmp_path / run / "best.safetensors").read_bytes() for run in ("alone", "shared")]
    assert weights[0] == weights[1]


def test_a_resumed_run_keeps_its_splits_when_the_data_grow(photos, small_spec, tmp_path):
    spec = replace(small_spec(), data=replace(photos, workers=0))
    with pytest.raises(Interrupted):
        fit(spec, tmp_path / "run", progress=lambda event: press(event, 3))
    before = Run(tmp_path / "run").splits
    for folder, name in (("images", "0.jpg"), ("masks", "0.png")):
        path = tmp_path / "data" / folder / name
        for number in range(20, 30):
            path.with_stem(str(number)).write_bytes(path.read_bytes())
    fit(spec, tmp_path / "run", resume=True, data=DataModule(spec.data))
    assert Run(tmp_path / "run").splits == before


def test_half_written_files_of_a_killed_run_are_removed_when_it_is_resumed(small_spec, tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    left = [folder / name for name in (".last.ckpt.x1y2.part", "splits.json", "environment.json")]
    for path in left:
        path.write_text("{}")
    # A run that died before its spec was written begins anew.
    with pytest.raises(Interrupted):
        fit(small_spec(), folder, resume=True, progress=lambda event: press(event, 4))
    assert Run(folder).splits["train"]
    left[0].write_text("half")
    assert fit(small_spec(), folder, resume=True).epochs == 2
    assert not list(folder.glob(".*"))


def test_class_weights_count_the_training_masks():
    data = DataModule(DataSpec("synthetic:4", size=(32, 64)))
    counts = data.dataset.class_counts
    by_hand = [
        np.bincount(data.dataset.read(entry)[1].ravel(), minlength=256)[: len(data.classes)]
        for entry in data.dataset.index("train")
    ]
    assert counts.tolist() == np.stack(by_hand).tolist()
    loss = build_loss(TrainingSpec(class_weights="enet"), data)
    assert loss.class_weights.mean().item() == pytest.approx(1.0)
    assert loss.class_weights.argmin() == counts.sum(0).argmax()


def test_bce_of_one_logit_agrees_with_pytorch():
    data = DataModule(DataSpec("synthetic:4", size=(32, 64), classes=("Car",)))
    z = torch.randn(2, 1, 5, 6)
    truth = torch.randint(0, 2, (2, 5, 6))
    loss = build_loss(TrainingSpec(loss="bce"), data, one_logit=True)(two_logits(z), truth)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(z[:, 0], truth.float()))


@pytest.mark.parametrize(
    ("arch", "classes", "logits"),
    [("smooth_unet", ("Car",), 1), ("smooth_unet", None, 11), ("unet", ("Car",), 2)],
)
def test_one_class_has_one_logit_if_the_published_network_has_one(arch, classes, logits):
    spec = RunSpec(DataSpec("synthetic:4", classes=classes), ModelSpec(arch, "tu-test_resnet"))
    task = build_task(spec, DataModule(spec.data))
    assert task.model.network.segmentation_head[0].out_channels == logits
    assert task.model.eval()(torch.rand(1, 3, 32, 32)).shape[1] == len(task.model.notes["classes"])


def test_loss_for_masks_is_refused_for_labels(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(8):
            picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
            picture.save(tmp_path / "data" / label / f"{label}{i}.png")
    spec = RunSpec(
        DataSpec(str(tmp_path / "data"), size=(32, 32), batch=4),
        ModelSpec("classifier", "test_resnet"),
        TrainingSpec(epochs=1, class_weights="inverse_sqrt"),
    )
    with pytest.raises(UserError, match="unknown loss for classification 'dice'"):
        fit(replace(spec, training=replace(spec.training, loss="dice")), tmp_path / "a")
    result = fit(spec, tmp_path / "a")
    assert result.score_name == "val_accuracy"
    assert 0 <= result.best_score <= 1


def test_epochs_without_validation_have_nan_scores(small_spec, tmp_path):
    spec = small_spec(epochs=4, validate_every=2, patience=1)
    result = fit(spec, tmp_path / "run")
    rows = Run(tmp_path / "run").metrics()
    assert [math.isfinite(row["val_miou"]) for row in rows] == [False, True, False, True][: len(rows)]
    assert all(math.isfinite(row["train_loss"]) for row in rows)
    assert result.best_epoch in (2, 4)


def test_validation_interval_must_end_with_the_run(small_spec):
    with pytest.raises(UserError, match="validate_every is 3; it must be a divisor of epochs \\(4\\)"):
        small_spec(epochs=4, validate_every=3)
