"""One mask an object: their union is the foreground."""

import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset, read_layout
from foveate.data.readers.objects import read_objects
from foveate.errors import DataError

SIZE = (16, 20)


def objects(number):
    masks = np.zeros((3, *SIZE), np.uint8)
    masks[0, 1:4, 2:6] = masks[1, 3:9, 5:9] = masks[2, 10 : 12 + number % 4, 12:18] = 255
    return masks


def bowl(make, top, count=6, masks=True):
    for number in range(count):
        make.save(f"{top}/id{number}/images/id{number}.png", make.photo(number, SIZE))
        for place, mask in enumerate(objects(number) if masks else ()):
            make.save(f"{top}/id{number}/masks/{number}{place}f0e1.png", mask)
    return make.root


def check(make, dataset):
    for split in SPLITS:
        for entry in dataset.index(split):
            image, mask = dataset.read(entry)
            number = int(entry.image.stem.removeprefix("id"))
            assert np.array_equal(image, make.photo(number, SIZE))
            assert np.array_equal(mask, objects(number).any(0).astype(np.uint8))


def test_a_folder_for_each_image(make):
    dataset = open_dataset(bowl(make, "stage1_train"))
    assert (dataset.name, dataset.classes) == ("objects", ("background", "foreground"))
    assert "One mask an object: the union of the 18 masks of 6 images is the foreground" in dataset.describe()
    check(make, dataset)
    assert open_dataset(make.root, ["other", "nucleus"]).classes == ("other", "nucleus")
    assert open_dataset(make.root, ["nucleus"]).classes == ("rest", "nucleus")


def test_a_test_folder_without_masks_is_left_out_and_told(make):
    bowl(make, "stage1_train")
    dataset = open_dataset(bowl(make, "stage1_test", 2, masks=False))
    assert len(dataset) == 6
    assert "2 images without masks are left out" in dataset.describe()


def test_folders_of_splits(make):
    for part in ("train", "val", "test"):
        bowl(make, part, 3)
    dataset = open_dataset(make.root)
    assert [len(dataset.index(split)) for split in SPLITS] == [3, 3, 3]
    check(make, dataset)


def test_a_folder_of_masks_for_each_image(make):
    for number in range(6):
        make.save(f"images/{number}.png", make.photo(number, SIZE))
        for place, mask in enumerate(objects(number)):
            make.save(f"masks/{number}/object_{place}.png", mask)
    dataset = open_dataset(make.root)
    assert dataset.name == "objects"
    check(make, dataset)


def test_one_image_alone(make):
    bowl(make, "data")
    words = r"id0: is a single image with one mask an object; give the folder of such folders, .*/data$"
    with pytest.raises(DataError, match=words):
        open_dataset(make.root / "data" / "id0")


def test_a_folder_for_each_image_with_its_mask_of_the_same_name_is_not_this(make):
    for number in range(6):
        make.save(f"data/p{number}/images/a.png", make.photo(number, SIZE))
        make.save(f"data/p{number}/masks/a.png", objects(number).max(0))
    try:
        name = open_dataset(make.root).name
    except DataError as error:
        name = str(error)
    assert "objects" not in name


def test_one_mask_a_class_is_refused(make):
    for number in range(6):
        make.save(f"id{number}/images/a{number}.png", make.photo(number, SIZE))
        for name, mask in zip(("car", "road", "sky"), objects(number), strict=True):
            make.save(f"id{number}/masks/{name}.png", mask)
    with pytest.raises(DataError, match="masks called car, road, sky, which seem to be one mask a class"):
        open_dataset(make.root)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (
            np.full((4, 4), 255, np.uint8),
            r"x\.png: the mask is 4 x 4 pixels .* and its image .*id0\.png is 16 x 20",
        ),
        (
            np.arange(320, dtype=np.uint8).reshape(SIZE),
            r"x\.png: holds the values 1, 2, .* one object holds 0",
        ),
    ],
)
def test_masks_that_are_wrong(make, mask, words):
    bowl(make, "data")
    make.save("data/id0/masks/x.png", mask)
    entry = next(e for e in read_layout(make.root)[2].parts["all"] if e.image.stem == "id0")
    with pytest.raises(DataError, match=words):
        read_objects(entry)
