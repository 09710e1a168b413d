"""Every published dataset, imitated as its archives unpack, and still packed: classes, splits, every mask."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from foveate.data.catalogue import dataset_info
from foveate.data.dataset import SPLITS, Dataset
from foveate.data.intact import check_intact
from foveate.data.open import open_dataset

from .imitations import IMITATIONS, OTHERS, Truth


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def stems(dataset: Dataset, *splits: str) -> set[str]:
    return {entry.stem for split in splits for entry in dataset.index(split)}


def agree(dataset: Dataset, truth: Truth) -> None:
    """The dataset has the official splits of the truth, and every target in it."""
    given = {split: set(known) for split, known in truth.items()}
    if "all" in given:
        assert stems(dataset, *SPLITS) == given["all"]
    elif len(given) == 3:
        assert {split: stems(dataset, split) for split in SPLITS} == given
    else:
        held_out = given["test" if "test" in given else "val"]
        assert stems(dataset, "test") == held_out
        assert stems(dataset, "train", "val") == given["train"]
    targets = {stem: target for known in truth.values() for stem, target in known.items()}
    for split in SPLITS:
        for entry in dataset.index(split):
            image, target = dataset.read(entry)
            assert image.dtype == np.uint8
            assert image.shape[:2] == dataset.size_of(entry)
            assert np.array_equal(target, targets[entry.stem]), entry.stem


def pack_folders(root: Path) -> None:
    """Put every folder of the root into an archive of its own, in its place."""
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        with tarfile.open(root / f"{folder.name}.tar.gz", "w:gz") as file:
            file.add(folder, folder.name)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_published_dataset_is_read_as_it_is_unpacked(tmp_path, name):
    root = tmp_path / "flood"
    truth = IMITATIONS[name](root)
    dataset = open_dataset(root)
    info = dataset_info(name)
    assert (dataset.name, dataset.task) == (name, info.task)
    assert set(dataset.classes) <= set(info.classes)
    agree(dataset, truth)
    check_intact(dataset)
    table = dataset.split_table()
    assert open_dataset(root, splits=table).split_table() == table


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_published_dataset_is_read_from_its_archives(tmp_path, name, cache):
    truth = IMITATIONS[name](tmp_path / "flood instruments")
    pack_folders(tmp_path / "flood instruments")
    dataset = open_dataset(tmp_path / "flood instruments")
    assert dataset.name == name
    assert ".tar.gz" in dataset.describe()
    agree(dataset, truth)
    unpacked = list((cache / "unpacked").iterdir())
    assert open_dataset(tmp_path / "flood instruments").split_table() == dataset.split_table()
    assert list((cache / "unpacked").iterdir()) == unpacked


@pytest.mark.parametrize("name", OTHERS)
def test_a_second_form(tmp_path, name):
    truth = OTHERS[name](tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.name == name
    agree(dataset, truth)
