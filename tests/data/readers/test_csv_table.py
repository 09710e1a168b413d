import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset, read_layout
from foveate.errors import DataError


@pytest.fixture
def labelled(make):
    """Twelve images of cats and dogs, and a table of them with the given text."""

    def build(text=None, name="labels.csv"):
        rows = [f"{number:02d}.png,{'cat' if number % 2 else 'dog'}" for number in range(12)]
        for number in range(12):
            make.save(f"images/{number:02d}.png", make.photo(number, (8, 8)))
        make.root.joinpath(name).write_text(text or "\n".join(["image,label", *rows]) + "\n")
        return make.root

    return build


def labels(dataset):
    return {entry.stem: entry.label for split in SPLITS for entry in dataset.index(split)}


def test_images_with_labels(labelled, make):
    dataset = open_dataset(labelled())
    assert (dataset.name, dataset.task, dataset.classes) == ("csv", "classification", ("cat", "dog"))
    assert labels(dataset) == {f"{number:02d}": (number + 1) % 2 for number in range(12)}
    entry = dataset.index("train")[0]
    image, label = dataset.read(entry)
    assert np.array_equal(image, make.photo(int(entry.stem), (8, 8)))
    assert label == entry.label


def test_images_with_masks(make):
    for number in range(8):
        make.save(f"pictures/{number}.png", make.photo(number))
        make.save(f"drawn/{number}_x.png", make.mask(number, [0, 255]))
    rows = [f"pictures/{number}.png,drawn/{number}_x.png" for number in range(8)]
    (make.root / "pairs.csv").write_text("\n".join(["Image, Mask", *rows]))
    dataset = open_dataset(make.root)
    assert (dataset.task, dataset.classes) == ("segmentation", ("background", "foreground"))
    entry = dataset.index("val")[0]
    number = int(entry.stem.removeprefix("pictures/"))
    assert np.array_equal(dataset.read(entry)[1], make.mask(number, [0, 255]) == 255)
    assert open_dataset(make.root, classes=["sky", "road"]).classes == ("sky", "road")


def test_numbers_count_the_classes_that_are_given(labelled):
    rows = [f"{number:02d},{number % 3}" for number in range(12)]
    root = labelled("\n".join(["image_id,target", *rows]))
    assert open_dataset(root).classes == ("0", "1", "2")
    dataset = open_dataset(root, classes=["ash", "birch", "cedar"])
    assert dataset.classes == ("ash", "birch", "cedar")
    assert labels(dataset)["04"] == 1


def test_a_column_of_splits_and_one_of_groups(labelled):
    split = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    rows = [f"{number:02d}.png,{number % 2},{split[number]}" for number in range(12)]
    dataset = open_dataset(labelled("\n".join(["image,label,split", *rows])))
    assert dataset.split_table()["test"] == ["09", "10", "11"]
    rows = [f"{number:02d}.png,{number % 2},{number // 2}" for number in range(12)]
    dataset = open_dataset(labelled("\n".join(["image,label,patient", *rows])))
    patients = [{entry.group for entry in dataset.index(split)} for split in SPLITS]
    assert [len(each) for each in patients] == [4, 1, 1]
    assert len(set.union(*patients)) == 6


@pytest.mark.parametrize("name", ["subset", "Data Split", "phase"])
def test_a_column_of_splits_by_any_name(labelled, name):
    parts = ["Train"] * 6 + ["valid"] * 2 + ["test"] * 4
    rows = [f"{number:02d},{'ab'[number % 2]},{part}" for number, part in enumerate(parts)]
    dataset = open_dataset(labelled("\n".join([f"image,label,{name}", *rows])))
    assert [len(dataset.index(split)) for split in SPLITS] == [6, 2, 4]
    assert f"columns image and label and {name.lower()}" in dataset.describe()


def test_measurements_are_no_classes(labelled):
    rows = [f"{number:02d},{1.37 * number:.2f}" for number in range(12)]
    with pytest.raises(DataError, match=r"12 different numbers in 12 rows, such as 0\.00, and no classes"):
        open_dataset(labelled("\n".join(["image,target", *rows])))


def test_a_table_for_each_split(labelled, make):
    labelled("image,label\n00.png,a\n01.png,b\n02.png,a\n03.png,b\n", "train.csv")
    labelled("image,label\n04.png,a\n", "val.csv")
    labelled("image,label\n05.png,b\n06.png,a\n", "test.csv")
    dataset = open_dataset(make.root)
    assert dataset.split_table() == {"train": ["00", "01", "02", "03"], "val": ["04"], "test": ["05", "06"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "image,label\n00.png,a\nnowhere.png,b\n",
            r"labels\.csv:3: the image 'nowhere\.png' does not exist \(looked",
        ),
        (
            "image,label\n../00.png,a\n",
            r"labels\.csv:2: the image '\.\./00\.png' leads out of .*; name it rel",
        ),
        ("image,label\n/etc/00.png,a\n", r"labels\.csv:2: the image '/etc/00\.png' leads out of"),
        (
            "image,label\n00.png,a\n01.png,b\n00.png,b\n",
            r"labels\.csv:4: the image '00\.png' is in .*csv:2 already",
        ),
        (
            "image,label\n00.png,NaN\n",
            r"labels\.csv:2: the label is 'NaN', which programs write where there is",
        ),
        ("image,label\n00.png,#N/A\n", r"labels\.csv:2: the label is '#N/A'"),
        ("image:label\n00.png:a\n", r"labels\.csv:1: columns are separated by colons"),
        ("image label\n00.png a\n", r"labels\.csv:1: columns are separated by spaces"),
        ("photo,kind\n00.png,a\n", r"no masks/; .*; or, if labels\.csv lists the masks or labels of the im"),
        ("image,label\n00.png\n", r"labels\.csv:2: has 1 cells and the header 2 \(image, label\)"),
        ("image,label\n00.png,\n", r"labels\.csv:2: the column label is empty; fill it, or remove the row"),
        ("image,label\n", r"labels\.csv: names no image; add one row an image"),
        (
            "image,label,split\n00.png,a,trian\n",
            r"labels\.csv:2: the split 'trian' is none of train, val, test",
        ),
        (
            "image,label\n00.png,a\n00,b\n",
            r"labels\.csv:3: the image '00', as '00\.png', is in .*labels\.csv:2 already; keep one",
        ),
        ("image,label,image\n", r"labels\.csv:1: two columns have the same name \(image, label, image\)"),
    ],
)
def test_tables_that_are_wrong(labelled, text, words):
    with pytest.raises(DataError, match=words):
        open_dataset(labelled(text))


def test_images_whose_names_differ_in_their_ending_alone_are_refused(labelled, make):
    make.save("images/00.jpg", make.photo(7, (8, 8)))
    root = labelled("image,label\n00.png,a\n01.png,b\n00.jpg,b\n")
    with pytest.raises(
        DataError, match=r"csv:4: the image '00\.jpg', as '00\.png', is in .*csv:2 .* suffixes"
    ):
        open_dataset(root)


def test_the_ending_of_a_table_may_be_in_capitals(labelled):
    assert open_dataset(labelled(name="LABELS.CSV")).name == "csv"


def test_tables_of_masks_beside_tables_of_labels(labelled, make):
    labelled("image,label\n00.png,a\n", "val.csv")
    make.save("masks/01.png", make.mask(0, [0, 255], (8, 8)))
    (make.root / "train.csv").write_text("image,mask\n01.png,01.png\n")
    with pytest.raises(
        DataError, match=r"val\.csv:2: has a label, and .*train\.csv:2 a mask; give all tables"
    ):
        open_dataset(make.root)


def test_labels_that_are_none_of_the_classes(labelled):
    with pytest.raises(
        DataError, match=r"labels\.csv:2: the label 'dog' is none of the 2 classes \(cat, dgo\); did you"
    ):
        open_dataset(labelled(), classes=["cat", "dgo"])
    rows = "\n".join(f"{number:02d}.png,{number}" for number in range(12))
    with pytest.raises(
        DataError, match=r"labels\.csv:4: the label '2' is none of the 2 classes \(a, b\); mend it, or"
    ):
        open_dataset(labelled(f"image,label\n{rows}\n"), classes=["a", "b"])


def test_a_table_without_pictures_or_with_a_twin(labelled, make):
    labelled()
    (make.root / "more.csv").write_text("image,label\n00.png,a\n")
    with pytest.raises(
        DataError, match=r"holds several tables \(labels\.csv, more\.csv\); keep one, or name them"
    ):
        open_dataset(make.root)


@pytest.mark.parametrize("folders", [[("images", "masks")], [("train", "train_masks"), ("val", "val_masks")]])
def test_a_table_beside_pairs_is_passed_over(make, folders):
    for images, masks in folders:
        make.pairs(images, masks, count=8)
    (make.root / "notes.csv").write_text("image,label\n00.png,a\n")
    assert open_dataset(make.root).name == "paired"


def test_a_table_of_masks_beside_pairs_groups_them(make):
    make.pairs(count=8)
    rows = [f"{number:02d}.png,{number:02d}.png,{number // 2}" for number in range(8)]
    (make.root / "pairs.csv").write_text("\n".join(["image,mask,patient", *rows]))
    dataset = open_dataset(make.root)
    assert dataset.name == "csv"
    patients = [{entry.group for entry in dataset.index(split)} for split in SPLITS]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 4


def test_paths_as_windows_writes_them_and_absolute_ones_into_the_folder(make):
    make.pairs("photos", "truth")
    rows = [f"photos\\{number:02d}.png,{make.root / f'truth/{number:02d}.png'}" for number in range(8)]
    (make.root / "data.csv").write_text("\n".join(["image,mask", *rows]))
    dataset = open_dataset(make.root)
    entry = dataset.index("train")[0]
    assert entry.stem.startswith("photos/")
    assert (entry.image.parent, entry.mask.parent) == (make.root / "photos", make.root / "truth")


@pytest.mark.parametrize("lead", ["", "sep=;\r\n"])
@pytest.mark.parametrize(
    ("separator", "encoding", "note"),
    [
        (";", "utf-8", "separated by semicolons"),
        ("\t", "utf-8-sig", "separated by tabs"),
        ("|", "utf-8", "separated by bars"),
        ("\t", "utf-16", "separated by tabs, in UTF-16"),
        (";", "utf-16-le", "separated by semicolons, in UTF-16"),
        (",", "utf-16-be", "in UTF-16"),
    ],
)
def test_tables_of_spreadsheets(labelled, separator, encoding, note, lead):
    labelled()
    rows = [
        ["Image", "Label", "weight, kg"],
        *([f"{n:02d}.png", "Kätzchen" if n % 2 else "Hund", "0"] for n in range(12)),
    ]
    text = "\r\n".join(separator.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows)
    path = labelled() / "labels.csv"
    path.write_bytes((lead.replace(";", separator) + text).encode(encoding))
    dataset = open_dataset(path.parent)
    assert dataset.classes == ("Hund", "Kätzchen")
    assert labels(dataset) == {f"{number:02d}": number % 2 for number in range(12)}
    assert f"labels.csv: columns image and label; others: weight, kg; {note}." in dataset.describe()


def test_a_table_with_tabs_may_be_called_tsv(labelled):
    root = labelled(
        "image\tlabel\n" + "".join(f"{n:02d}.png\t{'ab'[n % 2]}\n" for n in range(12)), "labels.tsv"
    )
    assert open_dataset(root).classes == ("a", "b")


@pytest.mark.parametrize(
    "names",
    [
        ["cat", "dog", "cat|dog"],
        ["Effusion|Mass", "Mass|Edema"],
        ["cat", "dog", "cat;dog"],
        ["cat", "dog", "dog, cat"],
        ["scab", "rust", "scab rust"],
        ["['cat']", "['cat', 'dog']"],
        ["1", "2", "1+2"],
    ],
)
def test_several_labels_of_an_image_are_no_class(labelled, names):
    root = labelled("image,label\n" + "".join(f'{n:02d}.png,"{names[n % len(names)]}"\n' for n in range(12)))
    with pytest.raises(
        DataError, match=r"labels\.csv:\d: the label '.*' seems to be several \(.* and .*\), and an"
    ):
        open_dataset(root)
    assert open_dataset(root, classes=names).classes == tuple(names)


@pytest.mark.parametrize(
    "names", [["hot dog", "pizza"], ["Berlin, north", "Berlin, south"], ["none", "some"], ["a|b", "c"]]
)
def test_words_in_a_label_are_no_labels(labelled, names):
    root = labelled("image,label\n" + "".join(f'{n:02d}.png,"{names[n % 2]}"\n' for n in range(12)))
    assert open_dataset(root).classes == tuple(sorted(names))


@pytest.mark.parametrize(
    ("column", "cells", "parts"),
    [
        ("is_valid", ["True", "False"], {"val": 6, "train": 6}),
        ("IsTest", ["1", "0"], {"test": 6, "train": 6}),
        ("is_training_image", ["0", "1"], {"test": 6, "train": 6}),
        ("Usage", ["Training", "Training", "PublicTest", "PrivateTest"], {"train": 6, "test": 6}),
        ("subset", ["train set", "test set"], {"train": 6, "test": 6}),
    ],
)
def test_columns_that_say_the_split(labelled, column, cells, parts):
    rows = [f"{n:02d}.png,{'ab'[n // 4 % 2]},{cells[n % len(cells)]}" for n in range(12)]
    root = labelled("\n".join([f"image,label,{column}", *rows]))
    layout = read_layout(root)[2]
    assert {part: len(held) for part, held in layout.parts.items()} == parts
    assert (f"{column.lower()} says which images are in" in layout.notes[0]) == column.lower().startswith(
        "is"
    )


def test_several_columns_of_yes_and_no_say_the_splits_together(labelled):
    said = [("1", "0"), ("0", "1"), ("0", "0"), ("0", "0")]
    rows = [f"{n:02d}.png,{'ab'[n // 4 % 2]},{','.join(said[n % 4])}" for n in range(12)]
    for columns, rest in (("is_valid,is_test", "train"), ("is_train,is_test", "val")):
        layout = read_layout(labelled("\n".join([f"image,label,{columns}", *rows])))[2]
        first = "val" if rest == "train" else "train"
        assert {part: len(held) for part, held in layout.parts.items()} == {first: 3, "test": 3, rest: 6}
        for column in columns.split(","):
            assert f"{column} says which images are in" in layout.notes[0]


def test_columns_that_say_two_splits_of_an_image(labelled):
    rows = [f"{n:02d}.png,{'ab'[n % 2]},{n // 6},{n // 8}" for n in range(12)]
    root = labelled("\n".join(["image,label,is_valid,is_test", *rows]))
    with pytest.raises(DataError, match=r"labels\.csv:10: the columns of splits say is_valid 1, is_test 1"):
        open_dataset(root)


@pytest.mark.parametrize(
    ("column", "cells"), [("test", ["yes", "no"]), ("fold", ["0", "1"]), ("is_train", ["2", "1"])]
)
def test_columns_that_say_no_split(labelled, column, cells):
    rows = [f"{n:02d}.png,{'ab'[n // 4 % 2]},{cells[n % len(cells)]}" for n in range(12)]
    root = labelled("\n".join([f"image,label,{column}", *rows]))
    assert list(read_layout(root)[2].parts) == ["all"]
