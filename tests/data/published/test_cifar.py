import os
import pickle

import numpy as np
import pytest

from foveate.data.open import open_dataset
from foveate.errors import DataError

from .imitations import cifar10, pickled


class Hostile:
    def __reduce__(self):
        return os.system, ("touch escaped",)


def test_the_channels_of_a_row_come_one_after_the_other(tmp_path):
    cifar10(tmp_path)
    batch = pickle.loads((tmp_path / "cifar-10-batches-py/data_batch_2").read_bytes(), encoding="bytes")
    dataset = open_dataset(tmp_path)
    entry = next(
        e for e in (*dataset.index("train"), *dataset.index("val")) if e.stem == "data_batch_2/00007"
    )
    image, label = dataset.read(entry)
    row = batch[b"data"][7]
    assert label == batch[b"labels"][7]
    assert [image[0, 1, channel] for channel in range(3)] == [row[1], row[1024 + 1], row[2048 + 1]]
    assert image[2, 3, 0] == row[2 * 32 + 3]


def test_a_batch_that_would_run_code_is_refused_and_runs_none(tmp_path, monkeypatch):
    cifar10(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cifar-10-batches-py/data_batch_4"
    path.write_bytes(pickle.dumps({b"labels": Hostile()}, protocol=3))
    with pytest.raises(
        DataError,
        match=r"data_batch_4: the batch asks for (posix|os)\.system, which no CIFAR batch needs",
    ):
        open_dataset(tmp_path)
    assert not (tmp_path / "escaped").exists()


class Pointers:
    """An array of objects whose addresses are what the batch says they are."""

    def __reduce__(self):
        return np.ndarray, ((1,), np.dtype("O"), b"\1" * 8)


@pytest.mark.parametrize(
    "data",
    [Pointers(), np.zeros((20, 3072), dtype=object), np.zeros((20, 3072), dtype=np.float32), np.dtype("O")],
)
def test_a_batch_makes_no_array_but_one_of_bytes(tmp_path, data):
    cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py/data_batch_4"
    path.write_bytes(pickle.dumps({b"labels": [0] * 20, b"data": data}, protocol=3))
    with pytest.raises(
        DataError, match=r"data_batch_4: the batch is damaged or truncated \((Type|Value|Attr)"
    ):
        open_dataset(tmp_path)


def test_an_array_that_is_stored_column_by_column(tmp_path):
    cifar10(tmp_path)
    data = np.arange(20 * 3072, dtype=np.uint32).astype(np.uint8).reshape(20, 3072)
    batch = {b"labels": [0] * 20, b"data": np.asfortranarray(data)}
    (tmp_path / "cifar-10-batches-py/test_batch").write_bytes(pickle.dumps(batch, protocol=3))
    dataset = open_dataset(tmp_path)
    entry = dataset.index("test")[3]
    assert np.array_equal(dataset.read(entry)[0][0, :, 0], data[3, :32])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"data_batch_1: the batch is damaged or truncated \(EOFError"),
        (pickled({b"labels": [1]}), r"damaged or truncated \(KeyError"),
        (pickled({b"data": np.zeros((2, 5), np.uint8)}), r"data has the shape \(2, 5\), not rows of 3072"),
        (pickled([1]), "damaged or truncated"),
    ],
)
def test_batches_that_are_damaged(tmp_path, content, words):
    cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py/data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path)


def test_a_batch_that_ends_early_and_one_with_other_labels(tmp_path):
    cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py/test_batch"
    content = path.read_bytes()
    path.write_bytes(content[:-9000])
    with pytest.raises(
        DataError, match=r"test_batch: the batch is damaged or truncated \(.*\); get the archive again"
    ):
        open_dataset(tmp_path)


@pytest.mark.parametrize("labels", [[[0]] * 20, [10] * 20, [-1] * 20, "0" * 20])
def test_labels_that_are_no_classes(tmp_path, labels):
    cifar10(tmp_path)
    data = np.zeros((20, 3072), dtype=np.uint8)
    (tmp_path / "cifar-10-batches-py/test_batch").write_bytes(pickled({b"labels": labels, b"data": data}))
    with pytest.raises(DataError, match="test_batch: labels are not 20 numbers from 0 to 9; get the archive"):
        open_dataset(tmp_path)
