import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.data.dataset import SPLITS, Entry
from foveate.data.splits import arrange, cut, keep_whole
from foveate.errors import DataError
from foveate.specs.shares import check_shares, parse_shares

STEMS = st.lists(st.text(min_size=1, max_size=8), min_size=3, max_size=60, unique=True)


@settings(max_examples=60, deadline=None)
@given(stems=STEMS, seed=st.integers(0, 2**31), classes=st.integers(0, 4))
def test_splits_are_disjoint_complete_and_independent_of_the_order_of_files(stems, seed, classes):
    def label(stem):
        return hash(stem) % classes if classes else None

    entries = [Entry(stem, label=label(stem)) for stem in stems]
    *held_out, train = cut(entries, (15, 15), seed)
    subsets = [*held_out, train]
    assert sorted(entry.stem for subset in subsets for entry in subset) == sorted(stems)
    assert len(held_out[0]) == len(held_out[1]) <= len(train)
    assert cut(entries[::-1], (15, 15), seed) == subsets


@settings(max_examples=30, deadline=None)
@given(stems=STEMS, seed=st.integers(0, 100))
def test_no_image_leaves_its_split_when_another_is_renamed(stems, seed):
    """The order is by hash: another stem moves an image or two across each border, and reshuffles nothing."""
    before = cut([Entry(stem) for stem in stems], (15, 15), seed)
    after = cut([Entry(stem) for stem in [*stems[:-1], stems[-1] + "!renamed"]], (15, 15), seed)
    for old, new in zip(before, after, strict=True):
        assert len({entry.stem for entry in old} - {entry.stem for entry in new}) <= 2


def test_every_class_is_cut_alike():
    entries = [
        Entry(f"{label}/{n}", label=label) for label, count in ((0, 100), (1, 20)) for n in range(count)
    ]
    val, test, train = cut(entries, (15, 15), seed=0)
    for subset, counts in ((val, (15, 3)), (test, (15, 3)), (train, (70, 14))):
        assert (sum(e.label == 0 for e in subset), sum(e.label == 1 for e in subset)) == counts


@settings(max_examples=60, deadline=None)
@given(count=st.integers(3, 200), val=st.integers(1, 98), test=st.integers(1, 98))
def test_any_shares_leave_every_piece_an_image(count, val, test):
    val, test = min(val, 99 - test if test < 99 else 1), test
    entries = [Entry(str(number)) for number in range(count)]
    subsets = cut(entries, (val, test), seed=0)
    assert sum(map(len, subsets)) == len({entry for subset in subsets for entry in subset}) == count
    assert all(subsets)
    wanted = [val * count / 100, test * count / 100, (100 - val - test) * count / 100]
    assert all(abs(len(subset) - size) <= 2 for subset, size in zip(subsets, wanted, strict=True))


@pytest.mark.parametrize(
    ("shares", "expected", "note"),
    [
        (
            (80, 10, 10),
            {"train": 32, "val": 4, "test": 4},
            "no split was given: 80/10/10 by stem, split seed 0",
        ),
        (
            (60, 20, 20),
            {"train": 24, "val": 8, "test": 8},
            "no split was given: 60/20/20 by stem, split seed 0",
        ),
        (
            (80, 20),
            {"train": 32, "val": 8, "test": 8},
            "80/20 by stem, .*; val is used for validation and for",
        ),
    ],
)
def test_other_shares(shares, expected, note):
    entries = [Entry(f"{label}/{n}", label=label) for label in (0, 1) for n in range(20)]
    splits, actual = arrange({"all": entries}, 0, True, shares)
    assert {split: len(splits[split]) for split in SPLITS} == expected
    assert re.search(note, actual)
    for split in SPLITS:
        assert sum(entry.label for entry in splits[split]) * 2 == len(splits[split]), "stratified"
    if len(shares) == 2:
        assert splits["test"] == splits["val"]
    assert set(splits["train"]).isdisjoint(splits["val"] + splits["test"])


def test_a_val_that_is_cut_from_train_takes_up_its_share():
    parts = {part: [Entry(f"{part}/{number}") for number in range(20)] for part in ("train", "test")}
    splits, note = arrange(parts, 0, True, (75, 25))
    assert {split: len(splits[split]) for split in SPLITS} == {"train": 15, "val": 5, "test": 20}
    assert "val is cut from train (25% by stem" in note


@pytest.mark.parametrize("shares", [(100,), (80, 30), (80, 20, 0), (60, 20, 10, 10), (float("nan"), 20), ()])
def test_shares_that_are_none(shares):
    with pytest.raises(DataError, match="must be two or three percents above 0 that add up to 100"):
        check_shares(shares)


@pytest.mark.parametrize("text", ["", "80", "80-20", "80/20/", "a/b", "80 20", "-80/20"])
def test_words_that_are_no_split(text):
    with pytest.raises(DataError, match=re.escape(f"--split: '{text}' is not a split; write the percents")):
        parse_shares(text, "--split")


def test_another_seed_gives_another_split():
    entries = [Entry(f"{number}") for number in range(40)]
    assert cut(entries, (15, 15), seed=0) != cut(entries, (15, 15), seed=1)


@pytest.mark.parametrize(
    ("given_", "val_from_train", "expected"),
    [
        ("all", True, {"train": 14, "val": 3, "test": 3}),
        ("train", True, {"train": 14, "val": 3, "test": 3}),
        ("train val", True, {"train": 17, "val": 3, "test": 20}),
        ("train val", False, {"train": 20, "val": 20, "test": 20}),
        ("train test", True, {"train": 17, "val": 3, "test": 20}),
        ("train test", False, {"train": 17, "val": 3, "test": 20}),
        ("train val test", True, {"train": 20, "val": 20, "test": 20}),
    ],
)
def test_what_a_folder_gives_is_kept_and_the_rest_cut(given_, val_from_train, expected):
    parts = {part: [Entry(f"{part}/{number}") for number in range(20)] for part in given_.split()}
    splits, note = arrange(parts, 0, val_from_train)
    assert {split: len(splits[split]) for split in SPLITS} == expected
    assert note


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("all", {"train": "all", "val": "all", "test": "all"}),
        ("test", {"train": "test", "val": "test", "test": "test"}),
        ("train val", {"train": "train", "val": "val", "test": "val"}),
        ("train test", {"train": "train", "val": "test", "test": "test"}),
        ("train val test", {"train": "train", "val": "val", "test": "test"}),
    ],
)
def test_nothing_is_cut_for_scoring(given_, expected):
    parts = {part: tuple(Entry(f"{part}/{number}") for number in range(2)) for part in given_.split()}
    splits, _ = keep_whole(parts)
    assert splits == {split: parts[part] for split, part in expected.items()}


def test_an_empty_split_is_refused():
    with pytest.raises(DataError, match="3 of a class for class folders"):
        arrange({"all": [Entry(str(number), label=number) for number in range(9)]}, 0, True)


def test_groups_are_not_torn_apart():
    slices = [
        Entry(f"{volume}/{part}", part=part, group=str(volume)) for volume in range(20) for part in range(5)
    ]
    subsets = cut(slices, (15, 15), seed=0)
    volumes = [{entry.group for entry in subset} for subset in subsets]
    assert [len(each) for each in volumes] == [3, 3, 14]
    assert set.intersection(volumes[0], volumes[1] | volumes[2]) == set()
    assert [len(subset) for subset in subsets] == [15, 15, 70]


def own_parts(groups=False):
    return {
        split: tuple(
            Entry(f"{split}{number}", group=f"scene{number % 5}" if groups else None)
            for number in range(count)
        )
        for split, count in (("train", 12), ("val", 3), ("test", 5))
    }


def test_a_split_that_is_given_sets_the_datas_own_aside_and_says_so():
    splits, note = arrange(own_parts(), 0, True, (80, 20), own_splits=False)
    assert (len(splits["train"]), len(splits["val"])) == (16, 4)
    assert splits["test"] == splits["val"]
    assert note == (
        "the data's own splits (12 train, 3 val, 5 test) are set aside, and 80/20 by stem, split seed 0; "
        "val is used for validation and for the scores"
    )
    assert arrange(own_parts(), 0, True, (80, 20), own_splits=False)[0] == splits
    assert arrange(own_parts(), 1, True, (80, 20), own_splits=False)[0] != splits


def test_own_splits_are_kept_if_the_user_says_so_and_two_parts_are_pooled_if_not():
    parts = own_parts()
    assert arrange(parts, 0, True, (80, 20))[0] == parts
    two = {split: parts[split] for split in ("train", "test")}
    splits, note = arrange(two, 0, True, (60, 20, 20), own_splits=False)
    assert [len(splits[split]) for split in SPLITS] == [11, 3, 3]
    assert "(12 train, 5 test) are set aside" in note


def test_a_split_that_sets_the_own_aside_keeps_groups_whole_and_has_folds():
    splits, note = arrange(own_parts(groups=True), 0, True, (60, 20, 20), own_splits=False)
    scenes = [{entry.group for entry in splits[split]} for split in SPLITS]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == 5
    assert "by group" in note
    with pytest.raises(DataError, match="set the data's own splits aside with --split"):
        arrange(own_parts(), 0, True, fold="1/5")
    folds = [arrange(own_parts(), 0, True, fold=f"{k}/5", own_splits=False)[0]["test"] for k in range(1, 6)]
    assert sorted(entry.stem for fold in folds for entry in fold) == sorted(
        entry.stem for entries in own_parts().values() for entry in entries
    )
