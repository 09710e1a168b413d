"""Every file below a dataset's folder is used, known, or told with the reason why it is not read."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from foveate.data.folders.accounting import account_for, take_stock
from foveate.data.folders.listing import folders_in, list_images
from foveate.data.open import open_dataset
from foveate.data.recognise import recognise
from foveate.errors import DataError


def account(root):
    return account_for(recognise(root).read(None))


def heaps(root):
    return {heap.name: len(heap.files) for heap in account(root).missed}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.dng", "b.CR2"], "raw photos"),
        (["a.mp4"], "videos): save their frames"),
        (["scan.dcm"], "DICOM): save the slices"),
        (["scan.nii.gz", "other.nii.gz"], "2 .nii.gz (volumes)"),
        (["slide.svs"], "slides"),
        (["all.h5"], "arrays"),
        (["a.jxl"], "convert them to PNG"),
    ],
)
def test_files_that_look_like_images_are_counted_with_what_to_do(make, names, said):
    make.pairs(count=6)
    for name in names:
        (make.root / "images" / name).write_bytes(b"1")
    (caution,) = open_dataset(make.root).cautions
    assert caution.startswith(f"{12 + len(names)} files: 12 used, {len(names)} not read: ")
    assert said in caution


def test_known_files_are_no_caution(make):
    make.pairs(count=6)
    for name in (
        "README.md",
        "LICENSE",
        "Readme.txt",
        "labels.csv",
        "sha256sums",
        "Thumbs.db",
        "images/a.xmp",
    ):
        (make.root / name).write_text("1")
    for name in (".DS_Store", "images/._00.png", ".cache/a.png", "__MACOSX/images/00.png"):
        (make.root / name).parent.mkdir(exist_ok=True, parents=True)
        (make.root / name).write_text("1")
    assert open_dataset(make.root).cautions == ()
    held = account(make.root)
    assert (held.used, held.known, held.unread) == (12, 7, ())


def test_images_of_folders_that_are_not_read_are_named(make):
    make.class_folders(cat=6, dog=6)
    make.save("loose.png", make.photo(1))
    dataset = open_dataset(make.root)
    assert (
        "13 files: 12 used, 1 not read: 1 images in this folder (a folder that is not read)"
        in (dataset.cautions[0])
    )
    assert "images in dog/" in open_dataset(make.class_folders(bird=6), ["cat", "bird"]).cautions[0]


def test_many_folders_that_are_not_read_are_one_sentence(make):
    make.pairs()
    for number in range(5):
        make.save(f"others/{number}/images/{number}.png", make.photo(number))
    assert "5 images in others/ (a folder that is not read)" in open_dataset(make.root).cautions[0]


def test_images_that_a_table_does_not_name_are_told(make):
    for number in range(9):
        make.save(f"images/{number}.png", make.photo(number))
    rows = [f"{number}.png,{number % 2}" for number in range(6)]
    (make.root / "data.csv").write_text("\n".join(["image,label", *rows]))
    assert "3 images in images/ (no table or annotation names them)" in open_dataset(make.root).cautions[0]


def test_a_file_of_annotations_an_image_is_told(make):
    make.class_folders(cat=6, dog=6)
    for path in sorted(make.root.rglob("*.png")):
        path.with_suffix(".json").write_text("{}")
    assert heaps(make.root) == {".json": 12}


def test_files_without_a_suffix_are_looked_into(make):
    make.class_folders(cat=6, dog=6)
    (make.root / "cat" / "IM0001").write_bytes(bytes(128) + b"DICM")
    shutil.copy(make.root / "cat" / "000.png", make.root / "cat" / "photo")
    whats = {heap.kind.what for heap in account(make.root).missed}
    assert whats == {"DICOM", "images without a suffix"}


def test_a_stray_file_is_no_reason_to_warn_and_many_are(make):
    make.pairs(count=30)
    (make.root / "demo.mp4").write_bytes(b"1")
    assert not account(make.root).many
    dataset = open_dataset(make.root)
    assert dataset.cautions == ()
    assert "61 files: 60 used, 1 not read: 1 .mp4 (videos)" in dataset.describe()
    for number in range(4):
        (make.root / f"{number}.cr3").write_bytes(b"1")
    assert account(make.root).many


def test_many_files_of_an_unknown_kind_count_as_missed(make):
    make.class_folders(cat=6, dog=6)
    for number in range(6):
        (make.root / "cat" / f"{number}.raw8").write_bytes(b"1")
    (make.root / "cat" / "one.odd").write_bytes(b"1")
    assert heaps(make.root) == {".raw8": 6}


def test_what_was_unpacked_is_accounted_for(make, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    root = make.pairs(images="in/images", masks="in/masks", count=6)
    (root / "in" / "images" / "a.cr3").write_bytes(b"1")
    (tmp_path / "packed").mkdir()
    shutil.make_archive(str(tmp_path / "packed" / "data"), "zip", root / "in")
    (caution,) = open_dataset(tmp_path / "packed").cautions
    assert caution.startswith("13 files: 12 used, 1 not read: 1 .cr3")


def test_a_class_of_photos_that_are_not_read_says_why_it_is_empty(make):
    make.class_folders(cat=6)
    (make.root / "dog").mkdir()
    (make.root / "dog" / "a.cr3").write_bytes(b"1")
    with pytest.raises(DataError, match=r"1 \.cr3 \(raw photos of a camera\): develop"):
        open_dataset(make.root)


def test_a_folder_of_photos_that_are_not_read_says_so(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.cr3").write_bytes(b"1")
    with pytest.raises(DataError, match=r"Not read: 2 \.cr3"):
        open_dataset(tmp_path)


def test_links_to_folders_and_files_are_followed(make, tmp_path):
    (tmp_path / "store").mkdir()
    make.pairs(images="store/images", masks="store/masks", count=6)
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "images" / "inner").symlink_to(tmp_path / "store" / "images")
    (tmp_path / "data" / "masks").mkdir()
    (tmp_path / "data" / "masks" / "inner").symlink_to(tmp_path / "store" / "masks")
    dataset = open_dataset(tmp_path / "data")
    assert (len(dataset), dataset.cautions) == (6, ())


def test_loops_of_links_end(make):
    make.class_folders(cat=6, dog=6)
    (make.root / "cat" / "up").symlink_to(make.root)
    (make.root / "cat" / "self").symlink_to("self")
    (make.root / "self").symlink_to("self")
    assert len(list_images(make.root / "dog")) == 6
    assert folders_in(make.root) == [make.root / "cat", make.root / "dog"]
    assert len(list_images(make.root)) == 12


def test_a_link_that_leads_nowhere_is_named(make):
    make.class_folders(cat=6, dog=6)
    (make.root / "cat" / "gone.png").symlink_to(make.root / "nowhere.png")
    (caution,) = open_dataset(make.root).cautions
    assert "1 link that leads nowhere (" in caution
    assert "cat/gone.png): copy the files that they name" in caution


def test_links_to_one_file_are_told_and_count_once(make):
    make.class_folders(cat=6, dog=6)
    (make.root / "cat" / "again.png").symlink_to(make.root / "dog" / "000.png")
    held = account(make.root)
    assert held.used == 12
    assert held.twice == ((make.root / "cat" / "again.png", make.root / "dog" / "000.png"),)
    assert "1 image is the file of another, by links" in open_dataset(make.root).cautions[0]


def test_a_file_that_is_used_through_a_link_is_not_unread(make):
    make.pairs(images="store/images", masks="masks", count=6)
    (make.root / "images").mkdir()
    for path in sorted((make.root / "store" / "images").iterdir()):
        (make.root / "images" / path.name).symlink_to(Path("..", "store", "images", path.name))
    assert account(make.root).unread == ()


def test_an_empty_folder_has_an_empty_account(tmp_path):
    held = take_stock(tmp_path, ())
    assert (held.used, held.known, held.unread, held.words) == (0, 0, (), "")


def test_fields_of_view_that_are_used_are_not_unread(make):
    make.pairs(count=6)
    for number in range(6):
        make.save(f"mask/{number:02d}.png", np.full((12, 16), 255, np.uint8))
    (make.root / "masks").rename(make.root / "1st_manual")
    assert open_dataset(make.root, masks="1st_manual", ignore_outside="mask").cautions == ()
    unused = open_dataset(make.root, masks="1st_manual")
    assert "6 images in mask/ (a folder that is not read)" in unused.cautions[0]
