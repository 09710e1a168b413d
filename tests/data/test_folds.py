"""Folds that hold every image once."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foveate.data.dataset import SPLITS, Entry
from foveate.data.open import open_dataset
from foveate.data.splits import cut_folds
from foveate.errors import DataError
from foveate.specs.folds import parse_fold, parse_folds


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=5, max_size=30),
    count=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_folds_hold_each_image_once_and_tear_no_group(sizes, count, seed):
    entries = [Entry(f"{g}/{n}", group=f"g{g}") for g, size in enumerate(sizes) for n in range(size)]
    folds = cut_folds(entries, count, seed)
    assert sorted(entry.stem for fold in folds for entry in fold) == sorted(entry.stem for entry in entries)
    assert all(folds)
    assert sum(len({entry.group for entry in fold}) for fold in folds) == len(sizes)
    assert cut_folds(entries[::-1], count, seed) == folds


@pytest.mark.parametrize("counts", [(50, 23, 7), (100,)])
def test_folds_are_equal_in_size_and_classes(counts):
    entries = [Entry(f"{label}/{n}", label=label) for label, count in enumerate(counts) for n in range(count)]
    folds = cut_folds(entries, 5, seed=0)
    sizes = [len(fold) for fold in folds]
    assert sum(sizes) == len({entry for fold in folds for entry in fold}) == sum(counts)
    assert max(sizes) - min(sizes) <= 1
    for label in range(len(counts)):
        held = [Counter(entry.label for entry in fold)[label] for fold in folds]
        assert max(held) - min(held) <= 1
    assert cut_folds(entries, 5, seed=1) != folds


def test_a_fold_is_tested_and_val_is_cut_from_the_others(make):
    root = make.pairs(count=20)
    opened = [open_dataset(root, fold=f"{number}/5") for number in range(1, 6)]
    tested = [entry.stem for dataset in opened for entry in dataset.index("test")]
    assert sorted(tested) == sorted(entry.stem for split in SPLITS for entry in opened[0].index(split))
    for dataset in opened:
        assert {split: len(dataset.index(split)) for split in SPLITS} == {"train": 14, "val": 2, "test": 4}
        assert len(dataset) == 20
    assert "Fold 1 of 5 is tested; val is cut from the others (15% by stem" in opened[0].describe()


def test_data_with_a_part_to_test_on_have_no_folds(make):
    root = make.pairs("train/images", "train/masks", count=8)
    make.pairs("val/images", "val/masks", count=4)
    with pytest.raises(DataError, match=r"a part of their own to test on \(val\), so there is no fold 1/5"):
        open_dataset(root, fold="1/5")
    with pytest.raises(DataError, match=r"to test on \(test\)"):
        open_dataset("synthetic:8", fold="1/5")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (
            [Entry(name) for name in "abc"],
            "5 folds need 5 images, and the data have 3; choose 3 folds or fewer",
        ),
        ([Entry(f"{g}{n}", group=g) for g in "pqrs" for n in range(3)], "5 folds need 5 groups, .* have 4;"),
        ([Entry(name, group="p") for name in "abcdef"], "have 1; add some, or leave folds out"),
    ],
)
def test_too_few_groups_for_the_folds(entries, words):
    with pytest.raises(DataError, match=words):
        cut_folds(entries, 5, seed=0)


def test_a_class_of_a_single_image_has_no_folds(tmp_path):
    for label, count in (("ant", 8), ("bee", 1)):
        for number in range(count):
            path = tmp_path / f"data/{label}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"the class 'bee' has one group or image only \('bee/0'\)"):
        open_dataset(tmp_path / "data", fold="1/3")


@pytest.mark.parametrize("text", ["", "0/5", "6/5", "1/1", "1", "a/b", "1/5/2"])
def test_words_that_are_no_fold(text):
    with pytest.raises(DataError, match="is not a fold; write its number and the number of folds"):
        parse_fold(text)


@pytest.mark.parametrize("value", ["five", "1", 1, -2, "2.5", True])
def test_values_that_are_no_number_of_folds(value):
    with pytest.raises(
        DataError, match="is no number of folds; give 2 or more, 0 for one fixed split, or auto"
    ):
        parse_folds(value)
