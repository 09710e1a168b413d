"""Tiny imitations of published datasets: the folders and files of their archives, with made-up content.

Each function writes what the official archives unpack to, and returns the truth: by split and stem, the class
ids of the mask, or the label, that the reader must find.
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (16, 24)
Truth = dict[str, dict[str, np.ndarray | int]]


@dataclass
class Folder:
    """Writes files under a root and collects the truth."""

    root: Path
    truth: Truth = field(default_factory=dict)
    count: int = 0

    def image(self, path: str, array: np.ndarray | None = None, **options) -> None:
        self.count += 1
        array = photo(self.count) if array is None else array
        self.file(path)
        Image.fromarray(array).save(self.root / path, **options)

    def file(self, path: str, text: str | bytes = "") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    def knows(self, split: str, stem: str, target: np.ndarray | int) -> None:
        self.truth.setdefault(split, {})[stem] = target


def photo(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))


def blocks(seed: int, classes: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Class ids that are constant over 8 x 8 pixels, as JPEG's blocks are; the first classes all occur."""
    coarse = np.random.default_rng(seed).integers(0, classes, (size[0] // 8, size[1] // 8), dtype=np.uint8)
    coarse.flat[: min(classes, coarse.size)] = np.arange(min(classes, coarse.size))
    return np.kron(coarse, np.ones((8, 8), dtype=np.uint8))


def palette_image(ids: np.ndarray, colors: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(ids)
    image.putpalette(np.array(colors, dtype=np.uint8).tobytes())
    return image


def kvasir_seg(root: Path) -> Truth:
    out = Folder(root)
    for number in range(8):
        ids = blocks(number, 2)
        out.image(f"Kvasir-SEG/images/cju{number}.jpg")
        out.image(f"Kvasir-SEG/masks/cju{number}.jpg", np.repeat(ids[..., None] * 255, 3, axis=2), quality=95)
        out.knows("all", f"cju{number}", ids)
    out.file("Kvasir-SEG/kavsir_bboxes.json", "{}")
    return out.truth


def kvasir_instrument(root: Path) -> Truth:
    out = Folder(root)
    for number in range(10):
        ids = blocks(number, 2)
        out.image(f"images/ckcu{number}.jpg")
        out.image(f"masks/ckcu{number}.png", ids * 255)
        out.knows("train" if number < 8 else "test", f"ckcu{number}", ids)
    out.file("train.txt", "".join(f"ckcu{number}\n" for number in range(8)))
    out.file("test.txt", "ckcu8\nckcu9\n\n")
    out.file("bboxes.json", "{}")
    return out.truth


def lsdsc(root: Path) -> Truth:
    out = Folder(root)
    for species in ("Red Mullet", "Sea Bass"):
        for number in range(4):
            ids = blocks(number, 2)
            folder = f"Fish_Dataset/Fish_Dataset/{species}"
            out.image(f"{folder}/{species}/{number:05d}.png")
            out.image(f"{folder}/{species} GT/{number:05d}.png", ids > 0)
            out.knows("all", f"{species}/{number:05d}", ids)
    out.file("Fish_Dataset/README.txt", "words")
    out.image("NA_Fish_Dataset/Sea Bass/00001.png")
    return out.truth


def fsid(root: Path) -> Truth:
    out = Folder(root)
    for number in range(8):
        ids = blocks(number, 2)
        out.image(f"Image/Fire/Img_{number}.jpg")
        out.image(f"Segmentation_Mask/Fire/Img_{number}.jpg", ids * 255, quality=90)
        out.knows("all", f"Img_{number}", ids)
    out.image("Image/Not_Fire/Img_0.jpg")
    return out.truth


def fssd(root: Path) -> Truth:
    out = Folder(root)
    for split, count in (("train", 8), ("val", 3)):
        for number in range(count):
            ids = blocks(number, 2)
            out.image(f"dataset/{split}/images/{number}.png")
            out.image(f"dataset/{split}/labels/{number}.png", ids)
            out.knows(split, f"{split}/{number}", ids)
    return out.truth


def ottawa(root: Path) -> Truth:
    out = Folder(root)
    for number in range(1, 21):
        ids = blocks(number, 2)
        out.image(f"Ottawa-Dataset/{number}/Ottawa-{number}.tif")
        drawn = np.where(ids[..., None] > 0, np.array([0, 0, 0]), 255).astype(np.uint8)
        out.image(f"Ottawa-Dataset/{number}/segmentation.png", drawn)
        out.image(f"Ottawa-Dataset/{number}/edge.png", drawn)
        out.knows("test" if number in (1, 16, 17, 18, 19, 20) else "train", f"Ottawa-{number}", ids)
    return out.truth


def camvid_original(root: Path) -> Truth:
    from foveate.data.published.camvid import CAMVID
    from foveate.data.published.camvid_original import COLORS

    out, names = Folder(root), list(CAMVID)
    colors = np.array(list(COLORS), dtype=np.uint8)
    classes = np.array([names.index(name) if name else 255 for name in COLORS.values()], dtype=np.uint8)
    frames = {
        "train": ["0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_08640"],
        "val": ["0016E5_07959", "0016E5_08159"],
        "test": ["0001TP_008550", "Seq05VD_f00000"],
    }
    for split, stems in frames.items():
        for stem in stems:
            drawn = blocks(len(stem) + len(stems), 32, (32, 64))
            out.image(f"701_StillsRaw_full/{stem}.png", photo(1, (32, 64)))
            out.image(f"LabeledApproved_full/{stem}_L.png", colors[drawn])
            out.knows(split, stem, classes[drawn])
    out.file("label_colors.txt", "64 128 64\tAnimal\n")
    return out.truth


def _cityscapes(root: Path, ending: str) -> Truth:
    from foveate.data.published.cityscapes import CLASSES

    out = Folder(root)
    stored = {0: 255, **{label: number for number, (label, _) in enumerate(CLASSES.values())}}
    colors = {0: (0, 0, 0), **dict(CLASSES.values())}
    for split, city, count in (("train", "aachen", 6), ("val", "ulm", 3), ("test", "bonn", 2)):
        for number in range(count):
            name = f"{city}_{number:06d}_000019"
            drawn = np.array(list(stored))[blocks(number, 20, (32, 48))].astype(np.uint8)
            out.image(f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png", photo(number, (32, 48)))
            mask = drawn * (split != "test")
            if ending == "color":
                rgba = [(*colors[int(label)], 255) for label in mask.flat]
                mask = np.array(rgba, dtype=np.uint8).reshape(*drawn.shape, 4)
            out.image(f"gtFine/{split}/{city}/{name}_gtFine_{ending}.png", mask)
            if split != "test":
                ids = np.vectorize(stored.get)(drawn).astype(np.uint8)
                out.knows(split, f"{split}/{city}/{name}", ids)
    return out.truth


def cityscapes(root: Path) -> Truth:
    return _cityscapes(root, "labelIds")


def cityscapes_colored(root: Path) -> Truth:
    return _cityscapes(root, "color")


LITS = "media/nas/01_Datasets/CT/LITS"
"""Where the zips of both batches have them."""


def lits(root: Path, towards: str = "LPS", ending: str = ".nii") -> Truth:
    """Volumes whose axes run `towards` the given directions, as scanners write them."""
    import nibabel
    from nibabel.orientations import axcodes2ornt, ornt_transform

    out = Folder(root)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(towards))
    for number in range(5):  # two in the first batch, three in the second
        random = np.random.default_rng(number)
        units = random.integers(-1000, 1000, (6, 5, 4)).astype(np.int16)
        classes = random.integers(0, 3, units.shape).astype(np.uint8)
        for kind, values in (("volume", units), ("segmentation", classes)):
            image = nibabel.Nifti1Image(values, np.diag([0.7, 0.7, 2.5, 1])).as_reoriented(turn)
            path = root / LITS / f"Training Batch {1 + (number > 1)}" / f"{kind}-{number}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.to_filename(path)
        for part in range(4):
            # From left to right the patient's right comes first, from top to bottom the front.
            out.knows("all", f"volume-{number}/{part:04d}", classes[::-1, ::-1, part].T)
    return out.truth


def isic2018(root: Path) -> Truth:
    out = Folder(root)
    for split, folder, count in (("train", "Training", 6), ("val", "Validation", 2), ("test", "Test", 3)):
        for number in range(count):
            ids = blocks(number, 2)
            name = f"ISIC_{number:07d}"
            out.image(f"ISIC2018_Task1-2_{folder}_Input/{name}.jpg")
            out.image(f"ISIC2018_Task1_{folder}_GroundTruth/{name}_segmentation.png", ids * 255)
            out.knows(split, f"{split}/{name}", ids)
        out.file(f"ISIC2018_Task1-2_{folder}_Input/ATTRIBUTION.txt", "words")
    return out.truth


def pets(root: Path) -> Truth:
    out = Folder(root)
    trimap = np.array([2, 1, 3], dtype=np.uint8)
    ids = np.array([0, 1, 255], dtype=np.uint8)
    for split, path, count in (("train", "trainval.txt", 8), ("test", "test.txt", 4)):
        lines = []
        for number in range(count):
            name = f"Abyssinian_{split}_{number}"
            drawn = blocks(number, 3)
            out.image(f"images/{name}.jpg")
            out.image(f"annotations/trimaps/{name}.png", trimap[drawn])
            out.file(f"annotations/trimaps/._{name}.png", b"left by another system")
            lines.append(f"{name} 1 1 1\n")
            out.knows(split, name, ids[drawn])
        out.file(f"annotations/{path}", "".join(lines))
    out.file("annotations/list.txt", "#Image CLASS-ID SPECIES BREED ID\n")
    return out.truth


def ade20k(root: Path) -> Truth:
    out = Folder(root)
    for split, folder, count in (("train", "training", 6), ("val", "validation", 3)):
        for number in range(count):
            stored = np.random.default_rng(number).integers(0, 151, SIZE, dtype=np.uint8)
            name = f"ADE_{folder[:5]}_{number:08d}"
            out.image(f"ADEChallengeData2016/images/{folder}/{name}.jpg")
            out.image(f"ADEChallengeData2016/annotations/{folder}/{name}.png", stored)
            out.knows(split, f"{split}/{name}", stored - np.uint8(1))
    out.file("ADEChallengeData2016/objectInfo150.txt", "Idx\tRatio\tTrain\tVal\tStuff\tName\n")
    return out.truth


def voc(root: Path) -> Truth:
    from foveate.data.published.voc import voc_color

    out, base = Folder(root), "VOCdevkit/VOC2012"
    for split, count in (("train", 6), ("val", 3)):
        names = [f"2007_{split}{number}" for number in range(count)]
        for number, name in enumerate(names):
            ids = np.where(blocks(number, 22, (32, 48)) == 21, 255, blocks(number, 22, (32, 48))).astype(
                np.uint8
            )
            out.image(f"{base}/JPEGImages/{name}.jpg", photo(number, (32, 48)))
            out.file(f"{base}/SegmentationClass/{name}.png")
            image = palette_image(ids, [voc_color(color) for color in range(256)])
            image.save(root / base / "SegmentationClass" / f"{name}.png")
            out.knows(split, name, ids)
        out.file(f"{base}/ImageSets/Segmentation/{split}.txt", "\n".join(names) + "\n")
    out.image(f"{base}/JPEGImages/2008_unlabelled.jpg")
    return out.truth


def _cub(root: Path) -> tuple[Folder, list[tuple[str, int, str]]]:
    out, rows = Folder(root), []
    for species in (1, 2):
        for number in range(6):
            name = f"{species:03d}.Bird_{species}/Bird_{species}_{number:04d}"
            out.image(f"CUB_200_2011/images/{name}.jpg")
            rows.append((name, species, "train" if number < 4 else "test"))
    numbered = list(enumerate(rows, start=1))
    base = "CUB_200_2011"
    out.file(f"{base}/images.txt", "".join(f"{key} {name}.jpg\n" for key, (name, _, _) in numbered))
    out.file(f"{base}/classes.txt", "1 001.Bird_1\n2 002.Bird_2\n")
    out.file(f"{base}/image_class_labels.txt", "".join(f"{key} {label}\n" for key, (_, label, _) in numbered))
    splits = "".join(f"{key} {int(split == 'train')}\n" for key, (_, _, split) in numbered)
    out.file(f"{base}/train_test_split.txt", splits)
    out.file("attributes.txt", "1 has_bill_shape::curved\n")
    return out, rows


def cub(root: Path) -> Truth:
    out, rows = _cub(root)
    for number, (name, _, split) in enumerate(rows):
        votes = blocks(number, 6, (16, 24))
        out.image(f"segmentations/{name}.png", votes * np.uint8(51))
        out.knows(split, Path(name).name, (votes >= 3).astype(np.uint8))
    return out.truth


def cub_species(root: Path) -> Truth:
    out, rows = _cub(root)
    for name, species, split in rows:
        out.knows(split, Path(name).name, species - 1)
    return out.truth


def pickled(value: object) -> bytes:
    """A pickle as Python 2 wrote it, in protocol 2: text as bytes, arrays by numpy.core.multiarray."""
    return _Python2().dump(value)


class _Python2:
    """Writes the few opcodes that the official batches consist of."""

    def dump(self, value: object) -> bytes:
        return b"\x80\x02" + self.write(value) + b"."

    def write(self, value: object) -> bytes:
        if isinstance(value, dict):
            items = b"".join(self.write(key) + self.write(each) for key, each in value.items())
            return b"}(" + items + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.write, value)) + b"e"
        if isinstance(value, bytes):
            return b"T" + struct.pack("<I", len(value)) + value
        if isinstance(value, np.ndarray):
            kind = b"cnumpy\ndtype\n" + self.write(b"u1") + b"K\x00K\x01\x87R"
            kind += b"(K\x03" + self.write(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            empty = (
                b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + b"K\x00\x85" + self.write(b"b")
            )
            shape = b"".join(b"J" + struct.pack("<i", side) for side in value.shape)
            return (
                empty + b"\x87R(K\x01(" + shape + b"t" + kind + b"\x89" + self.write(value.tobytes()) + b"tb"
            )
        return b"J" + struct.pack("<i", int(value))


def _batch(seed: int, rows: int, classes: int) -> tuple[np.ndarray, list[int]]:
    data = np.random.default_rng(seed).integers(0, 256, (rows, 3072), dtype=np.uint8)
    return data, [row % classes for row in range(rows)]


def cifar10(root: Path) -> Truth:
    out = Folder(root)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        data, labels = _batch(len(out.truth), 20, 10)
        batch = {b"batch_label": name.encode(), b"labels": labels, b"data": data}
        out.file(f"cifar-10-batches-py/{name}", pickled(batch))
        for row, label in enumerate(labels):
            out.knows("test" if name == "test_batch" else "train", f"{name}/{row:05d}", label)
    out.file("cifar-10-batches-py/batches.meta", pickled({b"label_names": [b"airplane"]}))
    return out.truth


def cifar100(root: Path) -> Truth:
    out = Folder(root)
    for name, rows in (("train", 300), ("test", 100)):
        data, labels = _batch(rows, rows, 100)
        batch = {b"fine_labels": labels, b"coarse_labels": [0] * rows, b"data": data}
        out.file(f"cifar-100-python/{name}", pickled(batch))
        for row, label in enumerate(labels):
            out.knows(name, f"{name}/{row:05d}", label)
    out.file("cifar-100-python/meta", pickled({b"fine_label_names": [b"apple"]}))
    return out.truth


def cassava(root: Path) -> Truth:
    from foveate.data.published.cassava import NAMES

    out, lines = Folder(root), ["image_id,label\n"]
    for number in range(30):
        out.image(f"train_images/{1000 + number}.jpg")
        lines.append(f"{1000 + number}.jpg,{number % 5}\n")
        out.knows("all", str(1000 + number), number % 5)
    out.file("train.csv", "".join(lines))
    out.file("label_num_to_disease_map.json", json.dumps(dict(enumerate(NAMES))))
    out.image("test_images/2216849948.jpg")
    return out.truth


IMITATIONS = {
    "ade20k": ade20k,
    "camvid_original": camvid_original,
    "cassava": cassava,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "cityscapes": cityscapes,
    "cub": cub,
    "fsid": fsid,
    "fssd": fssd,
    "isic2018": isic2018,
    "kvasir_instrument": kvasir_instrument,
    "kvasir_seg": kvasir_seg,
    "lits": lits,
    "lsdsc": lsdsc,
    "ottawa": ottawa,
    "pets": pets,
    "voc": voc,
}
"""By the name of the dataset, what writes an imitation of it."""

OTHERS = {"cityscapes": cityscapes_colored, "cub": cub_species}
"""A second form in which two of them come."""
