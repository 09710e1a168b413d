"""Images that belong together stay together."""

import re

import pytest

from foveate.data.dataset import SPLITS, Entry
from foveate.data.groups import assign_groups, settle_groups, torn_groups
from foveate.data.open import open_dataset
from foveate.data.splits import arrange, cut
from foveate.data.suggestions import suggest_groups
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
    assert "Images are in 2 groups by the column ward." in dataset.describe()


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


def held(dataset):
    return {split: set(dataset.groups(split)) for split in SPLITS}


@pytest.mark.parametrize("heading", ["PatientID", "Patient ID", "case_id", "lesion_id", "subject"])
def test_a_column_of_patients_keeps_them_together(make, heading):
    for number in range(24):
        make.save(f"images/{number:03d}.png", make.photo(number, (8, 8)))
    rows = [f"image,label,{heading}", *(f"{n:03d}.png,{n % 2},P{n // 3}" for n in range(24))]
    (make.root / "data.csv").write_text("\n".join(rows))
    dataset = open_dataset(make.root)
    groups = held(dataset)
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 8
    assert f"Images are in 8 groups by the column {heading.lower()}" in dataset.describe()
    assert dataset.cautions == ()
    alone = open_dataset(make.root, group="none")
    assert not alone.has_groups
    assert "--group none" in alone.describe()


def test_patients_torn_by_a_column_of_splits_are_a_caution_and_nothing_stays_together(make):
    for number in range(24):
        make.save(f"images/{number:03d}.png", make.photo(number, (8, 8)))
    words = ("train", "train", "val", "test")
    rows = [f"{n:03d}.png,{n % 2},P{n // 4},{words[n % 4]}" for n in range(24)]
    (make.root / "data.csv").write_text("\n".join(["image,label,patient,split", *rows]))
    dataset = open_dataset(make.root)
    assert "6 of 6 groups are torn apart between train and val and test" in dataset.cautions[0]
    assert "\nWarning: 6 of 6 groups" in dataset.describe()
    assert "together" not in dataset.describe()


def test_copies_of_an_image_stay_together(make):
    for number in range(10):
        for k in range(3):
            name = f"train/img{number}_jpg.rf.{number * 3 + k:032x}"
            make.save(f"{name}.png", make.photo(number))
            make.save(f"{name}_mask.png", make.mask(number, [0, 255]))
    dataset = open_dataset(make.root)
    groups = held(dataset)
    assert sum(map(len, groups.values())) == 10
    assert "30 images are copies of 10 by their names, and in one group with them" in dataset.describe()
    assert dataset.cautions == ()


def test_copies_in_two_given_parts_are_a_caution(make):
    make.pairs("train/images", "train/masks", count=6)
    make.pairs("test/images", "test/masks", count=6)
    for path in sorted((make.root / "test").rglob("*.png")):
        path.rename(path.with_stem(f"{path.stem}_flip"))
    caution = open_dataset(make.root).cautions[0]
    assert re.match("6 of 6 groups are torn apart between train and(?: val and)? test", caution)


@pytest.mark.parametrize(
    ("name", "flag"),
    [("patient{0:02d}_slice{1:02d}", "'^[^_]+'"), ("video{0:04d}/{1:05d}", "'^([^/]+)/'")],
)
def test_names_and_folders_are_cautioned_of_with_the_flag_that_mends_it(make, name, flag):
    for patient in range(8):
        for number in range(6):
            stem = name.format(patient, number)
            make.save(f"images/{stem}.png", make.photo(patient * 6 + number, (8, 8)))
            make.save(f"masks/{stem}.png", make.mask(number, [0, 255], (8, 8)))
    (caution,) = open_dataset(make.root).cautions
    assert "names look like 8 groups of images that belong together" in caution
    assert re.search("[78] of 8 groups are torn apart between train", caution)
    assert f"; --group {flag} keeps each in one part" in caution
    mended = open_dataset(make.root, group=flag.strip("'"))
    assert mended.cautions == ()
    assert sum(map(len, held(mended).values())) == 8


def test_given_parts_are_judged_by_folders_too(make):
    for part, videos in (("train", (1, 2, 3)), ("test", (3, 4))):
        for video in videos:
            for number in range(3):
                frame = number + 3 * (part == "test")
                make.save(f"{part}/images/video{video}/{frame}.png", make.photo(number, (8, 8)))
                make.save(f"{part}/masks/video{video}/{frame}.png", make.mask(number, [0, 255], (8, 8)))
    (caution,) = open_dataset(make.root).cautions
    assert "1 of 4 groups is torn apart between train and test: 'video3'" in caution
    assert "put all images into one folder and give --group '^([^/]+)/'" in caution


def test_a_wider_group_than_the_copies_is_proposed():
    names = [f"p{patient}_{n}_jpg.rf.{k}a" for patient in range(4) for n in range(3) for k in range(2)]
    grouped = settle_groups(named(*names), {}, None)
    entries = grouped.parts["all"]
    assert len({entry.group for entry in entries}) == 12
    assert suggest_groups(entries).pattern == "^[^_]+"
    assert suggest_groups(settle_groups(named(*names), {}, "^[^_]+").parts["all"]) is None


def test_columns_that_repeat_without_a_name_of_groups_are_told():
    names = [f"{n:03d}" for n in range(24)]
    sites = {name: f"S{n // 6}" for n, name in enumerate(names)}
    grouped = settle_groups(named(*names), {"hospital": sites, "image": {n: n for n in names}}, None)
    assert not any(entry.group for entry in grouped.parts["all"])
    assert grouped.notes == (
        "the column hospital repeats over images and groups none of them; --group hospital would",
    )


def test_parts_that_number_their_images_anew_share_no_copies():
    parts = {
        part: [Entry(f"{part}/{n}{end}") for n in range(4) for end in ends]
        for part, ends in (("train", ("", "_flip")), ("test", ("",)))
    }
    grouped = settle_groups(parts, {}, None)
    assert [entry.group for entry in grouped.parts["train"][:2]] == ["train/0", "train/0"]
    assert torn_groups(grouped.parts) == {}
