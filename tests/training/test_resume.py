import signal
from dataclasses import replace

import pytest
import torch

from foveate.specs.model import ModelSpec
from foveate.training.run import fit
from foveate.training.run_directory import Run

KILLED_IN_MID_EPOCH = """
import os, signal, torch
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
    model = ModelSpec("deeplabv3plus", "mobilenet_v2", arm=arm, options={"decoder_channels": 16})
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
