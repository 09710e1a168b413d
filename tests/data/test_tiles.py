"""Large images as tiles: of the image and of its mask alike, together in one part of a split."""

import pickle
from itertools import combinations

import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.errors import DataError
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec
from foveate.specs.tiles import Tiles

SIZE = (20, 30)


@pytest.fixture
def scenes(make):
    for number in range(6):
        make.save(f"images/scene{number}.png", make.photo(number, SIZE))
        make.save(f"masks/scene{number}.png", make.mask(number, [0, 255], SIZE))
    return str(make.root)


def test_tiles_are_windows_of_the_image_and_of_its_mask(scenes):
    whole, cut = open_dataset(scenes), open_dataset(scenes, tiles=Tiles((8, 10), 2))
    images = {e.stem: whole.read(e) for split in SPLITS for e in whole.index(split)}
    tiles = [entry for split in SPLITS for entry in cut.index(split)]
    assert len(tiles) == 6 * 3 * 4
    seen = {stem: np.zeros(SIZE, bool) for stem in images}
    for entry in tiles:
        image, mask = images[entry.window.stem]
        rows, columns = entry.window.slices
        pixels, target = cut.read(entry)
        assert pixels.shape == (8, 10, 3)
        assert (pixels == image[rows, columns]).all()
        assert (target == mask[rows, columns]).all()
        assert cut.size_of(entry) == (8, 10)
        seen[entry.window.stem][rows, columns] = True
    assert all(covered.all() for covered in seen.values())
    assert "6 images are cut into 72 tiles of 8x10 that overlap by 2 pixels" in cut.describe()


def test_the_tiles_of_an_image_are_in_one_part_and_so_are_those_of_a_group(scenes):
    for group, count in ((None, 6), ("[0-9]$", 6), ("none", 6)):
        cut = open_dataset(scenes, tiles=Tiles((8, 10)), group=group)
        parts = [{entry.window.stem for entry in cut.index(split)} for split in SPLITS]
        assert all(not one & other for one, other in combinations(parts, 2))
        assert len(set.union(*parts)) == count
    pairs = open_dataset(scenes, tiles=Tiles((8, 10)), group="[024]$|[135]$", split_seed=1)
    assert pairs.has_groups
    folds = [open_dataset(scenes, tiles=Tiles((8, 10)), fold=f"{k}/3").index("test") for k in (1, 2, 3)]
    assert [len({entry.window.stem for entry in fold}) for fold in folds] == [2, 2, 2]


def test_a_recorded_split_of_tiles_is_reproduced(scenes):
    spec = DataSpec(scenes, tiles=(8, 10), batch=4, workers=0)
    table = DataModule(spec, seed=0).dataset.split_table()
    module = DataModule(spec, seed=0, splits=table)
    assert module.dataset.split_table() == table
    assert module.size == (8, 10)
    assert next(iter(module.train_dataloader()))["mask"].shape == (4, 8, 10)
    module = DataModule(
        DataSpec(scenes, tiles=(8, 10), batch=4, workers=0, memory_gb=0), seed=0, splits=table
    )
    assert next(iter(module.val_dataloader()))["image"].shape == (4, 3, 8, 10)


def test_a_reader_of_tiles_travels_to_worker_processes(scenes):
    cut = open_dataset(scenes, tiles=Tiles((8, 10)))
    entry = cut.index("val")[0]
    before = cut.read(entry)
    reader = pickle.loads(pickle.dumps(cut.reader))
    assert all((one == other).all() for one, other in zip(reader(entry), before, strict=True))


def test_an_image_that_is_smaller_than_a_tile_is_not_cut(make):
    make.pairs(count=5)
    cut = open_dataset(str(make.root), tiles=Tiles((8, 64)))
    assert {cut.size_of(entry) for entry in cut.index("train")} == {(8, 16)}
    assert "5 images are smaller than a tile" in cut.describe()


def test_drawn_scenes_are_cut_too(make):
    cut = open_dataset("synthetic:4:32x48", tiles=Tiles((16, 16)))
    assert [len(cut.index(split)) for split in SPLITS] == [24, 18, 18]
    image, mask = cut.read(cut.index("train")[-1])
    assert (image.shape, mask.shape) == ((16, 16, 3), (16, 16))


def test_what_cannot_be_cut_is_refused(make, scenes):
    with pytest.raises(
        DataError, match="tile_overlap 10 does not go with tiles of 8x10; give pixels from 0 to 7"
    ):
        DataModule(DataSpec(scenes, tiles=(8, 10), tile_overlap=10), seed=0).setup()
    with pytest.raises(DataError, match="tile_overlap is for tiles; give tiles, too"):
        DataModule(DataSpec(scenes, tile_overlap=10), seed=0).setup()


def test_images_with_labels_are_not_cut(make):
    source = str(make.class_folders(cat=4, dog=4))
    with pytest.raises(DataError, match="labels of whole images, and --tiles is for images with masks"):
        open_dataset(source, tiles=Tiles((4, 4)))
