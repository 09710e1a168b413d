"""COCO JSON: rectangles, whose pixels are known, as polygons and as run lengths."""

import json
import pickle
import sys
from functools import partial

import numpy as np
import pytest
from pycocotools import mask as coding

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset, read_layout
from foveate.data.readers.coco_annotations import _covered
from foveate.errors import DataError

HEIGHT, WIDTH = 12, 16
CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 9, "name": "unicorn"}]


def rectangle(top, left, bottom, right):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def polygon(top, left, bottom, right):
    return [[left, top, right, top, right, bottom, left, bottom]]


def runs(mask):
    """Uncompressed run lengths, column by column, beginning with the zeros."""
    flat = mask.ravel(order="F")
    ends = [0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]
    counts = np.diff(ends).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": ([0] * int(flat[0]) + counts)}


def annotation(image, category, segmentation, number=0, crowd=0, area=1.0):
    return {
        "id": number or 100 * image + category,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": crowd,
        "area": area,
    }


def write(make, annotations, path="annotations.json", folder="images", count=8, changes=None):
    listed = []
    for number in range(count):
        make.save(f"{folder}/{number}.jpg", make.photo(number, (HEIGHT, WIDTH)))
        listed.append({"id": number, "file_name": f"{number}.jpg", "height": HEIGHT, "width": WIDTH})
    content = {"images": listed, "annotations": annotations, "categories": CATEGORIES}
    content |= changes or {}
    (make.root / path).parent.mkdir(parents=True, exist_ok=True)
    (make.root / path).write_text(json.dumps(content, indent=1))
    return make.root


def masks(dataset):
    found = {}
    for split in SPLITS:
        for entry in dataset.index(split):
            image, mask = dataset.read(entry)
            assert image.shape == (HEIGHT, WIDTH, 3)
            found[entry.stem] = mask
    return found


def test_polygons_and_run_lengths_give_the_same_masks(make):
    box = (2, 3, 9, 11)
    compressed = coding.encode(np.asfortranarray(rectangle(*box)))
    compressed["counts"] = compressed["counts"].decode()
    outlines = [polygon(*box), runs(rectangle(*box)), compressed]
    root = write(make, [annotation(number, 3, outline) for number, outline in enumerate(outlines)])
    dataset = open_dataset(root)
    assert (dataset.name, dataset.task, dataset.classes) == ("coco", "segmentation", ("background", "cat"))
    found = masks(dataset)
    for number in range(3):
        assert np.array_equal(found[str(number)], rectangle(*box)), number
    assert not found["5"].any()
    assert "5 images without any outline are background" in dataset.describe()
    assert "No object is outlined of dog, unicorn" in dataset.describe()
    assert pickle.loads(pickle.dumps(dataset)).classes == dataset.classes


def test_where_objects_overlap_the_smaller_is_on_top_and_crowds_are_ignored(make):
    large, small, crowd = (0, 0, 10, 10), (4, 4, 8, 8), (6, 6, 12, 14)
    shapes = [
        annotation(0, 7, polygon(*small), number=1, area=16),
        annotation(0, 3, polygon(*large), number=2, area=100),
        annotation(0, 7, runs(rectangle(*crowd)), number=3, crowd=1, area=48),
    ]
    dataset = open_dataset(write(make, shapes))
    assert dataset.classes == ("background", "cat", "dog")
    expected = np.where(rectangle(*crowd), 255, 0)
    expected = np.where(rectangle(*large), 1, expected)
    expected = np.where(rectangle(*small), 2, expected)
    assert np.array_equal(masks(dataset)["0"], expected)
    assert "1 crowd regions are ignored" in dataset.describe()
    kept = open_dataset(make.root, classes=["background", "dog"])
    assert np.array_equal(masks(kept)["0"], np.array([0, 255, 1] + [0] * 252 + [255])[expected])


def test_objects_of_several_polygons_and_annotations_without_any(make):
    two = polygon(0, 0, 2, 2) + polygon(5, 5, 7, 8)
    shapes = [
        annotation(0, 3, two),
        annotation(1, 3, []),
        annotation(2, 7, [[1, 1, 2, 2]]),
        annotation(3, 7, None),
    ]
    dataset = open_dataset(write(make, shapes))
    assert np.array_equal(masks(dataset)["0"], rectangle(0, 0, 2, 2) + rectangle(5, 5, 7, 8))
    assert "3 annotations without an outline are left out" in dataset.describe()
    assert dataset.classes == ("background", "cat")


def test_a_file_for_each_split(make):
    for part, count in (("train", 6), ("val", 2)):
        shapes = [annotation(0, 3, polygon(0, 0, 4, 4))]
        write(make, shapes, f"annotations/instances_{part}2017.json", f"{part}2017", count)
    dataset = open_dataset(make.root)
    assert dataset.split_table()["test"] == ["val/0", "val/1"]
    assert len(dataset) == 8


def test_annotations_among_the_images_of_each_split(make):
    for part, count in (("train", 5), ("valid", 2), ("test", 2)):
        write(make, [annotation(1, 3, polygon(0, 0, 4, 4))], f"{part}/_annotations.coco.json", part, count)
    dataset = open_dataset(make.root)
    assert dataset.split_table()["val"] == ["val/0", "val/1"]
    assert masks(dataset)["test/1"].sum() == 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"annotations": [annotation(77, 3, [], 5)]},
            "annotation 5 names image 77, which the file does not list",
        ),
        (
            {"annotations": [annotation(1, 4, [], 5)]},
            "annotation 5 names category 4, which the file does not list",
        ),
        (
            {"annotations": [annotation(1, 3, [[1, 2, 3]], 5)]},
            r"annotation 5: a polygon is a list x, y, x, y",
        ),
        (
            {"annotations": [annotation(1, 3, [[0, 0, 1e12, 0, 1, 1]], 5)]},
            "annotation 5: a corner of a polygon lies far outside the image",
        ),
        (
            {"annotations": [annotation(1, 3, 5, 5)]},
            r"annotations\.json: annotation 5 holds a value of the wrong type .*'int' object is not iterable",
        ),
        (
            {"images": [{"id": 1, "file_name": "1.jpg", "height": None, "width": 2}]},
            r"annotations\.json: image 1 holds a value of the wrong type for COCO",
        ),
        (
            {"annotations": [annotation(1, 3, {"size": [3, 3], "counts": [9]}, 5)]},
            r"annotation 5: its run lengths are for \[3, 3\] and the image is \[12, 16\]",
        ),
        (
            {"annotations": [annotation(1, 3, {"size": [12, 16], "counts": "PPPP9"}, 5)]},
            r"annotation 5: its run lengths cover -?\d+ of 192 pixels; export it again",
        ),
        (
            {"annotations": [annotation(1, 3, {"size": [12, 16], "counts": [9]}, 5)]},
            "annotation 5: its run lengths cover 9 of 192 pixels",
        ),
        (
            {"images": [{"id": 1, "file_name": "1.jpg"}]},
            r"annotations\.json: image 1 lacks 'height', which COCO requires; export it as COCO JSON",
        ),
        ({"categories": None}, "lacks the list 'categories' of COCO annotations"),
        (
            {"images": [{"id": 1, "file_name": "gone.jpg", "height": 2, "width": 2}]},
            r"annotations\.json: image 1, 'gone\.jpg', does not exist \(looked in .*images.*\); add it",
        ),
        (
            {"images": [{"id": 1, "file_name": "../gone.jpg", "height": 2, "width": 2}]},
            r"annotations\.json: image 1, '\.\./gone\.jpg', leads out of .*; name it relative to a folder",
        ),
        (
            {"images": [{"id": 1, "file_name": f"{n}.jpg", "height": 2, "width": 2} for n in (1, 2)]},
            "image 1 repeats an id; give each its own",
        ),
        (
            {"categories": [*CATEGORIES, {"id": 7, "name": "horse"}]},
            "category 7 repeats an id; give each its own",
        ),
        (
            {"images": [{"id": 1, "file_name": "1.jpg", "height": float("inf"), "width": 2}]},
            "image 1 holds a value of the wrong type .*infinity",
        ),
        (
            {"categories": [{"name": "dog"}]},
            r"annotations\.json: category number 1 of its list, without an id, lacks 'id', which COCO",
        ),
    ],
)
def test_annotations_that_are_wrong(make, change, words):
    with pytest.raises(DataError, match=words):
        open_dataset(write(make, [], changes=change))


def test_nothing_to_learn_is_reported(make):
    crowd = runs(rectangle(0, 0, 4, 4))
    words = (
        r"annotations\.json: no object is outlined in the 8 images \({} annotations are crowds, {} have no"
    )
    for shapes, crowds, shapeless in (
        ([], 0, 0),
        ([annotation(0, 3, crowd, crowd=1)], 1, 0),
        ([annotation(0, 3, [])], 0, 1),
    ):
        root = write(make, shapes)
        for use in (open_dataset, partial(open_dataset, to_score=True), read_layout):
            with pytest.raises(DataError, match=words.format(crowds, shapeless)):
                use(root)


def test_a_class_that_train_never_shows_is_reported(make):
    for part, category, count in (("train", 3, 6), ("val", 7, 2)):
        shapes = [annotation(number, category, polygon(0, 0, 4, 4)) for number in range(count)]
        write(make, shapes, f"annotations/instances_{part}.json", part, count)
    words = (
        "the class 'dog' never occurs in the 5 training images, so nothing can be learnt about it; leave it"
    )
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)
    assert open_dataset(make.root, ["background", "cat"]).classes == ("background", "cat")
    with pytest.raises(DataError, match="the classes 'dog', 'unicorn' never occur in the 5 training images"):
        open_dataset(make.root, ["background", "cat", "dog", "unicorn"])


def test_a_class_that_is_only_crowds_is_no_class_of_its_own(make):
    shapes = [annotation(number, 3, polygon(0, 0, 4, 4)) for number in range(8)]
    shapes += [annotation(number, 7, runs(rectangle(6, 6, 12, 14)), crowd=1) for number in range(8)]
    dataset = open_dataset(write(make, shapes))
    assert dataset.classes == ("background", "cat")
    assert "No object is outlined of dog, unicorn" in dataset.describe()
    assert np.array_equal(masks(dataset)["0"], rectangle(0, 0, 4, 4) + 255 * rectangle(6, 6, 12, 14))


def test_data_to_score_may_lack_a_class_that_its_file_names(make):
    root = write(make, [annotation(0, 3, polygon(0, 0, 4, 4))])
    names = ("background", "cat", "dog")
    assert open_dataset(root, names, to_score=True).classes == names


def test_json_that_is_truncated_names_its_line(make):
    path = write(make, [annotation(0, 3, polygon(0, 0, 4, 4))]) / "annotations.json"
    text = path.read_text().splitlines()
    path.write_text("\n".join(text[:20]))
    with pytest.raises(
        DataError, match=r"annotations\.json:20: the JSON is damaged or truncated \(.*\); export it"
    ):
        open_dataset(make.root)


def test_an_image_of_another_size_than_was_annotated(make):
    root = write(make, [annotation(0, 3, polygon(0, 0, 4, 4))])
    make.save("images/0.jpg", make.photo(0, (6, 8)))
    with pytest.raises(
        DataError, match=r"0\.jpg: is 6 x 8 pixels .* and .*annotations\.json says 12 x 16; use"
    ):
        masks(open_dataset(root))


def test_masks_that_are_drawn_already_go_before_annotations(make):
    write(make, [annotation(0, 3, polygon(0, 0, 4, 4))])
    for number in range(8):
        make.save(f"masks/{number}.png", make.mask(number, [0, 255], (HEIGHT, WIDTH)))
    assert open_dataset(make.root).name == "paired"


@pytest.mark.parametrize("seed", range(20))
def test_letters_cover_what_their_runs_do(seed):
    random = np.random.default_rng(seed)
    mask = random.random((int(random.integers(1, 60)), int(random.integers(1, 90)))) < random.random()
    letters = coding.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert _covered(letters) == mask.size


def test_more_classes_than_masks_can_hold(make):
    names = [{"id": number, "name": f"class {number}"} for number in range(300)]
    shapes = [annotation(number % 8, number, polygon(0, 0, 5, 5)) for number in range(300)]
    write(make, shapes, changes={"categories": names})
    with pytest.raises(DataError, match="301 classes are more than the 255 that masks of 8 bits can hold"):
        open_dataset(make.root)
    assert len(open_dataset(make.root, classes=["background", "class 299"]).classes) == 2


def test_a_file_that_begins_with_a_byte_order_mark(make):
    path = write(make, [annotation(0, 3, polygon(2, 3, 8, 9))]) / "annotations.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert open_dataset(make.root).classes == ("background", "cat")


def test_the_package_that_draws_shapes_is_asked_for_once(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    make.save("0.png", make.photo(0))
    (make.root / "_annotations.coco.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(
        DataError, match=r"drawing the shapes of COCO annotations needs the package pycocotools"
    ):
        open_dataset(make.root)


def test_two_files_of_one_split(make):
    (make.root / "annotations").mkdir()
    for word in ("val", "dev"):
        (make.root / "annotations" / f"instances_{word}.json").write_text("{}")
    with pytest.raises(DataError, match=r"instances_dev\.json and instances_val\.json both name val"):
        open_dataset(make.root)


BODY, ORGAN = (1, 1, 11, 15), (4, 4, 8, 9)


@pytest.mark.parametrize("areas", [(20, 140), (None, None), (1.0, 1.0), (140, 20), (0, -3)])
@pytest.mark.parametrize("as_runs", [False, True])
def test_the_smaller_is_on_top_whatever_areas_the_file_states(make, areas, as_runs):
    outline = (lambda box: runs(rectangle(*box))) if as_runs else (lambda box: polygon(*box))
    shapes = [
        annotation(number, category, outline(box), number=2 * number + place + 1, area=area)
        for number in range(8)
        for place, (category, box, area) in enumerate(((7, ORGAN, areas[0]), (3, BODY, areas[1])))
    ]
    for shape in shapes:
        if shape["area"] is None:
            del shape["area"]
    dataset = open_dataset(write(make, shapes))
    expected = np.where(rectangle(*ORGAN), 2, rectangle(*BODY))
    assert all(np.array_equal(mask, expected) for mask in masks(dataset).values())
    assert "the one of fewer pixels is on top. Areas that the file states are not used" in dataset.describe()


@pytest.mark.parametrize(
    ("called", "moved"),
    [
        ("images/{}.jpg", False),
        ("images\\{}.jpg", False),
        ("..\\..\\label-studio\\media\\upload\\4\\{}.jpg", True),
        ("/data/local-files/?d=pics/{}.jpg", True),
        ("/data/upload/3/0a1b2c3d-{}.jpg", True),
        ("C:\\Users\\anna\\{}.jpg", True),
        ("images/%7B{}%7D.jpg", False),
    ],
)
def test_names_as_other_programs_and_systems_write_them(make, called, moved):
    write(make, [annotation(number, 3, polygon(0, 0, 4, 4)) for number in range(8)], "result.json")
    content = json.loads((make.root / "result.json").read_text())
    for number, row in enumerate(content["images"]):
        row["file_name"] = called.format(number)
        if "%7B" in called:
            (make.root / f"images/{number}.jpg").rename(make.root / f"images/{{{number}}}.jpg")
    (make.root / "result.json").write_text(json.dumps(content))
    dataset = open_dataset(make.root)
    assert {mask.sum() for mask in masks(dataset).values()} == {16}
    assert ("8 images are named with other folders and were found" in dataset.describe()) is moved


def test_a_name_that_fits_two_files_is_refused_unless_a_folder_tells_them_apart(make):
    root = write(make, [annotation(0, 3, polygon(0, 0, 4, 4))], count=1)
    make.save("more/a/0.jpg", make.photo(9))
    content = json.loads((root / "annotations.json").read_text())
    content["images"][0]["file_name"] = "D:\\x\\0.jpg"
    (root / "annotations.json").write_text(json.dumps(content))
    words = r"image 0: the image 'D:.*0\.jpg' may be images/0\.jpg or more/a/0\.jpg; name it relative to"
    with pytest.raises(DataError, match=words):
        read_layout(root)
    content["images"][0]["file_name"] = "D:\\x\\a\\0.jpg"
    (root / "annotations.json").write_text(json.dumps(content))
    assert read_layout(root)[2].parts["all"][0].image == root / "more/a/0.jpg"


def test_names_of_files_in_either_form_of_unicode(make):
    make.save("images/caf\u00e9.jpg", make.photo(0, (HEIGHT, WIDTH)))
    named = [{"id": 5, "file_name": "cafe\u0301.jpg", "height": HEIGHT, "width": WIDTH}]
    content = {"images": named, "annotations": [annotation(5, 3, polygon(0, 0, 4, 4))]}
    (make.root / "annotations.json").write_text(json.dumps(content | {"categories": CATEGORIES}))
    layout = read_layout(make.root)[2]
    assert layout.parts["all"][0].stem == "caf\u00e9"
    assert layout.reader(layout.parts["all"][0])[1].sum() == 16


def test_categories_of_equal_names_are_one_class_and_those_of_another_case_are_told(make):
    names = ["disk", "disk ", "cafe\u0301", "caf\u00e9", "Disk"]
    shapes = [annotation(number, number % 5, polygon(0, 0, 4, 4), number + 1) for number in range(40)]
    for shape in shapes:
        shape["image_id"] = shape["id"] % 8
    write(make, shapes, changes={"categories": [{"id": n, "name": name} for n, name in enumerate(names)]})
    dataset = open_dataset(make.root)
    assert dataset.classes == ("background", "disk", "caf\u00e9", "Disk")
    assert "'disk' and 'disk ' are one class" in dataset.describe()
    assert "The classes 'disk' and 'Disk' are learnt as two, though their names differ" in dataset.describe()
    kept = open_dataset(make.root, classes=["background", " cafe\u0301"])
    assert kept.classes == ("background", "caf\u00e9")


def test_roboflows_category_that_nothing_has_is_left_out_and_told(make):
    categories = [{"id": 0, "name": "cells-x7Yq"}, {"id": 1, "name": "disk", "supercategory": "cells-x7Yq"}]
    for part in ("train", "valid", "test"):
        shapes = [annotation(number, 1, polygon(0, 0, 4, 4)) for number in range(3)]
        changes = {"categories": categories}
        write(make, shapes, f"{part}/_annotations.coco.json", part, 3, changes)
    dataset = open_dataset(make.root)
    assert dataset.classes == ("background", "disk")
    assert {split: len(dataset.index(split)) for split in SPLITS} == dict.fromkeys(SPLITS, 3)
    assert "No object is outlined of cells-x7Yq" in dataset.describe()


@pytest.mark.parametrize("name", ["result.json", "labels_my-project_2024.json", "annotations/export.json"])
def test_a_file_of_any_name_that_holds_cocos_lists(make, name):
    write(make, [annotation(number, 3, polygon(0, 0, 4, 4)) for number in range(8)], name)
    (make.root / "package.json").write_text('{"name": "something else"}')
    (make.root / "empty.json").write_text("")
    assert open_dataset(make.root).name == "coco"


def test_the_split_may_be_anywhere_in_a_files_name(make):
    for part in ("Train", "validation"):
        write(make, [annotation(0, 3, polygon(0, 0, 4, 4))], f"annotations/{part}_v2.json", "images", 4)
    with pytest.raises(DataError, match="'dog'"):
        open_dataset(make.root, ["background", "dog"])
    parts = read_layout(make.root)[2].parts
    assert [entry.stem for entry in parts["val"]] == ["val/0", "val/1", "val/2", "val/3"]
    assert len(parts["train"]) == 4


def test_two_files_of_coco_annotations_without_a_split(make):
    for name in ("one.json", "two.json"):
        write(make, [annotation(0, 3, polygon(0, 0, 4, 4))], name)
    with pytest.raises(DataError, match=r"one\.json and two\.json are both COCO annotations; keep one"):
        open_dataset(make.root)


def test_a_polygon_that_would_fill_the_memory(make):
    zigzag = [[float(value) for _ in range(5000) for value in (0, 0, 9e5, 9e5)]]
    with pytest.raises(DataError, match=r"annotation 5: a polygon of 10,000 corners goes to and fro over"):
        open_dataset(write(make, [annotation(1, 3, zigzag, 5)]))


def test_panoptic_annotations_are_called_so(make):
    row = {"image_id": 0, "segments_info": [{"id": 1, "category_id": 1}]}
    write(make, [row])
    with pytest.raises(DataError, match="this is COCO's panoptic form: export outlines"):
        open_dataset(make.root)


@pytest.mark.parametrize(
    "outline", [[[0.1, 0.1, 0.6, 0.1, 0.6, 0.7]], polygon(40, 40, 60, 60), polygon(-9, 2, -1, 9)]
)
def test_outlines_in_shares_or_of_another_image(make, outline):
    write(make, [annotation(number, 3, outline) for number in range(8)])
    with pytest.raises(
        DataError, match="8 of 8 outlines lie outside their images or within one pixel, such as a 'cat'"
    ):
        open_dataset(make.root)


def test_a_few_outlines_that_lie_outside_are_no_fault(make):
    good = [annotation(number, 3, polygon(2, 3, 9, 11)) for number in range(8)]
    write(
        make,
        [*good, annotation(0, 7, polygon(2, 3, 9, 11), 900), annotation(1, 7, polygon(40, 40, 60, 60), 901)],
    )
    assert open_dataset(make.root, to_score=True).classes == ("background", "cat", "dog")


def test_a_second_file_of_annotations_beside_the_usual_one(make):
    boxes = [annotation(number, 3, polygon(2, 3, 9, 11)) for number in range(8)]
    write(make, boxes)
    write(make, boxes, path="annotations_old.json")
    with pytest.raises(
        DataError, match=r"annotations\.json and annotations_old\.json are both COCO annotations"
    ):
        open_dataset(make.root)
