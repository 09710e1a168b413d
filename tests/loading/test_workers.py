"""Worker processes: what they are sent can be pickled, and none of them dies or starves in silence."""

import json
import pickle
import re
import shutil

import pytest
import torch

from foveate.data.pack import pack
from foveate.errors import UserError
from foveate.loading import workers as module
from foveate.loading.module import DataModule
from foveate.loading.workers import check_shared_memory, dead_workers_told
from foveate.specs.data import DataSpec
from foveate.waiting import progress_listener


def packed(make) -> str:
    pack("synthetic:8:16x24", make.root / "shards")
    return str(make.root / "shards")


def table(make) -> str:
    rows = [f"{make.save(f'images/{n}.png', make.photo(n)).name},{n % 2}" for n in range(8)]
    (make.root / "table.csv").write_text("\n".join(["image,label", *rows]))
    return str(make.root)


def outlines(make) -> str:
    images = [{"id": n, "file_name": f"{n}.png", "width": 16, "height": 12} for n in range(8)]
    shapes = [
        {
            "id": n,
            "image_id": n,
            "category_id": 1,
            "iscrowd": 0,
            "area": 16,
            "bbox": [1, 1, 4, 4],
            "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]],
        }
        for n in range(8)
    ]
    for n in range(8):
        make.save(f"images/{n}.png", make.photo(n))
    text = json.dumps({"images": images, "annotations": shapes, "categories": [{"id": 1, "name": "disk"}]})
    (make.root / "annotations.json").write_text(text)
    return str(make.root)


KINDS = {
    "pairs": lambda make: str(make.pairs()),
    "class folders": lambda make: str(make.class_folders(cat=8, dog=8)),
    "a table": table,
    "outlines": outlines,
    "shards": packed,
    "drawn scenes": lambda make: "synthetic:8:16x24",
    "masks with void": lambda make: str(make.pairs(values=(0, 1, 2, 255))),
}


@pytest.mark.parametrize("memory", [0.0, 1.0], ids=["from disk", "in memory"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_worker_is_sent_can_be_pickled(kind, memory, make):
    seen = []
    spec = DataSpec(
        KINDS[kind](make), size=(16, 24), batch=2, memory_gb=memory, crop_schedule=((0.5, (8, 8)),)
    )
    with progress_listener(lambda *words: seen.append(words)):  # a function that cannot be pickled
        data = DataModule(spec, epochs=2)
        data.decode()
        loader = data.train_dataloader()
        copy = pickle.loads(pickle.dumps((loader.dataset, loader.collate_fn, loader.worker_init_fn)))[0]
    for key in ((0, 1), (1, 1)):
        assert torch.equal(copy[key]["image"], loader.dataset[key]["image"])


def test_workers_are_started_as_on_windows_and_macos(make):
    data = DataModule(DataSpec(str(make.pairs()), size=(12, 16), batch=4, workers=1, memory_gb=0.0))
    loader = data.eval_dataloader("train")
    loader.multiprocessing_context = "spawn"
    alone = DataModule(DataSpec(str(make.root), size=(12, 16), batch=4, workers=0)).eval_dataloader("train")
    for batch, other in zip(loader, alone, strict=True):
        assert torch.equal(batch["image"], other["image"])


def limited(monkeypatch, free: int) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(module, "SHARED", module.Path("/"))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=free))


def test_too_little_shared_memory_is_told_before_a_worker_starts(make, monkeypatch):
    spec = DataSpec(str(make.pairs()), size=(64, 64), batch=4, workers=2, memory_gb=0.0)
    batch = 4 * 64 * 64 * (3 * 4 + 8)
    limited(monkeypatch, 5 * batch - 1)
    words = "has 1,638 kB free, and 2 workers read up to 1,638 kB .*--shm-size 1g.*--workers 0"
    for start in (DataModule.decode, DataModule.train_dataloader, DataModule.val_dataloader):
        with pytest.raises(UserError, match=words):
            start(DataModule(spec))
    limited(monkeypatch, 5 * batch)
    DataModule(spec).train_dataloader()
    with pytest.raises(UserError, match="4 workers read"):
        DataModule(spec).check_shared_memory(loaders=2)


def test_shared_memory_is_not_asked_for_without_workers_or_where_there_is_none(monkeypatch, tmp_path):
    limited(monkeypatch, 0)
    check_shared_memory(0, 10**9)
    monkeypatch.setattr(module, "SHARED", tmp_path / "none")
    check_shared_memory(8, 10**9)


READ_WITH_A_WORKER = """
import os, signal
from pathlib import Path
from foveate.errors import UserError
from foveate.loading.frames import Frames
from foveate.loading.module import DataModule
from foveate.loading.workers import dead_workers_told
from foveate.specs.data import DataSpec

if how == "unpicklable":
    Frames.__getitems__ = lambda self, keys: {"image": lambda: 0}
spec = DataSpec("synthetic:20:12x16", size=(12, 16), batch=1, workers=1, memory_gb=0.0)
loader = DataModule(spec).train_dataloader()
try:
    with dead_workers_told():
        for number, batch in enumerate(loader):
            if number == 0:
                os.kill(loader._iterator._workers[0].pid, signal.SIGKILL)
except UserError as error:
    Path(told).write_text(str(error))
os._exit(0)
"""


@pytest.mark.parametrize("how", ["killed", "unpicklable"])
def test_the_death_of_a_worker_is_told_and_never_waited_for(how, begin, tmp_path):
    # In a process of its own: PyTorch raises wherever the signal of the death finds Python.
    begin(READ_WITH_A_WORKER, how=how, told=str(tmp_path / "told")).join()
    words = "a worker process that reads images died .*/dev/shm, may be too small.*--workers 0"
    assert re.match(words, (tmp_path / "told").read_text())


def test_other_errors_pass(make):
    with pytest.raises(RuntimeError, match="shapes differ"), dead_workers_told():
        raise RuntimeError("shapes differ")
