"""Small folders of all forms, and how each is read: the tests check it, and docs/your-data.md shows it.

To add a form, add one `Tree`; then `python tests/data/layouts/trees.py` writes the table of the page anew.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

PAGE = Path(__file__).parents[3] / "docs" / "your-data.md"
BEGIN, END = "<!-- begin: folders -->", "<!-- end: folders -->"

Write = Callable[[Path], None]


@dataclass(frozen=True)
class Tree:
    """A folder and how it is read.

    name: of the test. looks: the folder, as the page shows it. read: how, as the page says. write: makes it.
    layout, classes, images: as it is opened; `layout` is "" where it is refused. splits: images in its own
    train, val and test. groups: number of groups, 0 without. says: words of the note, or of the refusal.
    flags: arguments of `open_dataset`.
    """

    name: str
    looks: str
    read: str
    write: Write
    layout: str = ""
    classes: tuple[str, ...] = ()
    images: int = 0
    splits: tuple[int, int, int] | None = None
    groups: int = 0
    says: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)


def photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((16, 12), Image.Resampling.BICUBIC))


def mask(seed: int, top: int = 255) -> np.ndarray:
    drawn = np.zeros((12, 16), np.uint8)
    drawn[seed % 4 : 6 + seed % 4, 4:11] = top
    return drawn


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def pairs(*forms: tuple[str, str], count: int = 8, top: int = 255) -> Write:
    """Write pairs of an image and a mask; each form is their paths, in which {n} is the number."""

    def write(root: Path) -> None:
        for place, (image, drawn) in enumerate(forms):
            for number in range(count):
                seed = 100 * place + number
                save(root / image.format(n=number), photo(seed))
                save(root / drawn.format(n=number), mask(seed, top))

    return write


def images(*folders: str, count: int = 6, suffix: str = ".png") -> Write:
    def write(root: Path) -> None:
        for place, folder in enumerate(folders):
            for number in range(count):
                save(root / folder / f"{number}{suffix}", photo(100 * place + number))

    return write


def text(name: str, content: str) -> Write:
    def write(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)

    return write


def all_of(*writes: Write) -> Write:
    def write(root: Path) -> None:
        for each in writes:
            each(root)

    return write


def product(*levels: tuple[str, ...]) -> tuple[str, ...]:
    """Return all paths of one name of each level.

    >>> product(("a", "b"), ("x",))
    ('a/x', 'b/x')
    """
    paths = ("",)
    for names in levels:
        paths = tuple(f"{path}/{name}" if path else name for path in paths for name in names)
    return paths


def _ham(root: Path) -> None:
    rows = ["lesion_id,image_id,dx,age"]
    for number in range(12):
        save(root / f"HAM10000_images_part_{1 + number // 6}" / f"ISIC_{number:07}.jpg", photo(number))
        rows.append(f"HAM_{number // 2:07},ISIC_{number:07},{'nv' if number % 3 else 'mel'},50")
    (root / "HAM10000_metadata.csv").write_text("\n".join(rows) + "\n")


def _chest_xrays(root: Path) -> None:
    rows = ["Image Index,Finding Labels,Follow-up #,Patient ID"]
    for number in range(12):
        name = f"{number:08}_000.png"
        save(root / f"images_{1 + number // 6:03}" / "images" / name, photo(number))
        rows.append(f"{name},{'Mass' if number % 3 else 'No Finding'},0,{number // 2}")
    (root / "Data_Entry_2017.csv").write_text("\n".join(rows) + "\n")


def _drive(root: Path) -> None:
    for part, numbers in (("training", range(21, 29)), ("test", range(1, 5))):
        for number in numbers:
            save(root / part / "images" / f"{number:02}_{part}.tif", photo(number))
            save(root / part / "1st_manual" / f"{number:02}_manual1.gif", mask(number))
            view = np.full((12, 16), 255, np.uint8)
            view[:2] = 0
            save(root / part / "mask" / f"{number:02}_{part}_mask.gif", view)


def _montgomery(root: Path) -> None:
    for n in range(8):
        save(root / "CXR_png" / f"MCU_{n}.png", photo(n))
        for side, columns in (("left", slice(8, None)), ("right", slice(0, 8))):
            half = mask(n)
            half[:, columns] = 0
            save(root / "ManualMask" / f"{side}Mask" / f"MCU_{n}.png", half)


BINARY = ("background", "foreground")
_NNUNET = all_of(
    pairs(("imagesTr/case_{n}_0000.png", "labelsTr/case_{n}.png"), top=1),
    text("dataset.json", '{"channel_names": {"0": "RGB"}, "labels": {"background": 0, "disk": 1}}'),
)
_PATIENTS = tuple(f"TCGA_CS_49{number}" for number in range(6))


def outlined(root: Path) -> None:
    """Write Label Studio's export: result.json in COCO's format, with the paths of Windows."""
    for n in range(8):
        save(root / f"images/{n}.jpg", photo(n))
    box = {"iscrowd": 0, "category_id": 1, "segmentation": [[2, 2, 9, 2, 9, 8, 2, 8]]}
    rows = [{"id": n, "file_name": f"images\\{n}.jpg", "height": 12, "width": 16} for n in range(8)]
    shapes = [{"id": n, "image_id": n, **box} for n in range(8)]
    content = {"images": rows, "annotations": shapes, "categories": [{"id": 1, "name": "cell"}]}
    (root / "result.json").write_text(json.dumps(content))


def labelme(root: Path) -> None:
    for n in range(8):
        save(root / f"{n}.jpg", photo(n))
        shape = {"label": "cell", "points": [[2, 2], [9, 2], [9, 8]], "shape_type": "polygon"}
        content = {"shapes": [shape], "imagePath": f"{n}.jpg", "imageHeight": 12, "imageWidth": 16}
        (root / f"{n}.json").write_text(json.dumps(content))


def cvat(root: Path) -> None:
    polygon = '<polygon label="cell" points="2,2;9,2;9,8" z_order="0"/>'
    for n in range(8):
        save(root / f"images/{n}.jpg", photo(n))
    rows = (f'<image name="{n}.jpg" width="16" height="12">{polygon}</image>' for n in range(8))
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version>{''.join(rows)}</annotations>")


def yolo(line: str) -> Write:
    def write(root: Path) -> None:
        for part, count in (("train", 8), ("valid", 4), ("test", 4)):
            for n in range(count):
                save(root / f"{part}/images/{n}.jpg", photo(n))
                text(f"{part}/labels/{n}.txt", line)(root)
        (root / "data.yaml").write_text("names: [cell]")

    return write


def one_mask_an_object(root: Path) -> None:
    for n in range(8):
        save(root / f"id{n}/images/id{n}.png", photo(n))
        for k in range(3):
            save(root / f"id{n}/masks/object{n}{k}.png", mask(n + k))


TREES = (
    Tree(
        "images_masks",
        "`images/` and `masks/`, one mask for each image, with the same stem",
        "pairs",
        pairs(("images/{n}.png", "masks/{n}.png")),
        "paired",
        BINARY,
        8,
        says="Masks are binary",
    ),
    Tree(
        "split_images_masks",
        "`train/images/ train/masks/ val/images/ ...`; `images/train/ masks/train/ ...`; `train/ "
        "train_masks/ ...`",
        "pairs in the folder's own splits; `training`, `train_set`, `TRAIN`, `valid_data`, `test2017` "
        "are splits, too",
        pairs(
            ("train_set/images/{n}.png", "train_set/masks/{n}.png"),
            ("valid_data/images/{n}.png", "valid_data/masks/{n}.png"),
            ("TEST/images/{n}.png", "TEST/masks/{n}.png"),
            count=4,
        ),
        "paired",
        BINARY,
        12,
        (4, 4, 4),
        says="own splits",
    ),
    Tree(
        "train_gt",
        "`train/ train_GT/ test/ test_GT/`",
        "pairs in the folder's own splits",
        pairs(("train/{n}.jpg", "train_GT/{n}.png"), ("test/{n}.jpg", "test_GT/{n}.png"), count=6),
        "paired",
        BINARY,
        12,
        (5, 1, 6),
    ),
    Tree(
        "split_behind",
        "`images_train/ masks_train/ images_val/ masks_val/`; `imagesTrain/ labelsTrain/ ...`",
        "pairs in the folder's own splits",
        pairs(
            ("images_train/{n}.png", "masks_train/{n}.png"),
            ("imagesVal/{n}.png", "labelsVal/{n}.png"),
            ("img_test/{n}.png", "gt_test/{n}.png"),
            count=4,
        ),
        "paired",
        BINARY,
        12,
        (4, 4, 4),
        says="own splits",
    ),
    Tree(
        "beside",
        "`a.jpg` and `a_mask.png` in one folder (`_mask`, `_label`, `_seg`, `_gt`)",
        "pairs",
        pairs(("{n}.jpg", "{n}_mask.png")),
        "paired",
        BINARY,
        8,
    ),
    Tree(
        "affixes",
        "`images/image_1.png` and `masks/mask_1.png`",
        "pairs by what differs in the names; foveate says so",
        pairs(("images/image_{n}.png", "masks/mask_{n}.png")),
        "paired",
        BINARY,
        8,
        says="Names are paired without what differs, as image_0.png with mask_0.png",
    ),
    Tree(
        "mmsegmentation",
        "`img_dir/train/ ann_dir/train/ img_dir/val/ ann_dir/val/` (mmsegmentation)",
        "pairs in the folder's own splits",
        pairs(
            ("img_dir/train/{n}.jpg", "ann_dir/train/{n}.png"),
            ("img_dir/val/{n}.jpg", "ann_dir/val/{n}.png"),
            top=1,
        ),
        "paired",
        BINARY,
        16,
        (7, 1, 8),
        says="val is kept for testing",
    ),
    Tree(
        "nnunet",
        "`imagesTr/case_0_0000.png labelsTr/case_0.png dataset.json` (nnU-Net), "
        "perhaps `imagesTs/ labelsTs/`",
        "pairs, with the names of `dataset.json`; `imagesTs/ labelsTs/` are the test part; one file an image",
        _NNUNET,
        "nnunet",
        ("background", "disk"),
        8,
        says="without nnU-Net's number of the channel",
    ),
    Tree(
        "nnunet_channels",
        "the same with `case_0_0001.png`: a file for each channel",
        "refused: join the channels to one image",
        all_of(_NNUNET, pairs(("imagesTr/case_{n}_0001.png", "labelsTr/case_{n}.png"), top=1)),
        says="has 2 files, one for each channel",
    ),
    Tree(
        "patients",
        "one folder a patient (site, region, sequence): `p1/images/ p1/masks/ p2/...`, or "
        "`p1/a.tif p1/a_mask.tif p2/...`",
        "pairs; where the names have numbers or say patient, site, ... each folder is a "
        "group, which is not torn apart",
        all_of(
            pairs(
                *((f"{name}/{name}_{{n}}.tif", f"{name}/{name}_{{n}}_mask.tif") for name in _PATIENTS),
                count=3,
            ),
            text("data.csv", "Patient,death01\nTCGA_CS_490,1\n"),
        ),
        "pairs_in_folders",
        BINARY,
        18,
        groups=6,
        says="each folder is a group",
    ),
    Tree(
        "regions_in_splits",
        "`train/region1/images/ train/region1/masks/ ... test/region5/...`",
        "pairs in the folder's own splits; each region is a group",
        pairs(
            *(
                (f"{part}/region{number}/images/{{n}}.png", f"{part}/region{number}/masks/{{n}}.png")
                for part, numbers in (("train", (1, 2, 3)), ("test", (4, 5)))
                for number in numbers
            ),
            count=3,
        ),
        "pairs_in_folders",
        BINARY,
        15,
        (6, 3, 6),
        groups=5,
    ),
    Tree(
        "other_pairs",
        "the same in folders whose names do not say what they are: `austin/images/ austin/masks/ vienna/...`",
        "refused, as they may be different datasets: give one, or join them with `--layout pairs_in_folders`",
        pairs(*((f"{name}/images/{{n}}.png", f"{name}/masks/{{n}}.png") for name in ("austin", "vienna"))),
        says="join them as the parts of one with --layout pairs_in_folders",
    ),
    Tree(
        "two_masks",
        "two folders that could hold the masks: "
        "DRIVE's `images/ 1st_manual/ mask/`, `masks/` beside `labels/`",
        "refused: name one with `--masks 1st_manual`; `--ignore-outside mask` ignores what is outside a "
        "field of view",
        _drive,
        says="1st_manual/ and mask/ could both hold the masks; say which do, as in --masks 1st_manual",
    ),
    Tree(
        "drive",
        "... with `--masks 1st_manual --ignore-outside mask`",
        "pairs with the masks of `1st_manual/`; pixels where `mask/` is 0 are ignored",
        _drive,
        "paired",
        BINARY,
        12,
        (7, 1, 4),
        says="Pixels outside the field of view (mask/) are ignored",
        flags={"masks": "1st_manual", "ignore_outside": "mask"},
    ),
    Tree(
        "masks_of_sides",
        "a folder of masks for each of several parts: `CXR_png/ ManualMask/leftMask/ ManualMask/rightMask/`, "
        "with `--masks ManualMask`",
        "refused: name one, `--masks leftMask`, or join them",
        _montgomery,
        says="join them: --masks ManualMask/leftMask+ManualMask/rightMask",
        flags={"masks": "ManualMask"},
    ),
    Tree(
        "joined_masks",
        "... with `--masks leftMask+rightMask`",
        "pairs; the union of the masks is the foreground",
        _montgomery,
        "paired",
        BINARY,
        8,
        says="The union of the masks in leftMask/, rightMask/ is 'foreground'",
        flags={"masks": "leftMask+rightMask"},
    ),
    Tree(
        "classes",
        "`cat/ dog/`, a folder of images for each class",
        "class folders",
        images("cat", "dog"),
        "class_folders",
        ("cat", "dog"),
        12,
    ),
    Tree(
        "split_classes",
        "`train/cat/ train/dog/ test/cat/ ...`; `training_set/training_set/cat/ ...`; "
        "`cat/train/ cat/test/ ...`",
        "class folders in the folder's own splits",
        images(
            *(f"{part}/{part}/{name}" for part in ("training_set", "test_set") for name in ("cat", "dog"))
        ),
        "class_folders",
        ("cat", "dog"),
        24,
        (10, 2, 12),
    ),
    Tree(
        "folds_of_classes",
        "`fold_0/cat/ fold_0/dog/ fold_1/...`; the same below parts, patients, sites or years",
        "class folders of all folds together; each fold, patient, site or year (not each part) is a group",
        images(*product(("fold_0", "fold_1", "fold_2"), ("all", "hem")), count=4),
        "classes_in_folders",
        ("all", "hem"),
        24,
        groups=3,
        says="Classes of fold_0/, fold_1/, fold_2/ are joined",
    ),
    Tree(
        "levels",
        "class folders in folders whose names do not say what they are: `10253/0/ 10253/1/ 10254/0/ ...`",
        "refused: `--layout classes_in_folders` takes the inner ones as classes, "
        "`--layout class_folders` the outer",
        images(*product(("10253", "10254", "10255"), ("0", "1")), count=3),
        says="where the inner ones are, --layout classes_in_folders; --layout class_folders takes these",
    ),
    Tree(
        "classes_with_masks",
        "masks in class folders: `normal/images/ normal/lung masks/`, or `normal/a.png normal/a_mask.png`",
        "refused: `--masks 'lung masks'` for segmentation; `--layout class_folders` reads the images alone",
        pairs(
            *(
                (f"{place}/images/{{n}}.png", f"{place}/lung masks/{{n}}.png")
                for place in product(("Train", "Test"), ("COVID-19", "Normal"))
            ),
            count=4,
        ),
        says="Train/COVID-19/lung masks/ looks like masks",
    ),
    Tree(
        "images_of_classes_with_masks",
        "... with `--layout class_folders`",
        "class folders, without the masks",
        pairs(
            *(
                (f"{place}/images/{{n}}.png", f"{place}/lung masks/{{n}}.png")
                for place in product(("Train", "Test"), ("COVID-19", "Normal"))
            ),
            count=4,
        ),
        "class_folders",
        ("COVID-19", "Normal"),
        16,
        (6, 2, 8),
        says="Not read: lung masks/",
        flags={"layout": "class_folders"},
    ),
    Tree(
        "parts",
        "folders of parts without classes: `images_part_1/ images_part_2/`",
        "refused, unless a table names the labels of the images",
        images("images_part_1", "images_part_2"),
        says="look like parts, not like classes",
    ),
    Tree(
        "table_of_parts",
        "a CSV with the columns image and label (or image and mask), beside the images or folders of "
        "images (HAM10000)",
        "the rows of the table, whatever the folders are called",
        _ham,
        "csv",
        ("mel", "nv"),
        12,
        groups=6,
        says="columns image_id and dx",
    ),
    Tree(
        "chest_xrays",
        "the same with the columns `Image Index` and `Finding Labels`, and the images in `images_001/images/ "
        "images_002/images/` (NIH chest X-rays); one label an image",
        "the rows of the table",
        _chest_xrays,
        "csv",
        ("Mass", "No Finding"),
        12,
        groups=6,
        says="columns image index and finding labels",
    ),
    Tree(
        "lists",
        "`images/ masks/` and `train.txt val.txt test.txt`, beside them or in `ImageSets/Segmentation/`",
        "pairs in the splits of the lists",
        all_of(
            pairs(("images/{n}.png", "masks/{n}.png")),
            text("train.txt", "0\n1\n2\n3\n"),
            text("val.txt", "images/4.png\n5.png\n"),
            text("test.txt", "6\n7\n"),
        ),
        "paired",
        ("background", "foreground"),
        8,
        (4, 2, 2),
        says="The splits are those of test.txt, train.txt, val.txt",
    ),
    Tree(
        "metadata",
        "`metadata.csv` or `metadata.jsonl` (file_name, label) beside the images, or in `train/` and `test/`",
        "the rows of the table",
        all_of(
            images("."),
            text("metadata.csv", "file_name,label\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(6))),
        ),
        "csv",
        ("a", "b"),
        6,
    ),
    Tree(
        "coco",
        "COCO JSON: `annotations/instances_train.json`, `_annotations.coco.json` (Roboflow), or any JSON of "
        "that form, such as `result.json` (Label Studio)",
        "the outlines as masks; where they overlap, the smaller is on top",
        outlined,
        "coco",
        ("background", "cell"),
        8,
        says="the one of fewer pixels is on top",
    ),
    Tree(
        "yolo",
        "`train/images/ train/labels/*.txt ... data.yaml` (YOLO), polygons",
        "the outlines as masks",
        yolo("0 0.1 0.1 0.6 0.1 0.6 0.7"),
        "yolo",
        ("background", "cell"),
        16,
        (8, 4, 4),
    ),
    Tree(
        "yolo_boxes",
        "the same with boxes",
        "refused: boxes are no masks",
        yolo("0 0.5 0.5 0.2 0.2"),
        says="boxes are no masks; export the annotations as segmentation",
    ),
    Tree(
        "labelme",
        "`a.json` beside `a.jpg` (LabelMe)",
        "the shapes as masks; images without a JSON are left out",
        labelme,
        "labelme",
        ("background", "cell"),
        8,
    ),
    Tree(
        "cvat",
        "`annotations.xml` and `images/` (CVAT for images)",
        "the shapes as masks",
        cvat,
        "cvat",
        ("background", "cell"),
        8,
    ),
    Tree(
        "one_mask_an_object",
        "`ID/images/ID.png ID/masks/*.png` (Data Science Bowl 2018), or `images/a.png masks/a/*.png`",
        "one mask an object: their union is the foreground",
        one_mask_an_object,
        "objects",
        ("background", "foreground"),
        8,
        says="the union of the 24 masks of 8 images is the foreground",
    ),
)


def table() -> str:
    """Return the table of the page."""
    rows = [f"| {tree.looks} | {tree.read} |" for tree in TREES]
    return "\n".join([BEGIN, "| my folder looks like this | it is read so |", "| --- | --- |", *rows, END])


def page_with_table(page: str) -> str:
    """Return the page with the table written anew."""
    before, rest = page.split(BEGIN)
    return before + table() + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))
    sys.stdout.write(f"{PAGE}\n")
