"""CUB-200-2011: `CUB_200_2011/images/<class>/*.jpg` and perhaps `segmentations/<class>/*.png`.

With segmentations, the classes are background and bird. The brightness of a pixel shows how many of five
annotators marked it; from three on it is bird. Without segmentations, the labels are the 200 species.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout, labelled_layout, listed, read_list
from foveate.data.folders.listing import locate_folder
from foveate.data.folders.pairing import pair
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import binary_codec
from foveate.errors import DataError

NAMES = ("background", "bird")
LAYOUT = "CUB_200_2011/ with images/<class>/*.jpg, images.txt, ... and segmentations/<class>/*.png"

INFO = DatasetInfo(
    name="cub",
    title="Caltech-UCSD Birds 200-2011: bird and background (200 species without the segmentations)",
    task="segmentation",
    classes=NAMES,
    splits={"train": 5994, "test": 5794},
    images=11788,
    bytes=1_189_858_222,
    licence="non-commercial research and education",
    home="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    citation="Wah, Branson, Welinder, Perona, Belongie, The Caltech-UCSD Birds-200-2011 Dataset, Caltech "
    "CNS-TR-2011-001",
    layout=LAYOUT,
    downloads=(
        Download(
            "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
            "md5:97eceeb196236b17998738112f37df78",
            1_150_585_339,
        ),
        Download(
            "https://data.caltech.edu/records/w9d68-gec53/files/segmentations.tgz",
            "md5:4d47ba1228eae64f2fa547c47bc65255",
            39_272_883,
        ),
    ),
)


@reader("cub", 12, LAYOUT, INFO)
class Cub:
    @staticmethod
    def recognise(root: Path) -> bool:
        base = _base(root)
        named = base.name == "CUB_200_2011" or (base / "image_class_labels.txt").is_file()
        return named and (base / "images").is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        base = _base(root)
        folders = (locate_folder(root, "segmentations"), base / "segmentations")
        masks = next((folder for folder in folders if folder.is_dir()), None)
        if masks is None:
            names = [words[-1] for _, words in read_list(base / "classes.txt")]
            return labelled_layout(_labelled(base, len(names)), names, classes)
        if (base / "images.txt").is_file():
            parts = _segmented(base, masks)
        else:
            parts = {"all": pair(base / "images", masks)}
        return coded_layout(parts, binary_codec(NAMES, classes), INFO)


def _base(root: Path) -> Path:
    inner = locate_folder(root, "CUB_200_2011")
    return inner if inner.is_dir() else root


def _segmented(base: Path, masks: Path) -> dict[str, list[Entry]]:
    trains = _numbers(base / "train_test_split.txt")
    parts: dict[str, list[Entry]] = {"train": [], "test": []}
    for key, name, where in _images(base):
        image = listed(base / "images", name, where)
        mask = listed(masks, PurePosixPath(name).with_suffix(".png").as_posix(), where)
        parts["train" if _look(trains, key, where) else "test"].append(Entry(Path(name).stem, image, mask))
    return parts


def _labelled(base: Path, classes: int) -> dict[str, list[Entry]]:
    trains, labels = _numbers(base / "train_test_split.txt"), _numbers(base / "image_class_labels.txt")
    parts: dict[str, list[Entry]] = {"train": [], "test": []}
    for key, name, where in _images(base):
        image, label = listed(base / "images", name, where), _look(labels, key, where) - 1
        if not 0 <= label < classes:
            raise DataError(f"{where}: has the species {label + 1}, and classes.txt names {classes}")
        parts["train" if _look(trains, key, where) else "test"].append(
            Entry(Path(name).stem, image, label=label)
        )
    return parts


def _images(base: Path) -> list[tuple[str, str, str]]:
    path = base / "images.txt"
    return [(words[0], words[-1], f"{path}:{line}") for line, words in read_list(path)]


def _numbers(path: Path) -> dict[str, int]:
    numbers = {}
    for line, words in read_list(path):
        if len(words) != 2 or not words[1].isdecimal():
            raise DataError(f"{path}:{line}: '{' '.join(words)}' is not an image's id and a number")
        numbers[words[0]] = int(words[1])
    return numbers


def _look(numbers: dict[str, int], key: str, where: str) -> int:
    if key not in numbers:
        raise DataError(
            f"{where}: the image {key} is in one list and not in the others; get the dataset again"
        )
    return numbers[key]
