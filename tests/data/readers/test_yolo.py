"""YOLO segmentation: rectangles as polygons, whose pixels are known."""

import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset, read_layout
from foveate.errors import DataError

HEIGHT, WIDTH = 20, 40
NAMES = "names:\n  0: cat\n  1: dog\n"


def line(number, top, left, bottom, right):
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return f"{number} " + " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in corners)


def rectangle(top, left, bottom, right):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


BODY, ORGAN = (2, 4, 18, 30), (5, 10, 9, 20)
BOTH = f"{line(1, *ORGAN)}\n{line(0, *BODY)}\n"
EXPECTED = np.where(rectangle(*ORGAN), 2, rectangle(*BODY))


def write(make, images, labels, count=8, text=BOTH, first=0):
    for number in range(first, first + count):
        make.save(f"{images}/{number}.jpg", make.photo(number, (HEIGHT, WIDTH)))
        if text is not None:
            path = make.root / labels / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.mark.parametrize(
    ("folders", "sizes"),
    [
        ({"all": ("images", "labels")}, None),
        ({part: (f"images/{part}", f"labels/{part}") for part in SPLITS}, [8, 8, 8]),
        ({part: (f"{part}/images", f"{part}/labels") for part in ("train", "valid", "test")}, [8, 8, 8]),
        ({"all": ("obj_train_data", "obj_train_data")}, None),
    ],
)
def test_folders_of_yolo(make, folders, sizes):
    for images, labels in folders.values():
        write(make, images, labels)
    (make.root / "data.yaml").write_text(NAMES)
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("yolo", ("background", "cat", "dog"))
    if sizes:
        assert [len(dataset.index(split)) for split in SPLITS] == sizes
    for split in SPLITS:
        assert all(np.array_equal(dataset.read(entry)[1], EXPECTED) for entry in dataset.index(split))


@pytest.mark.parametrize(
    ("name", "text", "classes"),
    [
        ("data.yaml", "names: [cat, dog]\nnc: 2\n", ("cat", "dog")),
        ("classes.txt", "cat\ndog \n", ("cat", "dog")),
        ("obj.names", "cat\ndog", ("cat", "dog")),
        ("notes.json", "{}", ("class 0", "class 1")),
    ],
)
def test_names_of_classes(make, name, text, classes):
    write(make, "images", "labels")
    (make.root / name).write_text(text)
    assert open_dataset(make.root).classes == ("background", *classes)


def test_images_of_another_size_have_the_same_labels(make):
    write(make, "images", "labels")
    make.save("images/3.jpg", make.photo(3, (2 * HEIGHT, 3 * WIDTH)))
    layout = read_layout(make.root)[2]
    entry = next(entry for entry in layout.parts["all"] if entry.stem == "images/3")
    assert np.array_equal(layout.reader(entry)[1], np.kron(EXPECTED, np.ones((2, 3), np.uint8)))


def test_images_without_a_text_have_no_objects_and_parts_without_any_are_left_out(make):
    write(make, "images/train", "labels/train")
    write(make, "images/train", "labels/train", 2, None, first=8)
    write(make, "images/val", "labels/val", 3, "")
    write(make, "images/test", "labels/test", 4, None)
    dataset = open_dataset(make.root)
    said = dataset.describe()
    assert "The 4 images of test have no labels and are left out" in said
    assert "2 images without a text of labels have no objects, as YOLO reads them" in said
    assert len(dataset) == 13
    assert not dataset.read(dataset.index("test")[0])[1].any()


def test_boxes_are_no_masks(make):
    write(make, "images", "labels", text="0 0.5 0.5 0.25 0.25\n")
    words = r"0\.txt:1: is a box \(class, x, y, width, height\), as are all 8 objects, and boxes are no masks"
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)


def test_boxes_among_polygons_are_told(make):
    write(make, "images", "labels", text=f"{BOTH}1 0.5 0.5 0.1 0.1\n")
    dataset = open_dataset(make.root)
    assert "8 boxes, which are no outlines, are left out (0.txt:3 the first)" in dataset.describe()
    assert np.array_equal(dataset.read(dataset.index("train")[0])[1], EXPECTED)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0.1 0.1 0.2 0.2 0.3 0.1 0.4\n", r"0\.txt:1: a polygon is a list x, y"),
        (f"{BOTH}0 0.1 nan 0.2 0.2 0.3 0.1\n", r"0\.txt:3: '0 0\.1 nan .*' is not a class and the corners"),
        (f"{BOTH}cat 0.1 0.1 0.2 0.2 0.3 0.1\n", r"0\.txt:3: 'cat 0\.1 .*' is not a class"),
        ("0 3 4 30 4 30 18\n", r"0\.txt:1: a corner lies far outside the image; corners are shares"),
        (line(7, *BODY), r"0\.txt:1: names class 7, and 2 classes are named"),
    ],
)
def test_lines_that_are_wrong(make, text, words):
    write(make, "images", "labels", text=text)
    (make.root / "data.yaml").write_text(NAMES)
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: [cat\nnc: 1", r"data\.yaml:\d: is not YAML"),
        ("nc: 2\n", r"data\.yaml: lacks the list 'names'"),
        ("names: [cat]\nkpt_shape: [17, 3]\n", r"data\.yaml: the labels are keypoints"),
    ],
)
def test_a_data_yaml_that_is_wrong(make, text, words):
    write(make, "images", "labels")
    (make.root / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)


def test_lists_of_splits_with_the_paths_of_another_computer(make):
    write(make, "obj_train_data", "obj_train_data", 10)
    (make.root / "obj.names").write_text("cat\ndog\n")
    for part, numbers in (("train", range(6)), ("val", range(6, 8)), ("test", range(8, 10))):
        rows = [f"data/obj_train_data/{number}.jpg" for number in numbers]
        (make.root / f"{part}.txt").write_text("\n".join(rows))
    dataset = open_dataset(make.root)
    assert [len(dataset.index(split)) for split in SPLITS] == [6, 2, 2]
    assert "The splits are those of test.txt, train.txt, val.txt" in dataset.describe()


def test_masks_in_a_folder_called_labels_are_masks(make):
    make.pairs(masks="labels")
    (make.root / "labels" / "readme.txt").write_text("0 0.1 0.1 0.2 0.2 0.3 0.1\n")
    assert open_dataset(make.root).name == "paired"
