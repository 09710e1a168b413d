import signal
from dataclasses import replace

import pytest
import torch

from foveate.cli.main import main
from foveate.errors import UserError
from foveate.specs.model import ModelSpec
from foveate.training.resuming import continuation
from foveate.training.run import fit
from foveate.training.run_directory import Run

KILLED_IN_MID_EPOCH = """
import os, signal, torch
from foveate.training.resuming import continuation
from foveate.training.run import fit

def kill(event):
    if (event.epoch, event.step) == (2, 5):
        os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(threads)
fit(spec, out, progress=kill)
"""


def test_a_killed_run_ends_with_the_same_bits(small_spec, begin, tmp_path):
    # DeepLabV3+ has dropout, so that the random generators matter; bf16 where that pays; AFMA has a loss of
    # its own.
    arm = "cbam@decoder+afma@logits(level=1,patch_size=4)"
    model = ModelSpec("deeplabv3plus", "tu-test_resnet", arm=arm, options={"decoder_channels": 16})
    spec = replace(small_spec(epochs=3, precision="auto"), model=model)
    killed, undisturbed = Run(tmp_path / "killed"), Run(tmp_path / "undisturbed")
    child = begin(KILLED_IN_MID_EPOCH, spec=spec, out=killed.folder, threads=torch.get_num_threads())
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert [row["epoch"] for row in killed.metrics()] == [1]

    fit(spec, killed.folder, resume=True)
    fit(spec, undisturbed.folder)

    assert killed.best_weights.read_bytes() == undisturbed.best_weights.read_bytes()
    last = [torch.load(run.last_checkpoint, weights_only=True) for run in (killed, undisturbed)]
    for rows in (checkpoint["callbacks"]["Recorder"]["rows"] for checkpoint in last):
        for row in rows:
            del row["seconds"]
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "epoch", "global_step"):
        assert _same(last[0][key], last[1][key]), key


def test_a_run_on_a_plateau_goes_on_with_the_same_bits(small_spec, tmp_path):
    # So large a rate that the loss comes and goes.
    spec = small_spec(epochs=6, lr=0.03, ema=0.0, monitor="loss", schedule="plateau", lr_patience=0)
    run, undisturbed = Run(tmp_path / "stopped"), Run(tmp_path / "undisturbed")

    def stop(event):
        if event.step == 11:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(spec, run.folder, progress=stop)
    fit(spec, run.folder, resume=True)
    fit(spec, undisturbed.folder)

    rates = [row["lr"] for row in undisturbed.metrics()]
    assert rates[0] > rates[5], "it falls"
    assert [row["lr"] for row in run.metrics()] == rates
    assert run.best_weights.read_bytes() == undisturbed.best_weights.read_bytes()
    last = [torch.load(each.last_checkpoint, weights_only=True) for each in (run, undisturbed)]
    for key in ("state_dict", "optimizer_states", "lr_schedulers"):
        assert _same(last[0][key], last[1][key]), key


def _same(a, b) -> bool:
    """Equal to the last bit, however deeply nested."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_a_run_keeps_the_weights_it_began_with_when_downloads_work_again(small_spec, tmp_path, monkeypatch):
    spec = small_spec(epochs=1)
    assert spec.model.encoder_weights == "auto"
    began = fit(spec, tmp_path / "a")
    monkeypatch.setattr("foveate.models.create.imagenet_at_hand", lambda *_: True)
    assert fit(spec, tmp_path / "a", resume=True) == began


def test_a_finished_run_goes_on_for_more_epochs_with_a_new_schedule(small_spec, tmp_path):
    run = Run(tmp_path / "run")
    first = fit(small_spec(epochs=2), run.folder)
    run.last_checkpoint.unlink()  # as after scoring
    weights = run.best_weights.read_bytes()
    longer = small_spec(epochs=5)
    sentence = f"goes on from epoch 2, with its best weights (of epoch {first.best_epoch}) and a new cosine"
    assert sentence in continuation(longer, run)
    steps = []

    def show(event):
        steps.append((event.epoch, event.epochs, event.step, event.steps))
        if event.step == 10:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(longer, run.folder, resume=True, progress=show)
    assert steps[0] == (3, 5, 7, 15)
    assert not run.is_complete
    assert run.start_weights.read_bytes() == weights
    result = fit(longer, run.folder, resume=True)
    undisturbed = Run(tmp_path / "undisturbed")
    fit(small_spec(epochs=2), undisturbed.folder)
    fit(longer, undisturbed.folder, resume=True)
    assert run.best_weights.read_bytes() == undisturbed.best_weights.read_bytes()
    assert run.is_complete
    assert not run.start_weights.exists()
    rows = run.metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["step"] for row in rows] == [3, 6, 9, 12, 15]
    assert rows[2]["lr"] > 0 == rows[1]["lr"] == rows[4]["lr"], "the rate rises again, and falls to the end"
    assert result.epochs == 5
    assert result.best_score >= first.best_score
    assert continuation(longer, run) == ""
    assert fit(longer, run.folder, resume=True) == result, "it is finished"


def test_a_run_that_ended_early_has_its_patience_again(small_spec, tmp_path):
    run = Run(tmp_path)
    spec = small_spec(epochs=6, patience=1, lr=1e-9, warmup=0.0)
    short = fit(spec, run.folder).epochs
    assert short < 6
    longer = replace(spec, training=replace(spec.training, epochs=8))
    assert fit(longer, run.folder, resume=True).epochs > short


def test_a_run_that_dies_as_it_goes_on_is_still_finished(small_spec, tmp_path, monkeypatch):
    run = Run(tmp_path)
    result = fit(small_spec(epochs=1), run.folder)

    def die(*arguments):
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_spec", die)
        with pytest.raises(InterruptedError):
            fit(small_spec(epochs=2), run.folder, resume=True)
    assert run.is_complete
    assert run.result == result
    assert fit(small_spec(epochs=2), run.folder, resume=True).epochs == 2


def test_other_numbers_of_epochs_are_refused_with_what_to_do(small_spec, tmp_path):
    fit(small_spec(epochs=2), tmp_path / "done")
    with pytest.raises(
        UserError, match=r"of 2 epochs, and 1 are fewer; .*with --epochs 2, or choose another"
    ):
        fit(small_spec(epochs=1), tmp_path / "done", resume=True)

    def stop(event):
        if event.epoch == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(small_spec(epochs=3), tmp_path / "begun", progress=stop)
    with pytest.raises(UserError, match=r"not finished, .*--epochs 3, and then again with --epochs 5"):
        fit(small_spec(epochs=5), tmp_path / "begun", resume=True)
    with pytest.raises(UserError, match=r"training.lr was .* \(a finished run may get more epochs\)"):
        fit(small_spec(epochs=4, lr=0.5), tmp_path / "done", resume=True)


TERMINATED_IN_MID_EPOCH = """
import os, signal, sys
from foveate.cli.main import main
from foveate.training import callbacks

send = callbacks.Progress._send

def end(self, trainer):
    if (trainer.current_epoch, trainer.global_step) == (1, 5):
        os.kill(os.getpid(), signal.SIGTERM)
    send(self, trainer)

callbacks.Progress._send = end
sys.exit(main(words))
"""


def test_a_run_that_a_batch_system_ends_is_kept_and_goes_on(begin, tmp_path):
    out = tmp_path / "run"
    options = ["--size", "32x64", "--batch", "4", "--epochs", "3", "--encoder", "tu-test_resnet"]
    options += ["--options", "{encoder_depth: 2, decoder_channels: [8, 8]}"]
    words = ["fit", "synthetic:12", *options, "--out", str(out)]
    child = begin(TERMINATED_IN_MID_EPOCH, words=words)
    child.join()
    assert child.exitcode != 0
    assert [row["epoch"] for row in Run(out).metrics()] == [1]
    assert main([*words, "--resume"]) == 0
    assert [row["epoch"] for row in Run(out).metrics()] == [1, 2, 3]
