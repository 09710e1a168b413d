"""One run that two gloo processes train, as Lightning starts them: its files, and the batches of each."""

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from foveate.data.open import open_dataset
from foveate.training.run_directory import Run

TWO_PROCESSES = """
import json, sys
import torch
from lightning import Callback
from foveate.training.run import fit
from foveate.specs.run import RunSpec

class Seen(Callback):
    def __init__(self):
        self.stems = {"train": [], "val": [], "test": []}

    def on_train_batch_end(self, trainer, task, outputs, batch, number):
        self.stems["train"] += batch["stem"]

    def on_validation_batch_end(self, trainer, task, outputs, batch, number):
        self.stems["val"] += batch["stem"]

    def on_fit_end(self, trainer, task):
        for batch in trainer.datamodule.test_dataloader():
            self.stems["test"] += batch["stem"]
        with open(f"{sys.argv[3]}.{trainer.global_rank}", "w") as file:
            json.dump(self.stems, file)

torch.set_num_threads(1)
flags = {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}
fit(RunSpec.load(sys.argv[1]), sys.argv[2], callbacks=[Seen()], trainer_flags=flags)
"""


@pytest.fixture(scope="module")
def folder(small_spec, tmp_path_factory):
    """Where the two processes have worked: the run is `a`, and `seen.0` and `seen.1` are their batches."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "work").mkdir()
    spec = small_spec(epochs=1)
    model = replace(spec.model, arm="afma@logits(level=1,patch_size=4)")
    replace(spec, data=replace(spec.data, source="synthetic:15", batch=2), model=model).save(
        folder / "asked.yaml"
    )
    (folder / "script.py").write_text(TWO_PROCESSES)
    words = [folder / "script.py", folder / "asked.yaml", folder / "work/a", folder / "seen"]
    subprocess.run([sys.executable, *words], check=True, timeout=300)
    return folder


def test_two_gloo_processes_leave_one_run(folder):
    run = Run(folder / "work/a")
    (row,) = run.metrics()
    assert run.is_complete
    assert row["step"] == 4  # 15 images, 2 processes, 2 at a time
    assert all(math.isfinite(value) for value in row.values())
    assert 0 < row["train_auxiliary"] < row["train_loss"]
    assert [path.name for path in run.folder.parent.iterdir()] == ["a"]
    assert len(list((run.folder / "tb").glob("events*"))) == 1


def test_two_processes_score_every_image_once_and_train_on_one_twice(folder):
    ranks = [json.loads((folder / f"seen.{rank}").read_text()) for rank in (0, 1)]
    table = open_dataset("synthetic:15").split_table()
    assert [len(table[split]) for split in ("train", "val", "test")] == [15, 5, 5]
    for seen in ranks:
        assert (seen["val"], seen["test"]) == (table["val"], table["test"])
    times = Counter(ranks[0]["train"] + ranks[1]["train"])
    assert times.keys() == set(table["train"])
    assert sorted(times.values()) == [1] * 14 + [2]
