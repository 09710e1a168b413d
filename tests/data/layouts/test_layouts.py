"""How folders of all forms are read, and that none is read in a way that is not said."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.doctor.folder import scan_folder
from foveate.errors import UserError
from foveate.specs.data import FolderChoice

from .trees import PAGE, TREES, Tree, images, mask, page_with_table, pairs, photo, product, save

READ = [tree for tree in TREES if tree.layout]
REFUSED = [tree for tree in TREES if not tree.layout]


def named(trees: list[Tree]) -> list:
    return [pytest.param(tree, id=tree.name) for tree in trees]


def entries(dataset):
    return [entry for split in SPLITS for entry in dataset.index(split)]


@pytest.mark.parametrize("tree", named(READ))
def test_a_folder_is_read_as_the_page_says(tmp_path, tree):
    tree.write(tmp_path)
    dataset = open_dataset(tmp_path, **tree.flags)
    assert (dataset.name, dataset.classes, len(dataset)) == (tree.layout, tree.classes, tree.images)
    if tree.splits:
        assert tuple(len(dataset.index(split)) for split in SPLITS) == tree.splits
    assert len({entry.group for entry in entries(dataset)} - {None}) == tree.groups
    assert tree.says in dataset.describe()
    for entry in entries(dataset):
        assert dataset.read(entry)[0].shape == (12, 16, 3)


@pytest.mark.parametrize("tree", named(REFUSED))
def test_a_folder_is_refused_with_the_word_that_settles_it(tmp_path, tree):
    tree.write(tmp_path)
    with pytest.raises(UserError) as refusal:
        open_dataset(tmp_path, **tree.flags)
    assert tree.says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("tree", named(READ))
def test_the_doctor_lists_the_same_images(tmp_path, tree):
    tree.write(tmp_path)
    folder = scan_folder(tmp_path, choice=FolderChoice(**tree.flags))
    assert (folder.layout, len(folder.entries), folder.unpaired) == (tree.layout, tree.images, ())
    pickle.dumps(folder.read)  # other processes examine large folders
    assert {entry.group for _, entry in folder.entries} == {
        entry.group for entry in entries(open_dataset(tmp_path, **tree.flags))
    }


def test_the_table_of_the_page_is_that_of_the_trees():
    page = PAGE.read_text()
    assert page == page_with_table(page), "run python tests/data/layouts/trees.py"


def test_groups_of_patients_are_not_torn_apart(tmp_path):
    next(tree for tree in TREES if tree.name == "patients").write(tmp_path)
    dataset = open_dataset(tmp_path)
    held = [{entry.group for entry in dataset.index(split)} for split in SPLITS]
    assert all(held)
    assert sum(map(len, held)) == len(set.union(*held))


def test_pixels_outside_the_field_of_view_are_ignored_and_not_counted(tmp_path):
    tree = next(tree for tree in TREES if tree.name == "drive")
    tree.write(tmp_path)
    dataset = open_dataset(tmp_path, **tree.flags)
    entry = dataset.index("train")[0]
    truth = (mask(int(entry.image.name[:2])) > 0).astype(np.uint8)
    truth[:2] = 255
    assert np.array_equal(dataset.read(entry)[1], truth)
    assert dataset.counts[entry.stem].tolist() == [int((truth == 0).sum()), int((truth == 1).sum())]


def test_joined_masks_are_a_union_and_counted(tmp_path):
    tree = next(tree for tree in TREES if tree.name == "joined_masks")
    tree.write(tmp_path)
    dataset = open_dataset(tmp_path, **tree.flags)
    for entry in entries(dataset):
        truth = mask(int(entry.image.stem.removeprefix("MCU_"))) > 0
        assert np.array_equal(dataset.read(entry)[1], truth)
        assert dataset.counts[entry.stem].tolist() == [int((~truth).sum()), int(truth.sum())]
    (tmp_path / "ManualMask/rightMask/MCU_3.png").unlink()
    with pytest.raises(UserError, match=r"no mask of the same name in .*rightMask: MCU_3.png"):
        open_dataset(tmp_path, **tree.flags)


def test_what_is_said_of_a_folder_is_taken_back_by_none(tmp_path):
    pairs(("images/{n}.png", "masks/{n}.png"))(tmp_path)
    said = {"layout": "none", "masks": "none", "ignore_outside": "none"}
    assert open_dataset(tmp_path, **said).describe() == open_dataset(tmp_path).describe()


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    pairs(("images/{n}.png", "masks/{n}.png"))(tmp_path)
    (tmp_path / "masks/3.png").unlink()
    (tmp_path / "masks/3.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"not read: 1 link that leads nowhere \(.*masks/3\.png\)"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"layout": "class_folder"}, r"unknown layout 'class_folder'; did you mean 'class_folders'\?"),
        ({"masks": "nope"}, r"there is no folder called nope/ \(--masks\)"),
        ({"masks": "1st_manual", "ignore_outside": "nope"}, "have no field of view in a folder nope/ beside"),
        ({"masks": "1st_manual", "layout": "class_folders"}, "is for pairs of images and masks"),
        ({"ignore_outside": "mask"}, "could both hold the masks"),
        ({"layout": "nnunet"}, "has no imagesTr/ with labelsTr/"),
        ({"layout": "pairs_in_folders"}, "could both hold the masks"),
    ],
)
def test_words_that_do_not_fit_the_folder(tmp_path, flags, words):
    next(tree for tree in TREES if tree.name == "drive").write(tmp_path)
    with pytest.raises(UserError, match=words):
        open_dataset(tmp_path, **flags)


def test_words_on_folders_are_not_for_drawn_data():
    with pytest.raises(UserError, match="--layout paired is for folders of files"):
        open_dataset("synthetic:8", layout="paired")


def test_folders_of_programs_are_no_data(tmp_path):
    images("cat", "dog", "__pycache__", ".ipynb_checkpoints")(tmp_path)
    assert open_dataset(tmp_path).classes == ("cat", "dog")


def test_splits_with_a_word_before_them(tmp_path):
    images(*(f"{part}/{part}/{name}" for part in ("seg_train", "seg_test") for name in ("sea", "street")))(
        tmp_path
    )
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("sea", "street")
    assert [len(dataset.index(split)) for split in SPLITS] == [10, 2, 12]


def test_classes_with_masks_beside_their_images(tmp_path):
    forms = ((f"{name}/{{n}}.png", f"{name}/{{n}}_mask.png") for name in ("benign", "normal"))
    pairs(*forms)(tmp_path)
    with pytest.raises(
        UserError, match="--layout pairs_in_folders; for classification, --layout class_folders"
    ):
        open_dataset(tmp_path)
    assert len(open_dataset(tmp_path, layout="class_folders")) == 16
    assert open_dataset(tmp_path, layout="pairs_in_folders").task == "segmentation"


def test_masks_deep_inside_a_class_are_no_images(tmp_path):
    forms = (
        (f"{name}/images/img/{{n}}.png", f"{name}/images/lung masks/{{n}}.png") for name in ("cat", "dog")
    )
    pairs(*forms)(tmp_path)
    with pytest.raises(UserError, match="cat/images/lung masks/ looks like masks"):
        open_dataset(tmp_path)
    assert len(open_dataset(tmp_path, layout="class_folders")) == 16


def test_folders_inside_a_class_are_said_to_be_joined(tmp_path):
    images(*product(("cat", "dog"), ("images",), ("part1", "part2")), count=3)(tmp_path)
    assert (
        "Folders inside a class are joined, such as part1/ and part2/ of cat/"
        in open_dataset(tmp_path).describe()
    )


def test_folders_called_as_sets_that_hold_no_classes(tmp_path):
    images("seg_train", "seg_test")(tmp_path)
    with pytest.raises(UserError, match="are splits, and hold images alone"):
        open_dataset(tmp_path)


SIBLINGS = {
    "images and labels of one side": ("imgs_folder", "gt_folder", "called as images and masks"),
    "images beside others of masks": ("train/images", "train/Semantic_masks/a", "but no masks/"),
    "images by number": ("images_001", "images_002", "look like parts"),
    "images by number, a level down": ("images_1/images", "images_2/images", "look like parts"),
    "groups of files": ("batch_1", "batch_2", "look like parts"),
    "folds without classes": ("fold1", "fold2", "look like folds"),
    "sites without classes": ("hospital_a", "hospital_b", "look like patients or sites"),
    "years": ("2019", "2020", "look like dates"),
    "months": ("2019-05", "2019-06", "look like dates"),
    "a class in another": ("cats", "dogs/cats", "dogs/ holds cats/, called as another class; move cats/"),
    "results of a program": (
        "cat",
        "Predictions",
        "Predictions/, beside others, may be what a program wrote",
    ),
    "splits with other words": ("my_train_a", "my_test_a", "look like splits"),
}


@pytest.mark.parametrize(("first", "second", "words"), SIBLINGS.values(), ids=SIBLINGS)
def test_folders_that_are_no_classes(tmp_path, first, second, words):
    images(first, second)(tmp_path)
    with pytest.raises(UserError, match=words):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("with_mask", "without_mask"),
        ("mask", "no_mask"),
        ("c0", "c1", "c2"),
        ("0", "1", "2"),
        ("train", "bus", "car"),
        ("grade_1", "grade_2"),
        ("plant_healthy", "plant_sick"),
        ("n01440764", "n01443537"),
        ("target", "other"),
        ("class_a", "class_b"),
    ],
    ids="-".join,
)
@pytest.mark.parametrize("split", [False, True])
def test_names_that_classes_have(tmp_path, names, split):
    folders = product(("Train", "Test"), names) if split else names
    images(*folders, count=6)(tmp_path)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.classes) == ("class_folders", tuple(sorted(names)))


def test_classes_of_several_years_are_joined(tmp_path):
    images(*product(("2019", "2020", "2021"), ("elm", "oak")), count=3)(tmp_path)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.classes) == ("classes_in_folders", ("elm", "oak"))
    assert {entry.group for entry in entries(dataset)} == {"2019", "2020", "2021"}


def test_one_folder_inside_a_class_is_said_to_be_joined(tmp_path):
    images("birds", "dogs", "dogs/puppies")(tmp_path)
    assert "Folders inside a class are joined, such as puppies/ of dogs/" in open_dataset(tmp_path).describe()


@pytest.mark.parametrize("separator", ["-", " ", "_"])
def test_names_of_splits_and_masks_by_any_separator(tmp_path, separator):
    forms = ((f"{part}{separator}images/{{n}}.png", f"{part}{separator}masks/{{n}}.png") for part in SPLITS)
    pairs(*forms)(tmp_path)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, [len(dataset.index(split)) for split in SPLITS]) == ("paired", [8, 8, 8])
    alone = tmp_path / "alone"
    pairs(("Images/{n}.png", f"Ground{separator}Truth/{{n}}.png"))(alone)
    assert open_dataset(alone).name == "paired"


MASKS_BY_OTHER_NAMES = {
    "in folders of sides": ("CXR_png/{n}.png", "ManualMask/leftMask/{n}.png", "ManualMask/ look like masks"),
    "with words of their own": (
        "stare-images/im{n}.png",
        "labels-ah/im{n}.ah.png",
        "labels-ah/ is called as masks are, and its files look like masks; .*--masks labels-ah",
    ),
    "x and y": ("x_train/{n}.png", "y_train/{n}.png", "y_train/ look like masks"),
    "of annotators": (
        "images/{n}.png",
        "annotator1/{n}.png",
        "annotator1/ holds the masks, say --masks annotator1",
    ),
    "beside images": ("A/{n}.png", "label/{n}.png", "where A/ holds the images, call it images/"),
    "of sequences": ("seq1/frames/{n}.png", "seq1/labels/{n}.png", "where frames/ holds the images"),
}


@pytest.mark.parametrize(("image", "drawn", "words"), MASKS_BY_OTHER_NAMES.values(), ids=MASKS_BY_OTHER_NAMES)
def test_masks_by_other_names_are_refused_with_what_was_seen(tmp_path, image, drawn, words):
    pairs((image, drawn))(tmp_path)
    with pytest.raises(UserError, match=words):
        open_dataset(tmp_path)


TABLES = {
    "of other columns": ("id_code,diagnosis\n0,1\n", "if labels.csv lists the masks or labels"),
    "of run lengths": ("ImageId,EncodedPixels\n0,1 5\n", "labels.csv is a table of run lengths; draw them"),
}


@pytest.mark.parametrize(("table", "words"), TABLES.values(), ids=TABLES)
def test_a_table_beside_one_folder_of_images_is_named(tmp_path, table, words):
    images("scans")(tmp_path)
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(UserError, match=words):
        open_dataset(tmp_path)


def test_classes_that_differ_in_case_between_the_splits(tmp_path):
    images("train/Cat", "train/Dog", "test/cat", "test/dog")(tmp_path)
    with pytest.raises(UserError, match="'Cat' and 'cat' differ in case or blanks alone"):
        open_dataset(tmp_path)


def test_masks_by_another_name_in_each_split(tmp_path):
    images(*product(("train", "val"), ("images", "Semantic_masks/images")))(tmp_path)
    with pytest.raises(UserError, match=r"are called as images and masks are; .*--masks Semantic_masks"):
        open_dataset(tmp_path)


def test_folds_with_splits_of_their_own(tmp_path):
    images(*product(("fold0", "fold1"), ("train", "val"), ("cat", "dog")), count=3)(tmp_path)
    with pytest.raises(UserError, match="has splits of its own, so the same images may lie in several"):
        open_dataset(tmp_path)


def test_a_second_file_of_masks_beside_the_first(tmp_path):
    pairs(("images/{n}.png", "masks/{n}.png"), ("images/{n}.png", "labels/{n}.png"))(tmp_path)
    with pytest.raises(UserError, match="labels/ and masks/ could both hold the masks"):
        open_dataset(tmp_path)
    dataset = open_dataset(tmp_path, masks="labels")
    assert {entry.mask.parent.name for entry in entries(dataset)} == {"labels"}
    assert "Not read: masks/" in dataset.describe()


def test_an_image_that_lies_in_two_folders_of_parts(tmp_path):
    next(tree for tree in TREES if tree.name == "table_of_parts").write(tmp_path)
    save(tmp_path / "HAM10000_images_part_2" / "ISIC_0000000.jpg", photo(0))
    with pytest.raises(UserError, match="lies in HAM10000_images_part_1/ and in HAM10000_images_part_2/"):
        open_dataset(tmp_path)


LEVELS = (
    ("train", "test"),
    ("training_set", "test_set"),
    ("fold_0", "fold_1", "fold_2"),
    ("part1", "part2"),
    ("patient1", "patient2", "patient3"),
    ("cat", "dog"),
    ("10", "11", "12"),
    ("images", "masks"),
    ("img", "lung masks"),
    ("imagesTr", "labelsTr"),
    ("images",),
    ("data",),
)


def _draw(root, path: str, number: int) -> None:
    names = path.split("/")
    is_mask = any(name in ("masks", "lung masks", "labelsTr") for name in names)
    save(root / path / f"{number}.png", mask(number) if is_mask else photo(hash(path) % 1000 + number))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(LEVELS), min_size=1, max_size=3, unique=True))
def test_no_arrangement_of_folders_is_read_in_a_way_that_is_not_said(tmp_path_factory, levels):
    root = tmp_path_factory.mktemp("tree")
    for path in product(*levels):
        for number in range(3):
            _draw(root, path, number)
    try:
        dataset = open_dataset(root)
    except UserError:
        return
    said = dataset.describe()
    words = {name for level in levels for name in level}
    if dataset.task == "classification":
        # Classes are words of one level that names classes, and no mask is an image.
        assert any(set(dataset.classes) == set(level) for level in (("cat", "dog"), ("10", "11", "12")))
        assert not any("masks" in entry.stem or "labels" in entry.stem for entry in entries(dataset))
        joined = {"fold_0", "part1", "patient1", "10", "cat"} & words - {*dataset.classes}
        assert not joined or "are joined" in said
    else:
        assert all(entry.mask != entry.image for entry in entries(dataset))
        assert {"masks", "lung masks", "labelsTr"} & words
        joined = {"fold_0", "part1", "patient1", "cat", "10"} & words
        assert not joined or "joined" in said or all("/" in entry.stem for entry in entries(dataset))
    if {"train", "training_set"} & words and dataset.task == "classification":
        tested = {entry.stem.partition("/")[0] for entry in dataset.index("test")}
        assert "own splits" in said or "cut from train" in said, tested
