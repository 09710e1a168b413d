"""LabelMe's JSON: shapes whose pixels are known."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset, read_layout
from foveate.errors import DataError

HEIGHT, WIDTH = 20, 24


def rectangle(top, left, bottom, right):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def polygon(label, top, left, bottom, right):
    points = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"label": label, "points": points, "shape_type": "polygon", "group_id": None, "flags": {}}


def drawn_mask(label, top, left, pixels):
    text = io.BytesIO()
    Image.fromarray(pixels.astype(bool)).save(text, format="PNG")
    corners = [[left, top], [left + pixels.shape[1] - 1, top + pixels.shape[0] - 1]]
    mask = base64.b64encode(text.getvalue()).decode()
    return {"label": label, "points": corners, "shape_type": "mask", "mask": mask}


BODY, ORGAN = (1, 2, 18, 22), (5, 6, 11, 14)
BOTH = [polygon("organ", *ORGAN), polygon("body", *BODY)]
EXPECTED = np.where(rectangle(*ORGAN), 2, rectangle(*BODY))


def write(make, shapes=BOTH, images=".", jsons=None, count=8, **changes):
    for number in range(count):
        image = make.save(f"{images}/{number}.jpg", make.photo(number, (HEIGHT, WIDTH)))
        path = make.root / (images if jsons is None else jsons) / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        named = image.name if jsons is None else f"..\\{images}\\{image.name}"
        content = {"version": "5.4", "flags": {}, "shapes": shapes, "imagePath": named, "imageData": "x" * 99}
        path.write_text(json.dumps(content | {"imageHeight": HEIGHT, "imageWidth": WIDTH} | changes))
    return make.root


def masks(root, **options):
    layout = read_layout(root, **options)[2]
    return [layout.reader(entry)[1] for entries in layout.parts.values() for entry in entries]


@pytest.mark.parametrize("folders", [(".", None), ("photos", None), ("images", "annotations"), ("a/b", None)])
def test_a_json_beside_each_image_or_in_a_folder_of_its_own(make, folders):
    dataset = open_dataset(write(make, BOTH, *folders))
    assert (dataset.name, dataset.classes) == ("labelme", ("background", "body", "organ"))
    for split in SPLITS:
        assert all(np.array_equal(dataset.read(entry)[1], EXPECTED) for entry in dataset.index(split))


def test_folders_of_splits(make):
    for part in ("train", "val", "test"):
        write(make, BOTH, f"{part}/images", f"{part}/json", 3)
    dataset = open_dataset(make.root)
    assert [len(dataset.index(split)) for split in SPLITS] == [3, 3, 3]


def test_every_kind_of_shape(make):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    pixels = np.array([[1, 1, 0], [0, 1, 1]])
    disc = (x - 6) ** 2 + (y - 6) ** 2 < 16
    shapes = [
        {"label": "disc", "points": [[6, 6], [10, 6]], "shape_type": "circle"},
        {"label": "box", "points": [[20, 18], [14, 12]], "shape_type": "rectangle"},
        drawn_mask("brush", 14, 2, pixels),
        {"label": "line", "points": [[0, 0], [9, 9]], "shape_type": "line"},
        {"label": "spot", "points": [[3, 3]], "shape_type": "point"},
        {"label": "old", "points": [[18, 0], [24, 0], [24, 3]]},
    ]
    root = write(make, shapes)
    dataset = open_dataset(root)
    assert dataset.classes == ("background", "box", "brush", "disc", "old")
    assert "16 shapes without an area (lines, points) are left out" in dataset.describe()
    mask = dataset.read(dataset.index("train")[0])[1]
    assert np.array_equal(mask == 1, rectangle(12, 14, 18, 20))
    assert np.array_equal(mask[14:16, 2:5] == 2, pixels.astype(bool))
    assert (mask == 2).sum() == pixels.sum()
    assert ((mask == 3) != disc).sum() <= 4
    assert (mask == 4).any()


def test_names_that_mean_background_or_ignored(make):
    shapes = [*BOTH, polygon("__ignore__", 0, 0, 3, 3), polygon("_background_", 5, 6, 7, 8)]
    expected = EXPECTED.copy()
    expected[:3, :3], expected[5:7, 6:8] = 255, 0
    root = write(make, shapes)
    assert open_dataset(root).classes == ("background", "body", "organ")
    assert np.array_equal(masks(root)[0], expected)


def test_sizes_that_are_not_stated_are_those_of_the_images(make):
    assert np.array_equal(masks(write(make, imageHeight=None))[0], EXPECTED)


def test_images_without_a_json_are_left_out_and_told(make):
    write(make)
    make.save("more.jpg", make.photo(1))
    dataset = open_dataset(make.root)
    assert len(dataset) == 8
    assert "1 images without a JSON are left out" in dataset.describe()


def test_an_image_that_was_renamed_with_its_json(make):
    assert len(masks(write(make, imagePath="C:\\old\\IMG_1.jpg"))) == 8


@pytest.mark.parametrize(
    ("shapes", "changes", "words"),
    [
        ([{"label": "a", "points": [[1, 2], [3]]}], {}, r"0\.json: shape 1, 'a', holds a value that LabelMe"),
        ([{"label": "a", "shape_type": "circle", "points": [[1, 2]]}], {}, "shape 1, 'a', holds a value"),
        ([polygon("a", 0, 0, 1e9, 5)], {}, r"shape 1, 'a',: a corner of a polygon lies far outside"),
        ([{"label": "a", "points": [[1, 1]] * 2, "shape_type": "mask", "mask": "?"}], {}, "a damaged mask"),
        (
            [drawn_mask("a", 19, 2, np.ones((3, 3)))],
            {},
            r"mask of 3 x 3 pixels at row 19 and column 2 does not",
        ),
        (3, {}, r"0\.json: lacks the list 'shapes' of LabelMe"),
        (BOTH, {"imagePath": 3}, r"0\.json: lacks 'imagePath', the name of its image"),
        ([], {}, "no object is outlined in its 8 files of LabelMe; outline objects"),
    ],
)
def test_files_that_are_wrong(make, shapes, changes, words):
    with pytest.raises(DataError, match=words):
        open_dataset(write(make, shapes, **changes))


def test_an_image_of_another_size_than_was_annotated(make):
    make.save("a/0.jpg", make.photo(0))
    with pytest.raises(DataError, match=r"is 20 x 24 pixels .* and .*0\.json says 20 x 25"):
        masks(write(make, imageWidth=WIDTH + 1))


def test_an_image_that_is_gone_or_lies_elsewhere(make):
    root = write(make)
    (root / "3.jpg").unlink()
    with pytest.raises(DataError, match=r"3\.json: its image '3\.jpg' does not exist; add it, or remove"):
        open_dataset(root)
