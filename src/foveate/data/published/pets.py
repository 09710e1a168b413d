"""Oxford-IIIT pets: `images/*.jpg`, `annotations/trimaps/*.png`, and the lists of train and test."""

from collections.abc import Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.folders.coded import coded_layout, listed, read_list
from foveate.data.folders.listing import locate_folder
from foveate.data.info import DatasetInfo, Download
from foveate.data.layout import Layout, reader
from foveate.data.pixels.codecs import table_codec

NAMES = ("background", "pet")
LAYOUT = "images/*.jpg and annotations/ with trimaps/*.png, trainval.txt, test.txt (or images.tar.gz ...)"
_PARTS = {"train": "trainval.txt", "test": "test.txt"}
_ADDRESS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"

INFO = DatasetInfo(
    name="pets",
    title="Oxford-IIIT pets: cats and dogs, with trimaps",
    task="segmentation",
    classes=NAMES,
    splits={"train": 3680, "test": 3669},
    images=7349,
    bytes=811_092_049,
    licence="CC BY-SA 4.0",
    home="https://www.robots.ox.ac.uk/~vgg/data/pets/",
    citation="Parkhi, Vedaldi, Zisserman, Jawahar, Cats and Dogs, CVPR 2012",
    layout=LAYOUT,
    downloads=(
        Download(f"{_ADDRESS}/images.tar.gz", "md5:5c4f3ee8e5d25df40f4fd59a7f44e54c", 791_918_971),
        Download(f"{_ADDRESS}/annotations.tar.gz", "md5:95a8c909bbe2e81eed6a22bccdf3f68f", 19_173_078),
    ),
)


@reader("pets", 12, LAYOUT, INFO)
class Pets:
    @staticmethod
    def recognise(root: Path) -> bool:
        return (locate_folder(root, "annotations") / "trimaps").is_dir()

    @staticmethod
    def read(root: Path, classes: Sequence[str] | None) -> Layout:
        images, annotations, parts = locate_folder(root, "images"), locate_folder(root, "annotations"), {}
        for part, name in _PARTS.items():
            path = annotations / name
            parts[part] = []
            for line, (stem, *_) in read_list(path):
                where = f"{path}:{line}"
                image = listed(images, f"{stem}.jpg", where)
                mask = listed(annotations / "trimaps", f"{stem}.png", where)
                parts[part].append(Entry(stem, image, mask))
        reading = "trimaps: 1 is the pet, 2 the background, 3 (the border) is ignored"
        codec = table_codec(NAMES, {1: "pet", 2: "background", 3: None}, classes, reading)
        return coded_layout(parts, codec, INFO)
