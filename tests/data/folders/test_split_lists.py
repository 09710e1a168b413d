"""Lists of splits: what a line may be, and what is refused."""

from pathlib import Path

import pytest

from foveate.data.dataset import Entry
from foveate.data.folders.split_lists import divide_by_lists
from foveate.data.open import open_dataset
from foveate.errors import DataError

VOC = {"train": ["00", "01", "02", "03"], "val": ["04", "05"], "test": ["06", "07"]}


def entries(root, *names):
    return {"all": tuple(Entry(name, root / "images" / f"{name}.jpg") for name in names)}


def write(root, **lists):
    for name, lines in lists.items():
        path = root / f"{name.replace('__', '/')}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


def divided(root, *names):
    parts, notes = divide_by_lists(root, entries(root, *names))
    return {part: [entry.stem for entry in held] for part, held in parts.items()}, notes


@pytest.mark.parametrize(
    "line",
    [
        *("a", "a.jpg", "images/a.jpg", "./images/a", "images\\a.jpg", "/home/anna/data/images/a.jpg"),
        *("images/a.jpg masks/a.png", "a,1", "a.jpg\tmasks/a.png", "  a  "),
    ],
)
def test_what_a_line_may_be(tmp_path, line):
    write(tmp_path, train=[line, "b"], val=["# three", "", "c"])
    parts, notes = divided(tmp_path, "a", "b", "c")
    assert parts == {"train": ["a", "b"], "val": ["c"]}
    assert notes == ("the splits are those of train.txt, val.txt",)


@pytest.mark.parametrize(
    "place", ["", "ImageSets__Segmentation__", "ImageSets__Main__", "splits__", "lists__"]
)
def test_where_lists_lie(tmp_path, place):
    write(tmp_path, **{f"{place}train": ["a"], f"{place}test": ["b"], f"{place}trainval": ["a", "b"]})
    assert divided(tmp_path, "a", "b")[0] == {"train": ["a"], "test": ["b"]}


def test_images_that_no_list_names(tmp_path):
    write(tmp_path, train=["a"], val=["b"])
    parts, notes = divided(tmp_path, "a", "b", "c", "d")
    assert parts == {"train": ["a"], "val": ["b"]}
    assert notes[1] == "2 images that no list names are left out, 'c' the first"
    (tmp_path / "train.txt").unlink()
    parts, notes = divided(tmp_path, "a", "b", "c", "d")
    assert parts == {"train": ["a", "c", "d"], "val": ["b"]}
    assert notes[1] == "the 3 images that no list names are train"


def test_names_with_blanks_commas_and_dots(tmp_path):
    write(tmp_path, train=["a b", "c, d", "e.f"], val=["g.h.jpg"])
    assert divided(tmp_path, "a b", "c, d", "e.f", "g.h")[0] == {
        "train": ["a b", "c, d", "e.f"],
        "val": ["g.h"],
    }


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"train": ["a", "x"]}, r"train\.txt:2: 'x' names none of the images with a mask or label; add it"),
        (
            {"train": ["a"], "val": ["b", "a"]},
            r"train\.txt:1: 'a' is in .*val\.txt:2 already|val\.txt:2: 'a' is in",
        ),
        ({"val": ["a"], "valid": ["b"]}, r"val\.txt and valid\.txt both list val; keep one of them"),
        (
            {"train": ["a"]},
            r"train\.txt: lists 1 images for train, and no list names the other 3; add val\.txt",
        ),
        ({"train": ["1"]}, r"train\.txt:1: '1' names 2 images \(x/1, y/1, \.\.\.\); give their folders, too"),
    ],
)
def test_lists_that_are_wrong(tmp_path, lists, words):
    write(tmp_path, **lists)
    with pytest.raises(DataError, match=words):
        divided(tmp_path, "a", "b", "x/1", "y/1")


def test_folders_of_splits_go_first_and_the_lists_are_named(tmp_path):
    write(tmp_path, train=["a"])
    parts = {"train": (Entry("a", Path("a.jpg")),), "val": (Entry("b", Path("b.jpg")),)}
    assert divide_by_lists(tmp_path, parts) == (
        parts,
        ("not read: train.txt, since the folders tell the splits",),
    )


def test_lists_beside_pairs(make):
    make.pairs()
    write(make.root, train=[f"images/0{n}.png" for n in range(5)], val=["05"], test=["06.png masks/06.png"])
    dataset = open_dataset(make.root)
    assert dataset.split_table() == {"train": [f"0{n}" for n in range(5)], "val": ["05"], "test": ["06"]}
    assert "1 images that no list names are left out, '07' the first" in dataset.describe()


def test_lists_beside_class_folders(make):
    make.class_folders(cat=4, dog=4)
    rows = [f"{name}/{number:03}.png" for name in ("cat", "dog") for number in range(4)]
    write(make.root, train=rows[:2] + rows[4:6], val=[rows[2], rows[6]], test=[rows[3], rows[7]])
    dataset = open_dataset(make.root)
    assert dataset.split_table()["test"] == ["cat/003", "dog/003"]


def test_the_folders_of_voc_with_names_and_classes_of_ones_own(make):
    make.pairs("JPEGImages", "SegmentationClass", values=(0, 1, 2))
    make.save("JPEGImages/not_drawn.png", make.photo(9))
    write(make.root, **{f"ImageSets__Segmentation__{part}": rows for part, rows in VOC.items()})
    dataset = open_dataset(make.root, ["background", "cat", "dog"])
    assert (dataset.name, dataset.classes) == ("paired", ("background", "cat", "dog"))
    assert dataset.split_table() == {"train": VOC["train"], "val": VOC["val"], "test": VOC["test"]}
