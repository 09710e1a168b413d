"""Images that belong together stay together."""

import re

import pytest

from foveate.data.dataset import SPLITS, Entry
from foveate.data.groups import assign_groups, torn_groups
from foveate.data.open import open_dataset
from foveate.data.splits import arrange, cut
from foveate.errors import DataError
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec


def named(*names):
    return {"all": [Entry(name) for name in names]}


def groups_of(names, pattern):
    parts, _ = assign_groups(named(*names), pattern, {})
    return [entry.group for entry in parts["all"]]


@pytest.fixture
def drives(make):
    """Twenty pairs called DRIVE_FRAME: four drives of two to eight frames."""
    root = make.pairs(count=20)
    names = [f"d{drive}_{frame}" for drive, frames in enumerate((8, 6, 4, 2)) for frame in range(frames)]
    for folder in ("images", "masks"):
        for path, name in zip(sorted((root / folder).iterdir()), names, strict=True):
            path.rename(path.with_stem(name))
    return root


def test_frames_of_one_drive_stay_together(drives):
    dataset = open_dataset(drives, group="^[^_]+", shares=(50, 25, 25))
    held = {split: set(dataset.groups(split)) for split in SPLITS}
    assert sorted(group for groups in held.values() for group in groups) == ["d0", "d1", "d2", "d3"]
    assert len(dataset.index("train")) == 10
    assert "Images are in 4 groups by '^[^_]+'" in dataset.describe()
    assert "by group" in dataset.describe()


def test_without_groups_every_image_is_its_own(drives):
    dataset = open_dataset(drives)
    assert not dataset.has_groups
    assert dataset.groups("test") == tuple(entry.stem for entry in dataset.index("test"))


def test_a_capture_group_names_the_group():
    names = ["a-p1-x", "b-p1-y", "c-p2-z"]
    assert groups_of(names, r"-(p\d)-") == ["p1", "p1", "p2"]
    assert groups_of(names, r"p\d") == ["p1", "p1", "p2"]


def test_patterns_see_names_and_with_a_slash_the_folders_inside_a_part():
    names = ["train/p1/1", "train/p2/1", "val/p1/2"]
    assert groups_of(names, "^[^/]+/") == ["p1/", "p2/", "p1/"]
    assert groups_of(["train/1_a", "val/1_b", "val/2_a"], "^[^_]+") == ["1", "1", "2"]


def test_images_without_a_match_keep_to_themselves():
    parts, note = assign_groups(named("p1_a", "p1_b", "x", "y"), "^p1", {})
    assert [entry.group for entry in parts["all"]] == ["p1", "p1", None, None]
    assert note == "images are in 1 group by '^p1'; 2 images without one are kept apart"
    *held_out, train = cut(parts["all"], (25, 25), seed=0)
    assert sorted(len(subset) for subset in (*held_out, train)) == [1, 1, 2]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("^q", "'^q': is in the name of no image, such as 'p1_a'; write a regular expression"),
        ("", "'': is in the name of no image"),
        ("^p", "^p puts all 6 images into one group ('p'), so none are left to test on"),
        ("[", "'[': is not a regular expression (unterminated character set at position 0)"),
    ],
)
def test_patterns_that_group_nothing(pattern, words):
    names = [f"p{patient}_{letter}" for patient in (1, 2) for letter in "abc"]
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        assign_groups(named(*names), pattern, {})
    assert pattern == "[" or "these names look like --group '^[^_]+'" in str(caught.value)


@pytest.fixture
def patients(make):
    """Twelve pairs with a table: a patient for every two images, and a ward for every six."""
    root = make.pairs(count=12)
    names = sorted(path.name for path in (root / "images").iterdir())
    rows = [f"{name},{name},p{row // 2},{row // 6}" for row, name in enumerate(names)]
    (root / "data.csv").write_text("\n".join(["image,mask,Patient ID,ward", *rows]))
    return root


@pytest.mark.parametrize("name", ["patient id", "PatientID", "patient_id"])
def test_a_column_of_the_table_groups_images(patients, name):
    dataset = open_dataset(patients, group=name)
    assert {len(set(dataset.groups(split))) * 2 == len(dataset.index(split)) for split in SPLITS} == {True}
    assert "Images are in 6 groups by the column patient id" in dataset.describe()


def test_a_named_column_replaces_the_groups_of_the_data(patients):
    table = patients / "data.csv"
    table.write_text(table.read_text().replace("Patient ID", "patient"))
    assert set(open_dataset(patients).groups("train")) <= {f"p{number}" for number in range(6)}
    with pytest.raises(DataError, match="2 groups are too few for a split into train, val and test"):
        open_dataset(patients, group="ward")
    dataset = open_dataset(patients, group="ward", shares=(50, 50))
    assert set(dataset.groups("train")) ^ set(dataset.groups("test")) == {"0", "1"}
    assert "by the column ward in place of the data's own" in dataset.describe()


def test_a_group_that_the_own_split_tears_apart_is_named():
    parts = {
        "train": [Entry("train/p1_1"), Entry("train/p2_1"), Entry("train/p3_1"), Entry("train/p3_2")],
        "val": [Entry("val/p4_1")],
        "test": [Entry("test/p1_2"), Entry("test/p5_1")],
    }
    grouped, _ = assign_groups(parts, "^[^_]+", {})
    splits, _ = arrange(grouped, 0, True)
    assert {split: len(splits[split]) for split in SPLITS} == {"train": 4, "val": 1, "test": 2}
    assert torn_groups(splits) == {"p1": ("train", "test")}


def test_the_note_on_torn_groups(make):
    root = make.pairs("train/images", "train/masks", count=8)
    make.pairs("val/images", "val/masks", count=4)
    for path in sorted(root.rglob("*.*")):
        path.rename(path.with_stem(f"{int(path.stem) % 4}_{path.stem}"))
    text = open_dataset(root, group="^[^_]+").describe()
    assert "4 of 4 groups are torn apart between train" in text
    assert "their test images may score too high" in text


def test_labelled_groups_are_divided_by_class():
    entries = [
        Entry(f"{label}/p{patient}_{number}", label=label, group=f"p{patient}")
        for patient in range(40)
        for label in (0, 1)
        for number in range(3 if label == patient % 2 else 1)
    ]
    val, test, train = cut(entries, (15, 15), seed=0)
    for subset in (val, test):
        assert len(subset) == 24
        assert sum(entry.label for entry in subset) == 12
    assert not {entry.group for entry in val + test} & {entry.group for entry in train}
    assert cut(entries[::-1], (15, 15), seed=0) == [val, test, train]
    assert cut(entries, (15, 15), seed=1) != [val, test, train]


def test_a_module_keeps_groups_whole(drives):
    module = DataModule(DataSpec(str(drives), size=(32, 32), group="^[^_]+"))
    splits = [set(module.dataset.groups(split)) for split in SPLITS]
    assert not any(a & b for number, a in enumerate(splits) for b in splits[:number])
