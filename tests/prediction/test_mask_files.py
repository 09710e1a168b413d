"""Masks in other formats are read back by the readers of data, bit for bit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from foveate.data.open import open_dataset
from foveate.data.pixels.stored import read_raw
from foveate.data.published.cityscapes import CLASSES
from foveate.errors import UserError
from foveate.prediction.facts import Facts, read_facts
from foveate.prediction.mask_files import FORMATS, CocoAnnotations, check_format


def facts(*names: str) -> Facts:
    colors = tuple((20 * number, 7, 255 - number) for number in range(len(names)))
    return Facts("segmentation", names, colors)


def scattered(classes: int, size: tuple[int, int] = (40, 30), seed: int = 0) -> np.ndarray:
    """A mask of blocks with holes, lone pixels and pixels that touch at corners."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, classes, (size[0] // 5, size[1] // 5)).repeat(5, 0).repeat(5, 1)
    noise = random.integers(0, classes, size)
    return np.where(random.random(size) < 0.1, noise, blocks).astype(np.uint8)


@pytest.mark.parametrize("form", ["png", "palette", "geotiff"])
def test_files_of_ids_are_read_back(tmp_path, form):
    mask = scattered(5)
    with (tmp_path / f"a{FORMATS[form].ending}").open("wb") as file:
        FORMATS[form].write(file, mask, facts(*"abcde"), tmp_path / "a.jpg")
    assert np.array_equal(read_raw(tmp_path / f"a{FORMATS[form].ending}"), mask)
    with Image.open(tmp_path / f"a{FORMATS[form].ending}") as shown:
        colours = np.asarray(shown.convert("RGB"))
    if form != "png":
        assert np.array_equal(colours, np.array(facts(*"abcde").colors, np.uint8)[mask])


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (("ignore=1", "b=0", "a=255", "c=128-130,7"), [255, 0, 128]),
        (("a=0", "b=1000", "c=65535"), [0, 1000, 65535]),
        (("a=#000000", "b=#ff0000", "c=#00ff10"), [[0, 0, 0], [255, 0, 0], [0, 255, 16]]),
    ],
)
def test_the_values_of_the_masks_of_training_are_written(tmp_path, table, values):
    mask = scattered(3)
    known = replace(facts(*"abc"), table=table)
    check_format("stored", known)
    with (tmp_path / "a.png").open("wb") as file:
        FORMATS["stored"].write(file, mask, known, tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.png") as file:
        assert np.array_equal(np.asarray(file), np.array(values)[mask])


@pytest.mark.parametrize(
    ("table", "words"),
    [((), "does not record which values"), (("a=0", "b=70000"), "a PNG holds values up to 65535")],
)
def test_values_that_are_not_known_or_too_high_are_refused(table, words):
    with pytest.raises(UserError, match=f"--format stored: .*{words}"):
        check_format("stored", replace(facts("a", "b"), table=table))


def test_facts_of_files_of_older_versions_have_no_table():
    metadata = facts("a", "b").metadata()
    del metadata["table"]
    assert read_facts(metadata, "a.onnx") == facts("a", "b")


def test_npz_holds_the_mask_and_its_classes(tmp_path):
    mask = scattered(3)
    with (tmp_path / "a.npz").open("wb") as file:
        FORMATS["npz"].write(file, mask, facts("sky", "road", "car"), Path("a.jpg"))
    with np.load(tmp_path / "a.npz") as arrays:
        assert np.array_equal(arrays["mask"], mask)
        assert arrays["classes"].tolist() == ["sky", "road", "car"]


def entries(data):
    return [entry for split in ("train", "val", "test") for entry in data.splits.get(split, ())]


@pytest.mark.parametrize("names", [("background", "cell", "wall"), ("sky", "road", "car")])
def test_coco_is_read_back(tmp_path, make, names):
    coco, masks = CocoAnnotations(facts(*names)), {}
    for number in range(6):
        mask = scattered(3, seed=number) if number % 2 else scattered(3, seed=number).repeat(2, 0)
        if number == 2:
            mask = np.zeros((20, 20), np.uint8)
            mask[2:9, 3:8] = 1
        masks[str(number)] = mask
        make.save(f"images/{number}.png", make.photo(number, mask.shape))
        coco.add(f"{number}.png", mask)
    (tmp_path / "annotations.json").write_text(coco.text())
    kinds = {type(each["segmentation"]) for each in json.loads(coco.text())["annotations"]}
    assert kinds == {list, dict}, "polygons where there are no holes, else run lengths"
    data = open_dataset(tmp_path, classes=list(names))
    assert list(data.classes) == list(names)
    found = {entry.stem.rpartition("/")[2]: data.read(entry)[1] for entry in entries(data)}
    assert sorted(found) == sorted(masks)
    for stem, mask in masks.items():
        assert np.array_equal(found[stem], mask)


def test_cityscapes_ids_are_read_back(tmp_path, make):
    names = ("road", "person", "sky")
    for name in ("train/bern/bern_1", "train/bern/bern_2", "val/bonn/bonn_1"):
        make.save(f"leftImg8bit/{name}_leftImg8bit.png", make.photo(0, (40, 30)))
        (tmp_path / f"gtFine/{name}").parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / f"gtFine/{name}_gtFine_labelIds.png").open("wb") as file:
            FORMATS["cityscapes"].write(file, scattered(3), facts(*names), tmp_path)
    data = open_dataset(tmp_path)
    read = data.read(entries(data)[0])[1]
    order = np.array([list(CLASSES).index(name) for name in names])
    assert np.array_equal(read, order[scattered(3)])
    with pytest.raises(UserError, match="--format cityscapes: tree is not among the classes of Cityscapes"):
        check_format("cityscapes", facts("road", "tree"))


def test_a_georeference_is_kept_tag_by_tag(tmp_path):
    place = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0, 0, 0, 6e5, 5e6, 0), True)]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 30), np.uint8), extratags=place)
    with (tmp_path / "mask.tif").open("wb") as file:
        FORMATS["geotiff"].write(file, scattered(2), facts("a", "b"), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "mask.tif") as tiff:
        tags = tiff.pages[0].tags
        assert tags[33550].value == (10.0, 10.0, 0.0)
        assert tags[33922].value == (0.0, 0.0, 0.0, 6e5, 5e6, 0.0)
        assert 34735 not in tags
