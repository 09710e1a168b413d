"""One named class of any layout is a class against the rest."""

import pickle

import numpy as np
import pytest

from foveate.data.dataset import SPLITS, Dataset
from foveate.data.layout import dataset_info
from foveate.data.open import open_dataset
from foveate.data.pack import pack
from foveate.errors import DataError, UserError

from .published.imitations import IMITATIONS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))


def targets(dataset: Dataset) -> dict[str, np.ndarray | int]:
    entries = {entry.stem: entry for split in SPLITS for entry in dataset.index(split)}
    return {stem: dataset.read(entry)[1] for stem, entry in entries.items()}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("fsid", "fire"),
        ("kvasir_instrument", "instrument"),
        ("lits", "tumour"),
        ("pets", "background"),
        ("voc", "sheep"),
        ("camvid_original", "Car"),
        ("cassava", "Healthy"),
        ("cifar10", "cat"),
    ],
)
def test_a_class_of_a_published_dataset(tmp_path, source, name):
    IMITATIONS[source](tmp_path / source)
    whole, one = (open_dataset(tmp_path / source, kept, to_score=True) for kept in (None, [name]))
    assert one.classes == ("rest", name)
    assert len(one.colors) == 2
    number = whole.classes.index(name)
    expected, found = targets(whole), targets(pickle.loads(pickle.dumps(one)))
    assert found.keys() == expected.keys()
    for stem, target in expected.items():
        wanted = np.where(target == 255, 255, target == number)
        assert np.array_equal(found[stem], wanted), stem
    assert f"The rest is {next(other for other in whole.classes if other != name)}" in one.describe()


def test_binary_masks_without_names_take_the_name_of_their_foreground(make):
    dataset = open_dataset(make.pairs(), classes=["polyp"])
    assert dataset.classes == ("rest", "polyp")
    entry = dataset.index("test")[0]
    assert np.array_equal(dataset.read(entry)[1], make.mask(int(entry.stem), [0, 255]) == 255)
    assert dataset.class_counts.sum(1).tolist() == [12 * 16] * len(dataset.index("train"))


def test_of_more_masks_without_names_one_is_taken_by_its_value(make):
    root = make.pairs(values=(0, 1, 2, 255))
    dataset = open_dataset(root, classes=["class 2"])
    entry = dataset.index("test")[0]
    raw = make.mask(int(entry.stem), [0, 1, 2, 255])
    assert np.array_equal(dataset.read(entry)[1], np.where(raw == 255, 255, raw == 2))
    with pytest.raises(UserError, match=r"unknown class of this dataset 'tumour'.*class 0, class 1, class 2"):
        open_dataset(root, classes=["tumour"])


def test_counts_are_those_of_the_masks(make):
    dataset = open_dataset(make.pairs(values=(0, 1, 2, 255)), classes=["class 1"])
    for entry, counts in zip(dataset.index("train"), dataset.class_counts, strict=True):
        assert counts.tolist() == np.bincount(dataset.read(entry)[1].ravel(), minlength=2)[:2].tolist()


def test_a_class_folder_against_all_others(make):
    dataset = open_dataset(make.class_folders(cat=10, dog=20, eel=10), classes=["dog"])
    assert dataset.classes == ("rest", "dog")
    assert len(dataset) == 40
    for split in SPLITS:
        for entry in dataset.index(split):
            assert entry.label == entry.stem.startswith("dog")


def test_a_class_against_the_rest_stays_so_when_it_is_packed(make, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(make.pairs(values=(0, 1, 2)), out, classes=["class 1"])
    expected = targets(open_dataset(make.root, classes=["class 1"]))
    for dataset in (open_dataset(out), open_dataset(out, classes=["class 1"])):
        assert dataset.classes == ("rest", "class 1")
        assert all(np.array_equal(mask, expected[stem]) for stem, mask in targets(dataset).items())


def test_drawn_scenes(make):
    whole, one = open_dataset("synthetic:4:32x48"), open_dataset("synthetic:4:32x48", classes=["Car"])
    entry, number = whole.index("train")[0], whole.classes.index("Car")
    mask = whole.read(entry)[1]
    assert np.array_equal(one.read(entry)[1], np.where(mask == 255, 255, mask == number))


def test_the_rest_is_no_class_to_name(make):
    with pytest.raises(DataError, match="--classes rest: this is the name of all other classes together"):
        open_dataset(make.pairs(), classes=["rest"])


def test_a_class_that_never_occurs(make):
    with pytest.raises(DataError, match="'polyp' never occurs"):
        open_dataset(make.pairs(values=(0,)), classes=["polyp"])


def test_names_of_published_datasets_leave_room_for_the_rest():
    for name in IMITATIONS:
        assert "rest" not in dataset_info(name).classes
