import json

import numpy as np
import pytest
from PIL import Image

from foveate.data.known import known_classes
from foveate.data.open import open_dataset
from foveate.errors import DataError


def opened(root, trained, table=(), kept=None):
    return open_dataset(root, known_classes("runs/a", trained, table, kept), to_score=True)


def counted(dataset):
    masks = [dataset.read(entry)[1] for entry in dataset.index("test")]
    values, counts = np.unique(masks, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("table", "values", "ids"),
    [
        (["background=0", "foreground=1", "ignore=255"], (0, 255), {0, 255}),
        (["background=0", "foreground=255"], (0, 255), {0, 1}),
        (["class 0=0", "class 7=7", "class 11=11"], (0, 7), {0, 1}),
        (["class 1=1", "class 2=2"], (1,), {0}),
        (["rest=0,2-5", "fire=1", "ignore=255"], (0, 1, 4), {0, 1}),
    ],
)
def test_values_mean_what_they_meant_in_training_and_a_class_may_be_absent(make, table, values, ids):
    trained = [word.partition("=")[0] for word in table if not word.startswith("ignore")]
    dataset = opened(make.pairs(values=values), trained, table)
    assert dataset.classes == tuple(trained)
    assert counted(dataset).keys() == ids


@pytest.mark.parametrize(
    ("table", "values", "unknown"),
    [
        (["background=0", "foreground=1"], (0, 255), 255),
        (["background=0", "foreground=255"], (0, 1), 1),
        (["class 0=0", "class 7=7"], (0, 7, 9), 9),
    ],
)
def test_a_value_that_was_not_in_training_is_named_with_its_share(make, table, values, unknown):
    root = make.pairs(values=values)
    words = rf"masks/0\d\.png: no class is bound to {unknown} \([\d.]+% of all pixels, in 8 of 8 masks\)"
    with pytest.raises(DataError, match=words):
        opened(root, [word.partition("=")[0] for word in table], table)


def test_class_folders_are_matched_by_name(make):
    trained = ["0", "180", "270", "90"]
    make.class_folders(**{"270": 3, "0": 2, "90": 1})
    dataset = opened(make.root, trained)
    assert dataset.classes == tuple(trained)
    assert sorted(entry.label for entry in dataset.index("test")) == [0, 0, 2, 2, 2, 3]
    (make.root / "180").mkdir()
    assert opened(make.root, trained).index("test") == dataset.index("test")


def test_a_single_class_folder_is_scored_and_another_class_is_refused(make):
    make.class_folders(dog=3)
    assert {entry.label for entry in opened(make.root, ["cat", "dog"]).index("test")} == {1}
    make.class_folders(cow=2)
    with pytest.raises(DataError, match="the data hold 'cow', and runs/a was trained on cat, dog; rename"):
        opened(make.root, ["cat", "dog"])
    kept = opened(make.root, ["cat", "dog"], kept=["cat", "dog"])
    assert [entry.label for entry in kept.index("test")] == [1, 1, 1]


def test_labels_of_a_table_are_matched_by_name(make):
    make.class_folders(images=3)
    (make.root / "a.csv").write_text("image,label\n000,dog\n001,dog\n002,dog\n")
    assert {entry.label for entry in opened(make.root, ["cat", "dog"]).index("test")} == {1}


def test_outlines_are_matched_by_name(make):
    for number in range(2):
        make.save(f"images/{number}.png", make.photo(number))
    box = [[1, 1, 8, 1, 8, 8, 1, 8]]
    shapes = [{"id": n, "image_id": n, "category_id": 5, "iscrowd": 0, "segmentation": box} for n in range(2)]
    images = [{"id": n, "file_name": f"{n}.png", "height": 12, "width": 16} for n in range(2)]
    record = {"images": images, "annotations": shapes, "categories": [{"id": 5, "name": "disk"}]}
    (make.root / "annotations.json").write_text(json.dumps(record))
    dataset = opened(make.root, ["background", "cup", "disk"])
    assert counted(dataset).keys() == {0, 2}


def test_coloured_masks_are_matched_by_name(make):
    red = np.zeros((12, 16, 3), dtype=np.uint8)
    red[:4] = 255, 0, 0
    for number in range(2):
        make.save(f"images/{number}.png", make.photo(number))
        make.save(f"masks/{number}.png", red)
    (make.root / "class_dict.csv").write_text("name,r,g,b\ncar,255,0,0\nroad,0,0,0\n")
    assert counted(opened(make.root, ["sky", "road", "car"])) == {1: 256, 2: 128}


def test_numbers_that_a_program_may_have_given_are_asked_for_in_new_data_too(make):
    root = make.pairs(values=(0, 1, 255))
    known = ["background=0", "foreground=1", "ignore=255"]
    path = next((root / "masks").iterdir())
    Image.fromarray(make.mask(0, (0, 1)) > 0).save(path)
    with pytest.raises(DataError, match="a grey mask of 1 bit, in which 1 is white"):
        opened(root, ["background", "foreground"], known)
    assert open_dataset(root, known, to_score=True).classes == ("background", "foreground")


def test_palettes_that_contradict_one_another_are_asked_for_in_new_data_too(make):
    root = make.pairs(values=(0, 1))
    for number, path in enumerate(sorted((root / "masks").iterdir())):
        mask = Image.fromarray(np.asarray(Image.open(path)))
        mask.putpalette([0, 0, 0, 255, 0, 0] if number else [255, 0, 0, 0, 0, 0])
        mask.save(path)
    with pytest.raises(DataError, match=r"has the number . in this palette, and . in that of"):
        opened(root, ["background", "foreground"], ["background=0", "foreground=1"])
