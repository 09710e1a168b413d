import json
import subprocess
import sys
from collections import Counter

import pytest

from foveate.data.open import open_dataset
from foveate.loading.sampler import EpochSampler


def order(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


def test_the_order_depends_on_seed_and_epoch_alone():
    sampler = EpochSampler(50, seed=1)
    first, second = order(sampler, 0), order(sampler, 1)
    assert order(EpochSampler(50, seed=1), 1) == second
    assert [index for _, index in first] != [index for _, index in second]
    assert order(EpochSampler(50, seed=2), 0) != first
    assert {epoch for epoch, _ in second} == {1}
    assert sorted(index for _, index in second) == list(range(50))


@pytest.mark.parametrize(("length", "world"), [(10, 2), (11, 2), (11, 4), (3, 8)])
def test_ranks_share_an_epoch_evenly_and_miss_nothing(length, world):
    shares = [order(EpochSampler(length, 0, rank, world), 5) for rank in range(world)]
    assert (
        {len(share) for share in shares} == {len(EpochSampler(length, 0, 0, world))} == {-(-length // world)}
    )
    assert {index for share in shares for _, index in share} == set(range(length))
    whole = order(EpochSampler(length, 0), 5)
    interleaved = [share[place] for place in range(len(shares[0])) for share in shares]
    assert interleaved[:length] == whole


TWO_PROCESSES = """
import json, sys
import torch
from lightning import Callback
from foveate.specs.data import DataSpec
from foveate.training.run import fit
from foveate.specs.training import TrainingSpec
from foveate.specs.model import ModelSpec
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
        with open(f"{sys.argv[1]}.{trainer.global_rank}", "w") as file:
            json.dump(self.stems, file)

torch.set_num_threads(1)
spec = RunSpec(
    DataSpec("synthetic:15", size=(32, 32), batch=2),
    ModelSpec("unet", "mobilenet_v2", options={"decoder_channels": [8, 8, 8, 8, 8]}),
    TrainingSpec(epochs=1, precision="32"),
)
flags = {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}
fit(spec, sys.argv[1], callbacks=[Seen()], trainer_flags=flags)
"""


def test_two_processes_score_every_image_once_and_train_on_one_twice(tmp_path):
    (tmp_path / "script.py").write_text(TWO_PROCESSES)
    subprocess.run([sys.executable, tmp_path / "script.py", tmp_path / "run"], check=True, timeout=300)
    ranks = [json.loads((tmp_path / f"run.{rank}").read_text()) for rank in (0, 1)]
    table = open_dataset("synthetic:15").split_table()
    assert [len(table[split]) for split in ("train", "val", "test")] == [15, 5, 5]
    for seen in ranks:
        assert (seen["val"], seen["test"]) == (table["val"], table["test"])
    times = Counter(ranks[0]["train"] + ranks[1]["train"])
    assert times.keys() == set(table["train"])
    assert sorted(times.values()) == [1] * 14 + [2]
