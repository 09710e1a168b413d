"""What folders of pairs and of splits may be called."""

import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.errors import DataError

WORDS = [("train", "valid", "test"), ("Training", "Validation", "Testing"), ("train", "dev", "test")]
PLACES = [
    ("{split}/images", "{split}/masks"),
    ("images/{split}", "masks/{split}"),
    ("{split}", "{split}annot"),
    ("{split}", "{split}_masks"),
    ("{split}_images", "{split}_masks"),
]


def counts(dataset):
    return [len(dataset.index(split)) for split in SPLITS]


@pytest.mark.parametrize("words", WORDS, ids="-".join)
@pytest.mark.parametrize(("images", "masks"), PLACES, ids=["inner", "outer", "annot", "apart", "both"])
def test_splits_of_pairs_by_any_of_their_names(make, images, masks, words):
    for word, count in zip(words, (8, 4, 5), strict=True):
        make.pairs(images.format(split=word), masks.format(split=word), count)
    assert counts(open_dataset(make.root)) == [8, 4, 5]


@pytest.mark.parametrize("words", WORDS, ids="-".join)
def test_splits_of_classes_by_any_of_their_names(make, words):
    for word, count in zip(words, (8, 4, 5), strict=True):
        make.class_folders(**{f"{word}/cat": count, f"{word}/dog": count})
    dataset = open_dataset(make.root)
    assert (dataset.classes, counts(dataset)) == (("cat", "dog"), [16, 8, 10])


@pytest.mark.parametrize("words", WORDS, ids="-".join)
def test_splits_of_tables_by_any_of_their_names(make, words):
    make.pairs("photos", "truth")
    rows = [f"photos/{number:02d}.png,truth/{number:02d}.png" for number in range(8)]
    for word, part in zip(words, (rows[:4], rows[4:6], rows[6:]), strict=True):
        (make.root / f"{word}.csv").write_text("\n".join(["image,mask", *part]))
    assert counts(open_dataset(make.root)) == [4, 2, 2]


def test_two_folders_of_one_split(make):
    for split in ("train", "val", "valid"):
        make.pairs(f"{split}/images", f"{split}/masks")
    with pytest.raises(DataError, match=r"val/ and valid/ name the same split; put their files into one"):
        open_dataset(make.root)


def test_a_folder_of_a_split_that_holds_nothing_is_passed_over(make):
    for split in ("train", "val"):
        make.pairs(f"{split}/images", f"{split}/masks")
    (make.root / "dev").mkdir()
    assert len(open_dataset(make.root)) == 16


def test_words_of_splits_may_be_classes(make):
    make.class_folders(**{"valid/phone": 8, "valid/scanner": 8, "invalid/phone": 8, "invalid/scanner": 8})
    with pytest.raises(DataError, match=r"hold folders of the same names .*; either may be the classes"):
        open_dataset(make.root)
    assert open_dataset(make.root, layout="class_folders").classes == ("invalid", "valid")


def test_classes_called_as_splits_beside_others(make):
    make.class_folders(bus=8, dev=8, train=8, val=8)
    assert open_dataset(make.root).classes == ("bus", "dev", "train", "val")


@pytest.mark.parametrize("name", ["target", "gt", "segmentation"])
def test_classes_called_as_masks_may_be(make, name):
    make.class_folders(**{f"train/{name}": 8, "train/other": 8, f"val/{name}": 4, "val/other": 4})
    assert open_dataset(make.root).classes == tuple(sorted([name, "other"]))


@pytest.mark.parametrize("other", ["test_images", "testing", "segmentation", "gt"])
def test_images_beside_splits_of_pairs_are_not_read(make, other):
    for split in ("train", "val"):
        make.pairs(f"{split}", f"{split}_masks")
    make.class_folders(**{other: 4})
    dataset = open_dataset(make.root)
    assert len(dataset) == 16
    assert f"Not read: {other}/." in dataset.describe()


def test_a_pair_as_an_example_beside_classes(make):
    make.class_folders(cat=8, dog=8)
    make.save("example.png", make.photo(0))
    make.save("example_mask.png", make.mask(0, [0, 255]))
    assert open_dataset(make.root).classes == ("cat", "dog")


def test_photographs_whose_names_end_as_those_of_masks(make):
    for name in ("cars", "vans"):
        for number in range(8):
            make.save(f"{name}/{number}.png", make.photo(number, (48, 64)))
            make.save(f"{name}/{number}_gt.png", make.photo(100 + number, (48, 64)))
    dataset = open_dataset(make.root)
    assert (dataset.classes, len(dataset)) == (("cars", "vans"), 32)


@pytest.mark.parametrize("masks", ["segmentation", "targets"])
def test_a_table_of_labels_goes_before_folders_that_need_not_be_masks(make, masks):
    make.pairs("images", masks)
    rows = [f"{number:02d}.png,{'ab'[number % 2]}" for number in range(8)]
    (make.root / "labels.csv").write_text("\n".join(["image,label", *rows]))
    assert open_dataset(make.root).classes == ("a", "b")


def test_masks_are_looked_for_where_there_are_any(make):
    make.pairs("JPEGImages", "SegmentationClass")
    (make.root / "Annotations").mkdir()
    (make.root / "Annotations" / "00.xml").write_text("<annotation/>")
    assert len(open_dataset(make.root)) == 8


def test_a_labelmap_of_another_tool(make):
    make.class_folders(cat=8, dog=8)
    (make.root / "labelmap.txt").write_text("cat\ndog\n")
    assert open_dataset(make.root).classes == ("cat", "dog")


@pytest.mark.parametrize("ending", ["_mask", "-label", "_GT", "_seg"])
def test_masks_beside_their_images(make, ending):
    for number in range(8):
        make.save(f"{number:02d}.png", make.photo(number))
        make.save(f"{number:02d}{ending}.png", make.mask(number, [0, 255]))
    dataset = open_dataset(make.root)
    assert (dataset.name, len(dataset)) == ("paired", 8)
    entry = dataset.index("train")[0]
    assert entry.mask == make.root / f"{entry.stem}{ending}.png"
    assert np.array_equal(dataset.read(entry)[0], make.photo(int(entry.stem)))


def test_masks_beside_their_images_in_each_split(make):
    for split, count in (("train", 8), ("valid", 4), ("test", 5)):
        for number in range(count):
            make.save(f"{split}/{number:02d}.png", make.photo(number))
            make.save(f"{split}/{number:02d}_mask.png", make.mask(number, [0, 255]))
    dataset = open_dataset(make.root)
    assert (dataset.name, counts(dataset)) == ("paired", [8, 4, 5])


def test_an_image_whose_mask_is_missing_beside_it(make):
    for number in range(8):
        make.save(f"{number:02d}.png", make.photo(number))
        make.save(f"{number:02d}_mask.png", make.mask(number, [0, 255]))
    make.save("odd.png", make.photo(9))
    with pytest.raises(DataError, match=r"1 of 9 images have no mask of the same name .*: odd\.png"):
        open_dataset(make.root)


def test_masks_among_the_images_of_classes(make):
    for name in ("benign", "normal"):
        for number in range(4):
            make.save(f"{name}/{number}.png", make.photo(number))
            make.save(f"{name}/{number}_mask.png", make.mask(number, [0, 255]))
    with pytest.raises(DataError, match=r"benign: holds images together with their masks; for segmentation"):
        open_dataset(make.root)


def test_splits_without_classes_are_no_classes(make):
    make.class_folders(train=8, valid=4, test=4)
    with pytest.raises(
        DataError, match=r"test/, train/, valid/ are splits, and hold images alone; for classes"
    ):
        open_dataset(make.root)


def test_masks_that_a_labelling_tool_exported_as_voc(make):
    """As CVAT does: the folders of Pascal VOC, colours and names of the user's own."""
    colors = np.array([(0, 0, 0), (250, 50, 83)], dtype=np.uint8)
    for number in range(8):
        make.save(f"JPEGImages/{number}.jpg", make.photo(number))
        make.save(f"SegmentationClass/{number}.png", colors[make.mask(number, [0, 1])])
    lists = make.root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n2\n3\n4\n")
    (lists / "val.txt").write_text("5\n6\n")
    make.save("JPEGImages/9.jpg", make.photo(9))
    table = make.root / "labelmap.txt"
    table.write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nroof:250,50,83::\n")
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("coloured", ("background", "roof"))
    lists = "ImageSets/Segmentation/train.txt, ImageSets/Segmentation/val.txt"
    assert f"The splits are those of {lists}. 1 images that no list names are left out" in dataset.describe()
    assert dataset.split_table()["test"] == ["5", "6"]
    table.write_text("background:0,0,0::\nroof:250,50::\n")
    with pytest.raises(DataError, match=r"labelmap\.txt:2: 'roof,250,50' is not name:r,g,b:: with values"):
        open_dataset(make.root)


@pytest.mark.parametrize("top", ["", "train/"])
def test_images_and_masks_in_folders_that_are_not_called_so(make, top):
    make.pairs(f"{top}input", f"{top}output")
    with pytest.raises(
        DataError, match=r"input/ and output/ hold files of the same names, and those in output/"
    ):
        open_dataset(make.root)


def test_classes_whose_files_are_called_alike(make):
    make.class_folders(cat=8, dog=8)
    assert open_dataset(make.root).classes == ("cat", "dog")


def test_a_table_in_another_encoding_is_named(make):
    make.pairs("höhe", "truth")
    rows = "".join(f"höhe/{number:02d}.png,truth/{number:02d}.png\n" for number in range(8))
    (make.root / "data.csv").write_bytes(f"image,mask\n{rows}".encode("latin-1"))
    with pytest.raises(DataError, match=r"data\.csv: is not CSV text .*; save it as CSV in UTF-8"):
        open_dataset(make.root)
    (make.root / "data.csv").write_bytes(f"image,mask\n{rows}".encode("utf-16"))
    assert len(open_dataset(make.root)) == 8


def test_folders_that_nothing_reads_are_named(make):
    make.pairs()
    make.pairs("overlays", "predictions")
    assert "Not read: overlays/, predictions/." in open_dataset(make.root).describe()
