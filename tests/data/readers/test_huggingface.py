import pickle
import sys

import datasets
import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.errors import DataError
from foveate.waiting import progress_listener


@pytest.fixture
def rows(make):
    """Images with labels and masks, as a Hugging Face dataset of the first `count` of them."""

    def build(count, *columns):
        features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
        features |= {"annotation": datasets.Image(), "words": datasets.Value("string")}
        cells = {
            "image": [make.photo(number) for number in range(count)],
            "label": [number % 2 for number in range(count)],
            "annotation": [make.mask(number, [0, 1, 2]) for number in range(count)],
            "words": ["some"] * count,
        }
        kept = {name: features[name] for name in columns}
        return datasets.Dataset.from_dict({name: cells[name] for name in columns}, datasets.Features(kept))

    return build


def test_labels_in_splits(rows, make, tmp_path):
    parts = {"train": rows(12, "image", "label"), "validation": rows(4, "image", "label")}
    parts["test"] = rows(6, "image", "label")
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    dataset = open_dataset(tmp_path / "saved")
    assert (dataset.name, dataset.task, dataset.classes) == ("huggingface", "classification", ("cat", "dog"))
    assert [len(dataset.index(split)) for split in SPLITS] == [12, 4, 6]
    entry = dataset.index("test")[3]
    image, label = dataset.read(entry)
    assert entry.stem == "test/0000003"
    assert np.array_equal(image, make.photo(3))
    assert label == 1
    assert dataset.size_of(entry) == (12, 16)
    assert np.array_equal(pickle.loads(pickle.dumps(dataset)).read(entry)[0], image)


def test_masks_without_splits(rows, make, tmp_path):
    rows(8, "image", "annotation", "words").save_to_disk(tmp_path / "saved")
    waits = []
    with progress_listener(lambda *words: waits.append(words)):
        dataset = open_dataset(tmp_path / "saved", classes=["a", "ignore", "b"])
    assert waits[-1] == (8, 8, "Reading masks: 8 of 8")
    assert (dataset.task, dataset.classes) == ("segmentation", ("a", "b"))
    assert [len(dataset.index(split)) for split in SPLITS] == [6, 1, 1]
    entry = dataset.index("val")[0]
    mask = dataset.read(entry)[1]
    assert np.array_equal(mask, np.array([0, 255, 1])[make.mask(entry.part, [0, 1, 2])])


def test_data_without_what_can_be_learnt(rows, tmp_path):
    rows(3, "image", "words").save_to_disk(tmp_path / "saved")
    with pytest.raises(
        DataError, match=r"needs a column of images .* it has image \(Image\), words \(Value\)"
    ):
        open_dataset(tmp_path / "saved")


def test_the_package_is_asked_for_when_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        DataError, match=r"hf:mnist: reading Hugging Face datasets needs the package datasets: pip"
    ):
        open_dataset("hf:mnist")


def test_a_folder_that_is_damaged(rows, tmp_path):
    rows(3, "image", "label").save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).write_bytes(b"damaged")
    with pytest.raises(
        DataError, match=r"saved: the dataset cannot be opened \(.*\); is the name right, and is"
    ):
        open_dataset(tmp_path / "saved")


@pytest.mark.parametrize("missing", [None, -1])
def test_rows_without_a_label_are_told_and_left_out(rows, make, tmp_path, missing):
    whole = rows(12, "image", "label")
    labels = [number % 2 if number < 9 else missing for number in range(12)]
    whole.remove_columns("label").add_column("label", labels, feature=whole.features["label"]).save_to_disk(
        tmp_path / "saved"
    )
    dataset = open_dataset(tmp_path / "saved")
    assert len(dataset) == 9
    assert "3 of 12 rows of train without image or label are left out" in dataset.describe()
    found = {entry.part: entry.label for split in SPLITS for entry in dataset.index(split)}
    assert found == {number: number % 2 for number in range(9)}


def test_rows_without_an_image_or_a_mask_are_told_and_left_out(make, tmp_path):
    kind = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    cells = {
        "image": [None if number == 3 else make.photo(number) for number in range(10)],
        "mask": [None if number == 7 else make.mask(number, [0, 1]) for number in range(10)],
    }
    datasets.Dataset.from_dict(cells, features=kind).save_to_disk(tmp_path / "saved")
    dataset = open_dataset(tmp_path / "saved")
    assert "2 of 10 rows of train without image or mask are left out" in dataset.describe()
    found = {entry.part for split in SPLITS for entry in dataset.index(split)}
    assert found == set(range(10)) - {3, 7}
    assert all(np.array_equal(dataset.read(e)[1], make.mask(e.part, [0, 1])) for e in dataset.index("train"))


def test_names_of_classes_that_are_equal_but_for_blanks(make, tmp_path):
    kind = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b", "a "])}
    )
    cells = {"image": [make.photo(number) for number in range(12)], "label": [n % 3 for n in range(12)]}
    datasets.Dataset.from_dict(cells, features=kind).save_to_disk(tmp_path / "saved")
    dataset = open_dataset(tmp_path / "saved")
    assert dataset.classes == ("a", "b")
    assert "'a' and 'a ' are one class" in dataset.describe()
    assert {e.part: e.label for e in dataset.index("train")} == {
        e.part: int(e.part % 3 == 1) for e in dataset.index("train")
    }
