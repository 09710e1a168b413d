"""What a user may point foveate at by mistake, and the sentence each mistake is answered with."""

import os
import re

import numpy as np
import pytest

from foveate.data.open import open_dataset
from foveate.errors import DataError


def refuses(source, words, **options):
    with pytest.raises(DataError, match=words):
        open_dataset(source, **options)


def test_no_such_folder(tmp_path):
    refuses(
        tmp_path / "nowhere", r"nowhere: there is no such folder; give the folder of your images, or the word"
    )


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "a.png").touch()
    refuses(tmp_path / "a.png", r"a\.png: is a file; give the folder of your im")


def test_empty_folder(tmp_path):
    refuses(tmp_path, re.escape(f"{tmp_path}: the folder is empty; put images/ and masks/ there"))


def test_unknown_layout_says_what_was_found_and_what_is_read(make):
    make.save("a.png", make.photo(0))
    refuses(
        make.root,
        r"no known layout \(found a\.png\)\. For segmentation, put images into images/ .*one folder per",
    )


def test_empty_images_folder(make):
    (make.pairs("other") / "images").mkdir()
    refuses(make.root, r"images: holds no image files \(.*\); put the images there")


def test_images_without_any_masks(make):
    make.save("images/a.png", make.photo(0))
    refuses(make.root, r"has images/ \(1 files\) but no masks/; put the masks there, with the same names")


def test_masks_without_any_images(make):
    make.save("masks/a.png", make.mask(0, [0, 1]))
    refuses(make.root, r"has masks/ \(1 files\) but no images/; put the images there")


@pytest.mark.parametrize("value", [1, 7])
@pytest.mark.parametrize("classes", [None, ["background", "polyp"]])
def test_a_stray_value_among_binary_masks_is_named(make, value, classes):
    for number in range(8):
        mask = np.zeros((16, 16), np.uint8)
        mask[:8] = 255
        mask[12, 3] = value if number == 5 else 0
        make.save(f"images/{number}.png", make.photo(number, (16, 16)))
        make.save(f"masks/{number}.png", mask)
    words = rf"masks/5\.png: the mask holds the value {value} in 1 pixel, and all others are 0 and 255"
    refuses(make.root, words, classes=classes)


def test_an_image_without_its_mask(make):
    (make.pairs() / "masks" / "03.png").unlink()
    refuses(
        make.root, r"1 of 8 images have no mask of the same name in .*masks: 03\.png; add the masks or remove"
    )


def test_a_mask_without_its_image(make):
    (make.pairs() / "images" / "03.png").unlink()
    refuses(make.root, r"1 of 8 masks have no image of the same name in .*images: 03\.png; add the images or")


def test_a_split_without_masks(make):
    make.pairs("train", "trainannot", values=(0, 1))
    make.save("test/a.png", make.photo(0))
    refuses(
        make.root, r"the test split has no folder of masks; add it \(masks as in trainannot/\), or move test/"
    )


def test_val_and_test_without_train(make):
    for split in ("val", "test"):
        make.pairs(split, f"{split}_masks")
    refuses(make.root, "the folder has val and test but no train; add train")


def test_two_images_of_one_stem(make):
    make.pairs()
    make.save("images/03.jpg", make.photo(0))
    refuses(
        make.root, r"images: 03\.jpg and 03\.png share a stem, so it is unclear which image to use; keep one"
    )


def test_two_masks_of_one_stem(make):
    make.pairs()
    make.save("masks/03.bmp", make.mask(0, [0, 255]))
    refuses(make.root, r"masks: 03\.bmp and 03\.png share a stem, so it is unclear which mask to use")


def test_two_masks_that_fit_one_image(make):
    make.pairs()
    make.save("masks/03_mask.png", make.mask(0, [0, 255]))
    refuses(
        make.root, r"03\.png and 03_mask\.png both fit the image '03', so it is unclear which mask to use"
    )


def test_mask_of_another_size(make):
    make.pairs()
    make.save("masks/03.png", make.mask(0, [0, 255], (16, 12)))
    refuses(
        make.root, r"masks/03\.png: the mask is 16 x 12 pixels .* image .*images/03\.png is 12 x 16; export"
    )


def test_mask_value_outside_the_classes(make):
    make.pairs(values=(0, 1, 2))
    make.save("masks/03.png", make.mask(0, [0, 1, 2, 5]))
    refuses(
        make.root,
        r"03\.png: the mask holds the value 5, and 3 classes \(a, b, c\) cover 0 to 2; name every class",
        classes=["a", "b", "c"],
    )


def test_smoothed_masks_without_class_names(make):
    make.pairs(values=tuple(range(0, 200, 2)))
    refuses(
        make.root,
        r"the masks hold 100 different values; they may number objects one by one, or come from JPEG",
    )


def test_class_that_never_occurs_in_train(make):
    make.pairs(values=(0, 1, 2))
    refuses(
        make.root,
        r"the class 'moose' never occurs in the 6 training images, so .* name it 'ignore' .*--split-seed",
        classes=["a", "b", "c", "moose"],
    )


def test_class_that_occurs_in_test_only(make):
    make.class_folders(**{"train/cat": 8, "train/dog": 8, "test/cat": 3, "test/moose": 3})
    refuses(make.root, "the class 'moose' never occurs in the 14 training images")


def test_a_class_named_twice(make):
    refuses(make.pairs(values=(0, 1, 2)), "--classes names a class twice: a, a, b", classes=["a", "a", "b"])


def test_a_class_folder_named_twice(make):
    refuses(make.class_folders(cat=3, dog=3), r"one class folder only \('cat'\)", classes=["cat", "cat"])


def test_what_lies_in_hidden_folders_is_passed_over(make):
    make.class_folders(cat=4, dog=4)
    make.save("cat/.ipynb_checkpoints/000-checkpoint.png", make.photo(0))
    assert len(open_dataset(make.root)) == 8


def test_a_name_that_is_not_utf_8(make):
    folder = make.pairs() / "images"
    (folder / "03.png").rename(folder / os.fsdecode(b"mus\xe9e.png"))
    refuses(make.root, r"images: the name b'mus\\xe9e\.png' is not UTF-8; rename the file")


def test_mask_saved_as_jpeg(make):
    make.pairs()
    (make.root / "masks" / "03.png").unlink()
    make.save("masks/03.jpg", make.mask(0, [0, 255]))
    refuses(make.root, r"03\.jpg: the mask is a JPEG, .* export the masks again as PNG")


def test_broken_mask(make):
    (make.pairs() / "masks" / "03.png").write_bytes(b"")
    refuses(make.root, r"masks/03\.png: the file is empty \(0 bytes\)")


def test_too_few_images(make):
    refuses(
        make.pairs(count=2), "2 images are too few for a split into train, val and test: val is left empty"
    )


def test_one_class_folder(make):
    refuses(
        make.class_folders(cat=5), r"has one class folder only \('cat'\); classification needs two or more"
    )


def test_empty_class_folder(make):
    (make.class_folders(cat=5, dog=5) / "emu").mkdir()
    refuses(make.root, "emu: the class folder holds no images; add some or remove the folder")


def test_two_images_of_one_stem_in_a_class_folder(make):
    make.class_folders(cat=5, dog=5)
    make.save("cat/003.jpg", make.photo(0))
    refuses(make.root, r"cat: 003\.jpg and 003\.png share a stem and are ambiguous; rename one")


def test_unknown_split(make):
    with pytest.raises(DataError, match="there is no split 'tset'; there are: train, val, test"):
        open_dataset(make.pairs()).index("tset")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("synthetic:many", "unknown drawing 'many'"),
        ("synthetic:0", "the number of scenes must be a whole number"),
        (
            "synthetic:8:wide",
            "synthetic:8:wide: 'wide' is not a size; write height x width in pixels, such as 192x256",
        ),
    ],
)
def test_synthetic_source_that_cannot_be_read(source, words):
    refuses(source, words)


def test_synthetic_classes_are_fixed():
    refuses("synthetic", "the classes are fixed", classes=["a", "b"])


def test_one_class_and_nothing_to_tell_it_from(make):
    words = r"has one class only \('class 5'\), and all else is ignored, so there is nothing to tell it from"
    refuses(make.pairs(values=(5, 255)), words)


def test_broken_image_is_named_when_it_is_decoded(make):
    root = make.pairs()
    path = root / "images" / "03.png"
    path.write_bytes(path.read_bytes()[:-60])
    dataset = open_dataset(root)
    entry = next(e for split in ("train", "val", "test") for e in dataset.index(split) if e.stem == "03")
    with pytest.raises(DataError, match=r"images/03\.png: the image is damaged or truncated"):
        dataset.read(entry)


def test_hidden_files_and_files_that_are_no_images_are_passed_over(make):
    root = make.pairs()
    (root / "images" / "._03.png").write_bytes(b"left by another system")
    (root / "masks" / "readme.txt").write_text("words")
    assert len(open_dataset(root)) == 8
    assert np.unique(open_dataset(root).read(open_dataset(root).index("val")[0])[1]).tolist() == [0, 1]


def test_masks_whose_names_tell_that_they_are_label_studios(make):
    for number in range(6):
        make.save(f"images/photo{number}.jpg", make.photo(number))
        make.save(f"masks/task-{number}-annotation-{number}-by-1-tag-disk-0.png", make.mask(number, [0, 255]))
    words = (
        r"6 of 6 images have no mask .*photo0\.jpg.*\(names such as task-3-annotation-\.\.\. are Label Studio"
    )
    refuses(make.root, words)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (
            ("_0", "_1"),
            r"a_0 and a_1 seem to be one mask an object; put the masks of the image a into a folder",
        ),
        (
            ("_car", "_sky"),
            r"a_car and a_sky seem to be one mask a class; save one mask an image, with a number",
        ),
    ],
)
def test_several_masks_of_an_image(make, ends, words):
    for name in "abcdef":
        make.save(f"images/{name}.jpg", make.photo(1))
        for end in ends:
            make.save(f"masks/{name}{end}.png", make.mask(1, [0, 255]))
    refuses(make.root, words)


@pytest.mark.parametrize("folder", ["", "annotations/"])
def test_images_beside_annotations_of_boxes(make, folder):
    make.save("images/a.jpg", make.photo(1))
    (make.root / folder).mkdir(exist_ok=True)
    (make.root / f"{folder}a.xml").write_text("<annotation><object><bndbox></bndbox></object></annotation>")
    refuses(make.root, r"a\.xml is Pascal VOC's XML of boxes; boxes are no masks; outline the objects")


def test_images_beside_a_file_of_another_program(make):
    make.save("a.jpg", make.photo(1))
    (make.root / "project.json").write_text('{"_via_img_metadata": {}}')
    refuses(
        make.root,
        r"no known layout \(found a\.jpg, project\.json\)\. project\.json is a project of VIA; export",
    )


def test_pairs_whose_names_differ_in_their_form_of_unicode(make):
    for number in range(8):
        make.save(f"images/caf\u00e9 {number}.jpg", make.photo(number))
        make.save(f"masks/cafe\u0301 {number}.png", make.mask(number, [0, 255]))
    assert len(open_dataset(make.root)) == 8


def test_class_folders_whose_names_are_one_name_are_one_class(make):
    make.class_folders(**{"cat": 4, "dog": 4, "dog ": 3, "caf\u00e9": 3})
    for number in range(4, 8):
        make.save(f"cafe\u0301/{number:03d}.png", make.photo(number, (8, 8)))
    dataset = open_dataset(make.root)
    assert dataset.classes == ("caf\u00e9", "cat", "dog")
    assert "'dog' and 'dog ' are one class" in dataset.describe()
    assert len(dataset) == 18
