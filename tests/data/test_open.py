import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.data.dataset import SPLITS
from foveate.data.open import dataset_names, dataset_summaries, open_dataset
from foveate.data.recognise import recognise
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit
from foveate.errors import DataError, UserError


def entries(dataset):
    return [entry for split in SPLITS for entry in dataset.index(split)]


def test_binary_pairs(make):
    dataset = open_dataset(make.pairs(count=20))
    assert (dataset.name, dataset.task, dataset.classes) == (
        "paired",
        "segmentation",
        ("background", "foreground"),
    )
    assert {split: len(dataset.index(split)) for split in SPLITS} == {"train": 14, "val": 3, "test": 3}
    entry = dataset.index("train")[0]
    image, mask = dataset.read(entry)
    assert np.array_equal(image, make.photo(int(entry.stem)))
    assert np.array_equal(mask, make.mask(int(entry.stem), [0, 255]) == 255)
    text = dataset.describe()
    assert "20 images (14 train, 3 val, 3 test)" in text
    assert "Masks are binary: 0 = background, 255 = foreground" in text
    assert "70/15/15 by stem, split seed 0" in text


def test_255_is_ignored_beside_0_and_1(make):
    dataset = open_dataset(make.pairs(values=(0, 1, 255)))
    assert dataset.classes == ("background", "foreground")
    assert set(np.unique(dataset.read(dataset.index("train")[0])[1])) == {0, 1, 255}
    assert "255 is ignored" in dataset.describe()


def test_indexed_masks_get_their_classes_from_the_values_or_the_user(make):
    root = make.pairs(values=(0, 3, 7, 255))
    assert open_dataset(root).classes == ("class 0", "class 3", "class 7")


def test_values_called_ignore_are_ignored_everywhere(make):
    dataset = open_dataset(make.pairs(values=(0, 1, 2)), classes=["road", "ignore", "car"])
    assert dataset.classes == ("road", "car")
    raw = make.mask(int(dataset.index("test")[0].stem), [0, 1, 2])
    assert np.array_equal(dataset.read(dataset.index("test")[0])[1], np.array([0, 255, 1])[raw])
    assert "1 and 255 are ignored" in dataset.describe()


@pytest.mark.parametrize("name", ["Void", "Unlabelled"])
def test_void_that_is_named_is_a_class(make, name):
    dataset = open_dataset(make.pairs(values=(0, 1, 2, 255)), classes=["road", "car", name])
    assert dataset.classes == ("road", "car", name)
    assert set(np.unique(dataset.read(dataset.index("test")[0])[1])) == {0, 1, 2, 255}
    assert f"{name} counts as a class, for it is named (call it ignore to ignore it)" in dataset.describe()


@pytest.mark.parametrize(
    ("images", "masks"),
    [("images", "masks"), ("Image", "mask"), ("imgs", "labels"), ("IMAGES", "annotations")],
)
def test_folders_may_be_called_differently(make, images, masks):
    assert len(open_dataset(make.pairs(images, masks))) == 8


@pytest.mark.parametrize("ending", ["_mask", "_L", "_gt", "_label"])
def test_mask_names_may_have_an_ending(make, ending):
    root = make.pairs()
    for path in (root / "masks").iterdir():
        path.rename(path.with_stem(path.stem + ending))
    assert all(ending in entry.mask.stem for entry in entries(open_dataset(root)))


def test_pairs_in_the_folders_own_splits(make):
    for split in SPLITS:
        make.pairs(f"{split}/images", f"{split}/masks", count=3)
    dataset = open_dataset(make.root)
    assert [entry.stem for entry in dataset.index("val")] == ["val/00", "val/01", "val/02"]
    assert "own splits" in dataset.describe()


def test_splits_inside_images_and_masks(make):
    for split in SPLITS:
        make.pairs(f"images/{split}", f"masks/{split}", count=2)
    assert open_dataset(make.root).split_table()["test"] == ["test/00", "test/01"]


def test_camvid_with_train_and_val_keeps_val_for_testing(make):
    for split in ("train", "val"):
        make.pairs(split, f"{split}annot", count=10, values=tuple(range(12)))
    dataset = open_dataset(make.root)
    assert dataset.name == "camvid"
    assert dataset.classes[0] == "Sky"
    assert dataset.classes[-1] == "Bicyclist"
    assert len(dataset.classes) == len(dataset.colors) == 11
    assert [len(dataset.index(split)) for split in SPLITS] == [8, 2, 10]
    assert all(entry.stem.startswith("val/") for entry in dataset.index("test"))
    assert "val is kept for testing" in dataset.describe()
    mask = dataset.read(dataset.index("test")[0])[1]
    assert set(np.unique(mask)) == {*range(11), 255}

    both = open_dataset(make.root, val_from_train=False)
    assert [len(both.index(split)) for split in SPLITS] == [10, 10, 10]
    assert both.index("val") == both.index("test")
    assert len(both) == 20


def test_camvid_layout_with_other_classes(make):
    for split in SPLITS:
        make.pairs(split, f"{split}annot", count=2, values=(0, 1, 2))
    assert open_dataset(make.root, classes=["a", "b", "ignore"]).classes == ("a", "b")
    assert open_dataset(make.root, classes=["a", "b", "void"]).classes == ("a", "b", "void")
    assert open_dataset(make.root).classes == ("class 0", "class 1", "class 2")


TABLE = "Name, R, G, B\nroad,128,64,128\nvoid,0,0,0\ncar,64,0,128\n"
COLORS = np.array([(128, 64, 128), (0, 0, 0), (64, 0, 128)], dtype=np.uint8)


def coloured(make, table=TABLE):
    for split in SPLITS:
        for number in range(3):
            make.save(f"{split}/{number}.jpg", make.photo(number))
            make.save(f"{split}_labels/{number}_L.png", COLORS[make.mask(number, [0, 1, 2])])
    (make.root / "class_dict.csv").write_text(table)
    return make.root


def test_coloured_masks(make):
    dataset = open_dataset(coloured(make))
    assert (dataset.name, dataset.classes) == ("coloured", ("road", "car"))
    assert dataset.colors == ((128, 64, 128), (64, 0, 128))
    entry = dataset.index("val")[1]
    assert np.array_equal(dataset.read(entry)[1], np.array([0, 255, 1])[make.mask(1, [0, 1, 2])])
    assert "void ignored" in dataset.describe()
    named = open_dataset(make.root, classes=["car", "void"])
    assert named.classes == ("void", "car")
    assert named.colors == ((0, 0, 0), (64, 0, 128))
    assert np.array_equal(named.read(entry)[1], np.array([255, 0, 1])[make.mask(1, [0, 1, 2])])
    with pytest.raises(UserError, match=r"unknown class of class_dict\.csv 'raod'; did you mean 'road'"):
        open_dataset(make.root, classes=["raod", "car"])


def test_palette_png_counts_as_coloured_where_there_is_a_table(make):
    root = coloured(make)
    ids = Image.fromarray(make.mask(1, [0, 1, 2]))
    ids.putpalette(COLORS.tobytes())
    ids.save(root / "val_labels" / "1_L.png")
    dataset = open_dataset(root)
    assert np.array_equal(dataset.read(dataset.index("val")[1])[1], np.array([0, 255, 1])[np.asarray(ids)])


def test_colour_outside_the_table(make):
    root = coloured(make)
    mask = COLORS[make.mask(0, [0, 1, 2])].copy()
    mask[0, :5] = (1, 2, 3)
    mask[1, :2] = (9, 9, 9)
    make.save("test_labels/0_L.png", mask)
    with pytest.raises(
        DataError, match=r"0_L\.png: colour \(1, 2, 3\) \(5 pixels; 7 pixels in all .*class_dict"
    ):
        open_dataset(root)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("road,1,2,3\n", r"class_dict\.csv:1: the header must be name,r,g,b; found road,1,2,3"),
        ("", r"class_dict\.csv:1: the header must be name,r,g,b; found nothing"),
        (
            "name,r,g,b\nroad,1,2,300\n",
            r"class_dict\.csv:2: 'road,1,2,300' is not name,r,g,b with values 0 to",
        ),
        (
            "name,r,g,b\na,1,2,3\nb,1,2,3\n",
            r"class_dict\.csv:3: 'b' \(1, 2, 3\) repeats the name or colour of 'a'",
        ),
        ("name,r,g,b\n", r"class_dict\.csv: names no class; add one line"),
        ("name,r,g,b\n,1,2,3\n", r"class_dict\.csv:2: ',1,2,3' is not name,r,g,b with values"),
        ("name,r,g,b\nvoid,1,2,3\n", "no class is left, for all of them are ignored; keep at least one"),
        (
            "name,r,g,b\n"
            + "".join(f"c{number},{number % 256},{number // 256},9\n" for number in range(256)),
            "256 classes are more than the 255 that masks of 8 bits can hold .* name those to keep with",
        ),
    ],
)
def test_class_dict_that_cannot_be_read(make, table, words):
    with pytest.raises(DataError, match=words):
        open_dataset(coloured(make, table))


def test_class_dict_in_another_encoding(make):
    root = coloured(make)
    (root / "class_dict.csv").write_bytes("name,r,g,b\nstraße,128,64,128\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"class_dict\.csv: is not CSV text \(.*\); save it as CSV in UTF-8"):
        open_dataset(root)


def test_class_folders_are_split_class_by_class(make):
    dataset = open_dataset(make.class_folders(cat=20, dog=40))
    assert (dataset.name, dataset.task, dataset.classes) == (
        "class_folders",
        "classification",
        ("cat", "dog"),
    )
    for split, counts in (("train", [14, 28]), ("val", [3, 6]), ("test", [3, 6])):
        labels = [entry.label for entry in dataset.index(split)]
        assert [labels.count(0), labels.count(1)] == counts
    image, label = dataset.read(dataset.index("test")[0])
    assert image.shape == (8, 8, 3)
    assert label == 0
    assert dataset.class_counts.tolist() == [[14, 28]]


def test_a_folder_of_datasets_is_none(make, tmp_path_factory):
    root, pairs = tmp_path_factory.mktemp("all"), make.pairs()
    for name in ("roads", "vessels"):
        shutil.copytree(pairs, root / name)
    words = rf"{root}: holds several datasets: roads \(paired\), vessels \(paired\); give one alone, such as"
    with pytest.raises(DataError, match=words):
        open_dataset(root)
    (root / "plans").mkdir()
    shutil.move(root / "vessels", root / "plans" / "vessels")
    with pytest.raises(DataError, match=r"datasets: plans/vessels \(paired\), roads \(paired\); give"):
        open_dataset(root)
    shutil.rmtree(root / "plans" / "vessels")
    with pytest.raises(DataError, match=r"holds a dataset beside other folders: roads \(paired\); give"):
        open_dataset(root)


def test_classes_with_splits_of_their_own_beside_others_are_several_datasets(make):
    make.class_folders(**{"cars/train/red": 4, "cars/train/blue": 4, "cars/test/red": 4, "cars/test/blue": 4})
    make.class_folders(**{"animals/cat": 4, "animals/dog": 4})
    with pytest.raises(DataError, match=r"a dataset beside other folders: cars \(class_folders\); give one"):
        open_dataset(make.root)


@pytest.mark.parametrize("masks", ["masks/a", "masks/train"])
def test_datasets_whose_masks_lie_deeper_are_no_classes(make, masks):
    for site in ("one", "two"):
        make.pairs(f"{make.root}/{site}/{masks.replace('masks', 'images')}", f"{make.root}/{site}/{masks}")
    with pytest.raises(DataError, match=r"several datasets: one \(paired\), two \(paired\)"):
        open_dataset(make.root)


def test_datasets_that_tables_describe_are_no_classes(make):
    for site in ("one", "two"):
        make.class_folders(**{f"{site}/images": 4})
        rows = [f"images/{number:03d}.png,{'ab'[number % 2]}" for number in range(4)]
        (make.root / site / "labels.csv").write_text("\n".join(["image,label", *rows]))
    with pytest.raises(DataError, match=r"several datasets: one \(csv\), two \(csv\)"):
        open_dataset(make.root)


def test_a_dataset_alone_beside_words(make):
    make.pairs(f"{make.root}/photos/images", f"{make.root}/photos/masks", count=20)
    (make.root / "README.md").write_text("words")
    dataset = open_dataset(make.root)
    assert (dataset.name, len(dataset)) == ("paired", 20)
    assert "Found in photos/" in dataset.describe()


def test_classes_in_a_folder_that_is_alone_beside_words(make):
    make.class_folders(**{"animals/cat": 8, "animals/dog": 8})
    (make.root / "README.md").write_text("words")
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("class_folders", ("cat", "dog"))
    assert "Found in animals/" in dataset.describe()


def test_a_link_that_leads_back(make):
    make.class_folders(cat=8, dog=8)
    (make.root / "cat" / "again").mkdir()
    (make.root / "cat" / "again" / "self").symlink_to(".")
    (make.root / "again").symlink_to(make.root / "cat" / "again")
    assert recognise(make.root).layout.name == "class_folders"


def test_classes_whose_images_lie_deeper(make):
    make.class_folders(**{"cat/images": 8, "dog/images": 8, "emu/a": 8, "emu/b": 8})
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("class_folders", ("cat", "dog", "emu"))


def test_images_are_called_by_the_folder_of_their_split_also_beside_words(make):
    make.class_folders(**{"train/cat": 20, "train/dog": 20})
    (make.root / "README.md").write_text("words")
    assert {entry.stem.partition("/")[0] for entry in open_dataset(make.root).index("test")} == {"train"}


def test_a_table_goes_before_the_folder_beside_it(make):
    make.class_folders(**{"photos/cat": 8, "photos/dog": 8})
    rows = [f"photos/{name}/{number:03d}.png,{name}" for name in ("cat", "dog") for number in range(8)]
    (make.root / "all.csv").write_text("\n".join(["image,label", *rows]))
    (make.root / "photos" / "exif.csv").write_text("file,label\ncat/000.png,x\n")
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("csv", ("cat", "dog"))


@pytest.mark.parametrize("name", ["cat/meta.csv", "cat/_annotations.coco.json", "samples/masks/0.png"])
def test_what_lies_among_classes_does_not_make_several_datasets_of_them(make, name):
    make.class_folders(**{"train/cat": 20, "train/dog": 20, "val/cat": 5, "val/dog": 5})
    if name.startswith("samples"):
        make.pairs(f"{make.root}/samples/images", f"{make.root}/samples/masks")
    else:
        (make.root / "train" / name).write_text("image,label\n000.png,x\n")
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("class_folders", ("cat", "dog"))


def test_a_folder_that_may_not_be_looked_into_is_passed_over(make, monkeypatch):
    make.class_folders(cat=8, dog=8)
    (make.root / "lost+found").mkdir()
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert recognise(make.root).layout.name == "class_folders"


def test_class_folders_with_train_and_test(make):
    make.class_folders(**{"train/cat": 20, "train/dog": 20, "test/cat": 5, "test/dog": 5})
    dataset = open_dataset(make.root)
    assert [len(dataset.index(split)) for split in SPLITS] == [34, 6, 10]
    assert dataset.index("test")[0].stem == "test/cat/000"
    assert open_dataset(make.root, classes=["dog", "cat"]).index("test")[0].label == 0


def test_data_to_score_is_whole_and_may_lack_a_class(make):
    root = make.pairs(count=2, values=(0, 2))
    names = ["road", "sky", "car"]
    with pytest.raises(DataError, match="2 images are too few"):
        open_dataset(root, names)
    dataset = open_dataset(root, names, to_score=True)
    assert dataset.classes == tuple(names)
    assert [len(dataset.index(split)) for split in ("train", "val", "test")] == [2, 2, 2]
    assert "all images are scored" in dataset.describe()
    make.pairs(count=9, values=(0, 2))
    with pytest.raises(DataError, match="'sky' never occurs"):
        open_dataset(root, names)
    assert len(open_dataset(root, names, to_score=True).index("test")) == 9


def test_a_recorded_split_is_reproduced(make):
    root = make.pairs(count=10)
    recorded = open_dataset(root, split_seed=3).split_table()
    assert recorded != open_dataset(root).split_table()
    make.save("images/zz.png", make.photo(0))
    make.save("masks/zz.png", make.mask(0, [0, 255]))
    assert open_dataset(root, splits=recorded).split_table() == recorded
    (root / "images" / f"{recorded['val'][0]}.png").unlink()
    (root / "masks" / f"{recorded['val'][0]}.png").unlink()
    with pytest.raises(
        DataError, match=f"1 images of the recorded split are missing, '{recorded['val'][0]}'"
    ):
        open_dataset(root, splits=recorded)


def test_class_counts_leave_ignored_pixels_out(make):
    for number in range(6):
        make.save(f"images/{number}.png", make.photo(0, (2, 4)))
        make.save(f"masks/{number}.png", np.array([[0, 0, 0, 2], [255, 255, 1, 1]], dtype=np.uint8))
    assert (open_dataset(make.root).class_counts == [3, 2, 1]).all()


def test_names_of_layouts():
    assert set(dataset_names()) >= {"synthetic", "shards", "paired", "camvid", "coloured", "class_folders"}
    assert "class_dict.csv" in dataset_summaries()["coloured"]


def test_every_real_dataset_opens(real_data):
    expected = {
        "camvid": ("camvid", 468, 11),
        "epfl_roads": ("paired", 80, 2),
        "drive": ("paired", 20, 2),
        "isbi_em": ("paired", 30, 2),
        "polyp_cvc612": ("paired", 45, 2),
        "cifar10_subset": ("class_folders", 6000, 10),
    }
    for folder, (name, images, classes) in expected.items():
        dataset = open_dataset(real_data / folder)
        assert (dataset.name, len(dataset), len(dataset.classes)) == (name, images, classes), folder
        for split in SPLITS:
            image, target = dataset.read(dataset.index(split)[-1])
            assert image.ndim == 3
            if dataset.task == "segmentation":
                assert target.shape == image.shape[:2]
                assert set(np.unique(target)) <= {*range(classes), 255}


def test_camvid_shares_are_those_of_its_readme(real_data):
    dataset = open_dataset(real_data / "camvid", val_from_train=False)
    shares = np.array([16.9, 23.3, 1.0, 31.7, 4.5, 9.7, 1.2, 1.1, 5.9, 0.6, 0.3]) / 96
    counts = dataset.class_counts.sum(0)
    assert counts / counts.sum() == pytest.approx(shares, abs=0.001)


NAMES = (
    *(
        "a b#1%20",
        "\u00fcn\u00ef_\u65e5\u672c\u8a9e",
        "x_2[96dpi]_{1}_{2}",
        "q'uote",
        "semi;colon",
        "amp&lt<b>",
        "tab\tname",
    ),
    *("new\nline", "-dash", "$HOME", "dot.", "trail "),
)


def test_names_that_hurt_are_read(make):
    make.root = make.root / "d \u00e9t\u00e9 #1 100% [a] {x} 'q'"
    for number, name in enumerate(NAMES):
        make.save(f"images/{name}.png", make.photo(number))
        make.save(f"masks/{name}.png", make.mask(number, [0, 255]))
    dataset = open_dataset(make.root)
    assert {entry.stem for entry in entries(dataset)} == {name.strip() for name in NAMES}
    assert not dataset.has_groups
    assert dataset.cautions == ()
    again = open_dataset(make.root, splits=dataset.split_table())
    assert again.split_table() == dataset.split_table()
    findings = judge(visit(make.root))
    assert {finding.check for finding in findings} <= {"leakage", "swapped", "shifted"}  # of random drawings
